"""A record against itself: its samples, its means, its bytes and its tokens have to agree.

A record holds every sample, and each of its means follows from them by the formula that wrote it.
So an honest record agrees to the last digit, whatever machine it is from, and whoever changes one
number has to change a dozen others. That somebody who writes the whole record anew can do: such a
record is held against physics and accounting instead.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence

from workshop.grading.evidence.finding import Check, close, found
from workshop.grading.evidence.log import Run
from workshop.grading.records import Finding, Severity
from workshop.record.results import Result, Sample, guesses_made, spread, with_samples

SHORTEST = 1e-3  # seconds: of less, a clock's steps may give one reading twice
FEWEST_BYTES = 0.2  # of a model's, that a pass reads: the rest is a table of which it reads a row
STEADIEST = 1e-6  # spread over mean, which no machine with an operating system keeps

# What follows from the samples alone, and what people call it.
DERIVED = {
    "tokens_per_second": "tokens/s",
    "tokens_per_second_std": "standard deviation of tokens/s",
    "total_tokens_per_second": "tokens/s of all sequences",
    "ttft_seconds": "time to the first token",
    "tpot_seconds": "time per token",
    "mean_accepted": "mean of accepted guesses",
    "acceptance_rate": "acceptance rate",
    "new_tokens": "number of new tokens",
}


def means(run: Run) -> Iterator[Finding]:
    """The means and spreads that follow from the samples alone, worked out again.

    The record's are written by the same function from the same samples, which JSON keeps exactly.
    What a record of an earlier version lacks is passed over.
    """
    again = with_samples(run.result, run.result.samples)
    for name, words in DERIVED.items():
        recorded, worked_out = getattr(run.result, name), getattr(again, name)
        if recorded is None or worked_out is None or close(recorded, worked_out):
            continue
        yield found(
            "contradiction",
            run,
            f"the record's {words} is {recorded:.6g}, and its samples give {worked_out:.6g}",
            record=float(recorded),
            samples=float(worked_out),
        )


def counts(run: Run) -> Iterator[Finding]:
    """As many samples as were asked for, none longer than was asked for, and a prompt as said.

    A run that took fewer samples did not end well, and its record says so itself.
    """
    result, settings = run.result, run.result.settings
    if settings is None:
        return
    taken = len(result.samples)
    if taken != settings.samples:
        yield found(
            "contradiction",
            run,
            f"a complete run of {settings.samples} samples has {taken} in its record",
            asked_for=settings.samples,
            in_the_record=taken,
        )
    longest = max(max(sample.lengths) for sample in result.samples)
    if longest > settings.new_tokens:
        yield found(
            "contradiction",
            run,
            f"a sample has {longest} new tokens, and at most {settings.new_tokens} were to be made",
        )
    if result.prompt_ids is not None and result.prompt_tokens is not None:
        length = len(result.prompt_ids)
        alone = result.batch_size == 1
        if length > result.prompt_tokens or (alone and length != result.prompt_tokens):
            yield found(
                "contradiction",
                run,
                f"the prompt has {length} ids, and its length is given as {result.prompt_tokens}",
            )


def weights_read(run: Run) -> Iterator[Finding]:
    """Bandwidth is bytes over time: the bytes have to be the model's, and the times the samples'.

    How many bytes a pass read is not in the record, but it follows from the bandwidth, and is at
    most the model's. The spread of the bandwidth then follows from the samples as well.
    """
    result = run.result
    rates = [rate for sample in result.samples if (rate := passes_a_second(sample, result))]
    recorded = result.bandwidth_gb_per_second
    if recorded is None or not rates or not result.model_bytes:
        return
    most = statistics.fmean(rate.of(result.model_bytes, result.draft_bytes or 0) for rate in rates)
    if recorded * 1e9 > most * (1 + 1e-6):
        yield found(
            "contradiction",
            run,
            f"it has read {recorded:.4g} GB/s of weights, and in its passes' time all weights "
            f"together make {most / 1e9:.4g} GB/s",
            bandwidth=recorded,
            bytes_of_the_model=result.model_bytes,
        )
    elif recorded * 1e9 < most * FEWEST_BYTES:
        yield found(
            "doubt",
            run,
            f"it has read {recorded:.4g} GB/s of weights; its passes over the whole model would be "
            f"{most / 1e9:.4g} GB/s",
        )
    scale = recorded * 1e9 / most if most else 0.0
    again = spread([scale * rate.of(result.model_bytes, result.draft_bytes or 0) for rate in rates])
    told_spread = result.bandwidth_std
    if told_spread is None or again is None or not proportional(rates):
        return
    if not close(told_spread * 1e9, again, 1e-5):
        yield found(
            "contradiction",
            run,
            f"the bandwidth scatters by {told_spread:.4g} GB/s, and by the samples' times it would "
            f"by {again / 1e9:.4g}",
        )


class Rate(tuple[float, float]):
    """Passes of the model, and guesses of a draft, a second."""

    def of(self, model_bytes: int, draft_bytes: int) -> float:
        """Bytes a second, if a pass and a guess read so many."""
        return self[0] * model_bytes + self[1] * draft_bytes


def passes_a_second(sample: Sample, result: Result) -> Rate | None:
    """As ``measure.achieved`` counts them; None for a sample without decode."""
    if sample.decode_seconds <= 0:
        return None
    at_once = max(1, result.settings.decode_steps if result.settings else 1)
    passes = sample.verify_passes
    if passes is None:
        passes = -(-(max(sample.lengths) - 1) // at_once) * at_once
    seconds = sample.decode_seconds
    return Rate((passes / seconds, guesses_made(sample, result) / seconds))


def proportional(rates: Sequence[Rate]) -> bool:
    """Whether guesses come with passes in one proportion, so that one unknown is left."""
    shares = [rate[1] / rate[0] for rate in rates if rate[0]]
    return len(shares) == len(rates) and all(close(share, shares[0]) for share in shares)


def utilisation(run: Run) -> Iterator[Finding]:
    """MBU is bandwidth over the device's bandwidth, both of which stand beside it."""
    result = run.result
    recorded, ceiling = result.mbu, result.device_bandwidth_gb_per_second
    if recorded is None or result.bandwidth_gb_per_second is None or not ceiling:
        return
    again = result.bandwidth_gb_per_second / ceiling
    if not close(recorded, again):
        yield found(
            "contradiction",
            run,
            f"MBU is given as {recorded:.4g}, and bandwidth over the device's is {again:.4g}",
        )


def memory(run: Run) -> Iterator[Finding]:
    """Whatever memory counts, the weights were in it."""
    result = run.result
    if result.memory_gb is None or not result.model_bytes:
        return
    if result.memory_gb * 1e9 < result.model_bytes * (1 - 1e-6):
        yield found(
            "contradiction",
            run,
            f"it had {result.memory_gb:.4g} GB of memory, and weights of "
            f"{result.model_bytes / 1e9:.4g} GB",
        )


def guesses(run: Run) -> Iterator[Finding]:
    """Accepted guesses and passes have to give the tokens that there are.

    A pass gives the guesses that it keeps and one token of its own; what the last pass gives beyond
    the end is cut off, which is at most k tokens. With a participant's own accept step (an
    exercise) a miscount is a flaw in code, not in a log: then it is a doubt.
    """
    result, settings = run.result, run.result.settings
    if settings is None or settings.speculate == "none":
        return
    severity: Severity = "doubt" if settings.exercise else "contradiction"
    for i, sample in enumerate(result.samples):
        passes, accepted = sample.verify_passes, sample.accepted
        if passes is None or accepted is None:
            continue
        given, tokens = 1 + passes + accepted, len(sample.tokens)
        beyond = given - tokens
        k = settings.draft_tokens
        by_position = sample.accepted_by_position
        if (
            not 0 <= beyond <= k
            or accepted > passes * k
            or accepted > guesses_made(sample, result)
            or (by_position is not None and sum(by_position) != accepted)
        ):
            yield found(
                severity,
                run,
                f"in sample {i + 1}, {passes} passes that accepted {accepted} of "
                f"{guesses_made(sample, result)} guesses cannot have given {tokens} tokens",
                passes=passes,
                accepted=accepted,
                tokens=tokens,
            )
            return


def alike(run: Run) -> Iterator[Finding]:
    """Two readings of a stopwatch that counts nanoseconds are never one, and never nearly so.

    Two equal ones of a few could be chance on a coarse clock, and are a doubt; where half of them
    are, somebody has copied a sample.
    """
    times = [s.decode_seconds for s in run.result.samples if s.decode_seconds > SHORTEST]
    if len(times) < 2:
        return
    value, often = Counter(times).most_common(1)[0]
    if often > 1:
        copied = len(times) > 2 and often * 2 > len(times)
        yield found(
            "contradiction" if copied else "doubt",
            run,
            f"{often} of {len(times)} samples took the same time to the last digit",
            seconds=repr(value),
        )
    elif len(times) > 2 and statistics.stdev(times) < STEADIEST * statistics.fmean(times):
        yield found(
            "doubt",
            run,
            f"{len(times)} samples are within {statistics.stdev(times):.1e} seconds of each other, "
            "steadier than a machine with an operating system",
        )


def reference(run: Run) -> Iterator[Finding]:
    """The reference beside a baseline is the mean of its samples."""
    beside = run.result.reference
    if beside is None or not beside.samples:
        return
    again = statistics.fmean(beside.samples)
    if not close(beside.tokens_per_second, again):
        yield found(
            "contradiction",
            run,
            f"{beside.label} is given with {beside.tokens_per_second:.6g} tokens/s, and its "
            f"samples give {again:.6g}",
        )


CHECKS: tuple[Check, ...] = (
    means,
    counts,
    weights_read,
    utilisation,
    memory,
    guesses,
    alike,
    reference,
)
