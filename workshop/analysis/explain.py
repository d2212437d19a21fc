"""One sentence per stage: why its number is what it is, from the record's own numbers."""

from __future__ import annotations

from workshop.analysis.noise import too_noisy
from workshop.record.results import Quality, Result
from workshop.roofline.models import tiny_shape
from workshop.roofline.widths import MOST_COPIES, name_of
from workshop.stages import STAGES
from workshop.stages.sentences import alone, compared, megabytes, ms, outcome

WIDER = tuple(copies for copies in (2, 4, 8, 16) if copies <= MOST_COPIES)
CLEARLY = 1.4  # times the cache: of what is hardly larger, most still stays there


def why(result: Result, against: Result | None) -> str:
    """Why this stage runs at the speed that it does, beside the stage it builds on.

    Where noise may be all that the two differ by, that and nothing else: no cause follows from it.
    """
    if result.tpot_seconds is None or result.tokens_per_second is None:
        return f"No number: {result.reason or 'the run gave none'}."
    if against is not None and against.tpot_seconds is None:
        against = None
    if noise := too_noisy(result, against):
        how = outcome(result, against) if against else f"A token takes {ms(result)}"
        return f"{how}: too noisy to tell why, {noise}. Run both again on an idle machine."
    if against is None:
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
        f" Its {megabytes(result.model_bytes)} of weights fit in the last-level cache of these "
        f"cores ({megabytes(result.cache_bytes)}), where fewer bytes save little time: to read "
        f"weights from memory, use {wider_than(result.cache_bytes)}."
    )


def wider_than(cache: int) -> str:
    """The embedded model that leaves the cache even in int8, or any larger model."""
    for copies in WIDER:
        if tiny_shape(name_of(copies)).parameters > CLEARLY * cache:
            return f"--model {name_of(copies)} or a larger model"
    return "a larger model"


def quality_cost(quality: Quality) -> str:
    """What fewer bits cost, from what was measured after the run."""
    error = quality.loss_increase_error
    uncertain = f" ± {error:.2g}" if error is not None else ""
    return (
        f"On {quality.tokens} tokens of text its perplexity is {quality.perplexity:.4g}, "
        f"unquantised {quality.reference_perplexity:.4g} (a loss of {quality.loss_increase:+.2g}"
        f"{uncertain} nats a token), and it finds the same token likeliest at "
        f"{quality.agreement:.1%} of them."
    )
