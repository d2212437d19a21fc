"""The roof of a machine, and what a stage could reach under it.

Intensities are in FLOP/byte, peaks in GFLOP/s, bandwidths in GB/s; 1 GB is 1e9 bytes.
"""


def attainable(intensity: float, peak: float, bandwidth: float) -> float:
    """GFLOP/s that work of this intensity can reach at the very most.

    Args:
        intensity: operations that it does with each byte that it reads, FLOP/byte.
        peak: of the processor, GFLOP/s.
        bandwidth: of the memory, GB/s.
    """
    raise NotImplementedError


def ridge(peak: float, bandwidth: float) -> float:
    """The intensity, FLOP/byte, from which on the processor is what bounds."""
    raise NotImplementedError


def decode_intensity(batch: int, bytes_per_parameter: float) -> float:
    """FLOP/byte of a decode step; keys and values are left out.

    Args:
        batch: sequences side by side, of which each gets one token.
        bytes_per_parameter: 2 for bf16, 1 for int8, 0.5 for int4.
    """
    raise NotImplementedError


def prefill_intensity(batch: int, prompt_tokens: int, bytes_per_parameter: float) -> float:
    """FLOP/byte of reading ``batch`` prompts of ``prompt_tokens`` each, in one pass."""
    raise NotImplementedError


def decode_speed(weight_bytes: float, bandwidth: float, ranks: int) -> float:
    """The most tokens/s of one sequence, if reading weights were all that takes time.

    Args:
        weight_bytes: of the whole model, all ranks together.
        bandwidth: of the memory of each rank.
        ranks: processes that read at the same time, each its own part.
    """
    raise NotImplementedError


def speculative_speed(
    weight_bytes: float, draft_bytes: float, guesses: int, accepted: float, bandwidth: float
) -> float:
    """The same with speculation: a pass reads the draft for each guess, and the model once.

    Args:
        guesses: tokens that the draft proposes for a pass; may be 0.
        accepted: how many of them are kept, on average.
    """
    raise NotImplementedError


def unexplained_ms(predicted: float, measured: float) -> float:
    """Milliseconds of a token that reading does not explain, from two speeds in tokens/s.

    Negative where a stage is faster than its roof.
    """
    raise NotImplementedError
