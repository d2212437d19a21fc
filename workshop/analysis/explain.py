"""One sentence per stage: why its number is what it is, from the record's own numbers."""

from __future__ import annotations

from workshop.record.results import Quality, Result
from workshop.roofline.models import tiny_shape
from workshop.roofline.widths import MOST_COPIES, name_of
from workshop.stages import STAGES
from workshop.stages.sentences import MB, alone, compared

WIDER = tuple(copies for copies in (2, 4, 8, 16) if copies <= MOST_COPIES)
CLEARLY = 1.4  # times the cache: of what is hardly larger, most still stays there


def why(result: Result, against: Result | None) -> str:
    """Why this stage runs at the speed that it does, beside the stage it builds on."""
    if result.tpot_seconds is None or result.tokens_per_second is None:
        return f"No number: {result.reason or 'the run gave none'}."
    if against is None or against.tpot_seconds is None:
        return alone(result) + in_cache(result)
    stage = STAGES.get(result.stage or "")
    explained = stage.explain if stage else compared
    return explained(result, against) + in_cache(result)


def in_cache(result: Result) -> str:
    """A further sentence where the weights fit in the cache, with what to do about it; else ''."""
    if not result.cache_bytes or not result.model_bytes:
        return ""
    if result.model_bytes > result.cache_bytes:
        return ""
    return (
        f" Its {result.model_bytes / MB:.3g} MB of weights fit in the last-level cache of these "
        f"cores ({result.cache_bytes / MB:.3g} MB), where fewer bytes save little time: to read "
        f"weights from memory, use {wider_than(result.cache_bytes)}."
    )


def wider_than(cache: int) -> str:
    """The embedded model that leaves the cache even in int8, or any larger model."""
    for copies in WIDER:
        if tiny_shape(name_of(copies)).parameters > CLEARLY * cache:
            return f"--model {name_of(copies)} or a larger model"
    return "a larger model"


def kept(quality: Quality) -> str:
    """What fewer bits cost, from what was measured after the run."""
    error = quality.loss_increase_error
    uncertain = f" ± {error:.2g}" if error is not None else ""
    return (
        f"On {quality.tokens} tokens of text its perplexity is {quality.perplexity:.4g}, "
        f"unquantised {quality.reference_perplexity:.4g} (a loss of {quality.loss_increase:+.2g}"
        f"{uncertain} nats a token), and it finds the same token likeliest at "
        f"{quality.agreement:.1%} of them."
    )
