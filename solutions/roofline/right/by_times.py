# Seconds first: what a byte, an operation and a pass take; exact fractions where times subtract.
from fractions import Fraction


def attainable(intensity, peak, bandwidth):
    seconds = max(intensity / (peak * 1e9), 1 / (bandwidth * 1e9))  # of one byte and its operations
    return intensity / seconds / 1e9


def ridge(peak, bandwidth):
    byte, operation = 1 / bandwidth, 1 / peak
    return byte / operation


def decode_intensity(batch, bytes_per_parameter):
    operations = sum(2 for _ in range(batch))
    return operations / bytes_per_parameter


def speculative_speed(weight_bytes, draft_bytes, guesses, accepted, bandwidth):
    seconds = weight_bytes / (bandwidth * 1e9)
    for _ in range(guesses):
        seconds += draft_bytes / (bandwidth * 1e9)
    return 1 / seconds + accepted / seconds


def unexplained_ms(predicted, measured):
    return 1000 * (1 / Fraction(measured) - 1 / Fraction(predicted))
