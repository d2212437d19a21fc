"""The roof of a machine, solved."""


def attainable(intensity: float, peak: float, bandwidth: float) -> float:
    return min(peak, intensity * bandwidth)


def ridge(peak: float, bandwidth: float) -> float:
    return peak / bandwidth


def decode_intensity(batch: int, bytes_per_parameter: float) -> float:
    return 2 * batch / bytes_per_parameter


def prefill_intensity(batch: int, prompt_tokens: int, bytes_per_parameter: float) -> float:
    return 2 * batch * prompt_tokens / bytes_per_parameter


def decode_speed(weight_bytes: float, bandwidth: float, ranks: int) -> float:
    return ranks * bandwidth * 1e9 / weight_bytes


def speculative_speed(
    weight_bytes: float, draft_bytes: float, guesses: int, accepted: float, bandwidth: float
) -> float:
    read = weight_bytes + guesses * draft_bytes
    return (1 + accepted) * bandwidth * 1e9 / read  # 1: the model's own token


def unexplained_ms(predicted: float, measured: float) -> float:
    return (1 / measured - 1 / predicted) * 1e3
