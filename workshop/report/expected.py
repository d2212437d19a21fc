"""What theory lets one expect of each stage, before it is run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Expectation:
    """What a stage should do to the time of a token, and why."""

    sentence: str
    formula: str


SYMBOLS = (
    "P: parameters; b: bytes of each; BW: memory bandwidth; n: ranks; L: layers; "
    "a: share of the guesses that are accepted; k: guesses a pass; "
    "c: cost of a pass in plain steps."
)

EXPECTED = {
    "baseline": Expectation(
        "A token multiplies every weight by one vector, so it cannot take less time than reading "
        "the weights takes. Eager mode takes longer on a small model: it calls hundreds of small "
        "kernels from Python, one after another.",
        "t ≥ P·b / BW",
    ),
    "compile": Expectation(
        "The bytes are the same; what goes is the overhead of calling kernels.",
        "t = P·b / BW + overhead",
    ),
    "quantize": Expectation(
        "A token reads half the bytes: where reading them is what takes the time, it takes half.",
        "t = P·(b / 2) / BW + overhead",
    ),
    "speculative": Expectation(
        "One pass checks several guesses, and costs hardly more than a step as long as reading the "
        "weights is what takes the time. It pays if enough guesses are accepted.",
        "speed-up = (1 − a^(k+1)) / ((1 − a)·c)",
    ),
    "tp": Expectation(
        "Every rank reads its share of the weights, and all of them wait for two all-reduces a "
        "layer: it pays where these take less than the reading that they save.",
        "t = P·b / (n·BW) + 2·L·t_allreduce",
    ),
}


def expectation(stage: str | None) -> Expectation | None:
    """What to expect of a stage; None of what is not a stage of the lesson."""
    return EXPECTED.get(stage or "")
