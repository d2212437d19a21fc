"""One sentence per stage: why its number is what it is, from the record's own numbers."""

from __future__ import annotations

from workshop.results import Quality, Result
from workshop.roofline.models import tiny_shape
from workshop.roofline.widths import MOST_COPIES, name_of

MS = 1e3
MB = 1e6
WIDER = tuple(copies for copies in (2, 4, 8, 16) if copies <= MOST_COPIES)
CLEARLY = 1.4  # times the cache: of what is hardly larger, most still stays there


def why(result: Result, against: Result | None) -> str:
    """Why this stage runs at the speed that it does, beside the stage it builds on."""
    if result.tpot_seconds is None or result.tokens_per_second is None:
        return f"No number: {result.reason or 'the run gave none'}."
    if result.stage == "baseline" or against is None or against.tpot_seconds is None:
        return alone(result) + in_cache(result)
    explained = {
        "compile": compiled,
        "quantize": quantized,
        "speculative": speculated,
        "tp": split_over_ranks,
    }.get(result.stage or "", compared)
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


def factor(result: Result, against: Result) -> float:
    """How many times as fast; both have a number."""
    return (result.tokens_per_second or 0.0) / (against.tokens_per_second or 1.0)


def ms(result: Result) -> str:
    return f"{(result.tpot_seconds or 0.0) * MS:.3g} ms"


def outcome(result: Result, against: Result) -> str:
    """'1.56 times as fast as compile (4.2 to 2.7 ms a token)'."""
    how = f"{factor(result, against):.3g} times as fast as {against.stage}"
    return f"{how} ({ms(against)} to {ms(result)} a token)"


def alone(result: Result) -> str:
    floor = reading_seconds(result)
    if floor is None or not result.mbu:
        return f"A token takes {ms(result)}."
    read = f"reading its {read_bytes(result) / MB:.3g} MB of weights would take {floor * MS:.2g} ms"
    if result.mbu < 0.5:
        return (
            f"A token takes {ms(result)}, and {read}: the rest is spent calling many small "
            "kernels one after another."
        )
    return f"A token takes {ms(result)}, and {read}: memory bandwidth is what bounds it."


def compiled(result: Result, against: Result) -> str:
    if factor(result, against) >= 1.05:
        return (
            f"{outcome(result, against)}: the same weights are read, but by a few fused kernels "
            "of one graph in place of hundreds of calls, and the KV cache no longer moves."
        )
    return (
        f"{outcome(result, against)}: calling kernels was not what took the time here, so there "
        "was little for a graph to save."
    )


def quantized(result: Result, against: Result) -> str:
    shrunk = read_bytes(against) / (read_bytes(result) or 1)
    gain = factor(result, against)
    told = f"{outcome(result, against)}: a token reads {shrunk:.2g} times fewer bytes of weights"
    if gain > shrunk * 1.1:
        kind = result.settings.quantize if result.settings else "quantised"
        return f"{told}, and the {kind} kernel also gets more out of this machine than bf16's."
    if gain >= 1.05:
        return f"{told}, and reading them is most, not all, of the time."
    return f"{told}, but reading them is not what takes the time here."


def speculated(result: Result, against: Result) -> str:
    """Speed-up = tokens per pass / cost of a pass, in plain steps (Leviathan et al. 2023)."""
    if result.mean_accepted is None or not factor(result, against):
        return compared(result, against)
    per_pass = 1 + result.mean_accepted
    cost = per_pass / factor(result, against)
    told = (
        f"{outcome(result, against)}: a pass gives {per_pass:.3g} tokens "
        f"({(result.acceptance_rate or 0) * 100:.0f} % of the guesses are accepted) "
        f"and, guessing included, takes as long as {cost:.3g} plain steps"
    )
    return f"{told}." if per_pass > cost else f"{told}: guessing costs more than it saves."


def split_over_ranks(result: Result, against: Result) -> str:
    told = f"{outcome(result, against)}: each of {result.world_size} ranks reads only its share"
    if factor(result, against) >= 1.05:
        return f"{told} of the weights, which saves more than two all-reduces a layer cost."
    where = ""
    if result.threads is not None:
        where = (
            f" On a CPU the ranks share the cores ({result.threads} thread each) and, unless each "
            "has a NUMA node of its own, the memory: together they then read no faster than one."
        )
    return (
        f"{told}, but waits for the other in two all-reduces a layer, which take longer than "
        f"the reading that they save.{where}"
    )


def compared(result: Result, against: Result) -> str:
    return f"{outcome(result, against)}."


def reading_seconds(result: Result) -> float | None:
    """Seconds that reading the weights of a token takes at the device's measured bandwidth."""
    if not (result.mbu and result.tpot_seconds):
        return None
    return result.mbu * result.tpot_seconds


def read_bytes(result: Result) -> float:
    """Bytes of weights read for a token."""
    return (result.bandwidth_gb_per_second or 0.0) * 1e9 * (result.tpot_seconds or 0.0)


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
