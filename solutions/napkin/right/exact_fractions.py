# Exact fractions, functions that call each other, and a loop in place of a division.
from fractions import Fraction


def weight_bytes(parameters, bits):
    return Fraction(parameters * bits, 8)


def decode_floor_ms(bytes_read, bandwidth):
    return Fraction(bytes_read) / (Fraction(bandwidth) * 10**6)


def mbu(parameters, bytes_per_parameter, tokens_per_second, bandwidth):
    least = decode_floor_ms(parameters * bytes_per_parameter, bandwidth)
    return least * Fraction(tokens_per_second) / 1000


def largest_batch(memory_gb, weights_gb, kv_gb_per_sequence):
    return sum(1 for n in range(1, 100_000) if weights_gb + n * kv_gb_per_sequence <= memory_gb)
