"""The record against the lines around it, which were written in the same run from the same values.

Editing one of the two and forgetting the other is found here. An honest log may be cut, joined to
others or torn by another process's lines: a missing line proves nothing, a differing number does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from workshop.grading.evidence.finding import Check, close, found
from workshop.grading.evidence.log import Run
from workshop.grading.evidence.run_lines import Number
from workshop.grading.records import Finding
from workshop.record.results import Result, Sample
from workshop.stages import STAGES
from workshop.util.text import one_line

MILLI = 1e3
NAMED = re.compile(r"(?:^|/)job-[\w-]+-(\d{1,12})\.out$")


def one_record(run: Run) -> bool:
    """Whether the lines can be told to be this run's: two runs that wrote at once are mixed."""
    return run.lines.settings is not None and run.lines.records == 1


def alone(run: Run) -> Iterator[Finding]:
    """A record without the lines around it, as ``--json`` prints it: less can be checked."""
    if run.lines.settings is None:
        yield found(
            "note", run, "its record stands alone, without the lines that a run writes around it"
        )
    elif run.lines.records > 1:
        yield found(
            "doubt",
            run,
            f"{run.lines.records} records come after one line of settings: two runs wrote into "
            "this log at once, or a line was added",
        )


def settings(run: Run) -> Iterator[Finding]:
    """The settings in the line that the run began with are the record's.

    Where logs were joined by hand, the line may be of a run whose record is lost: only with the
    record's own samples between the two is it certain whose it is.
    """
    if not one_record(run) or run.lines.settings == run.result.settings:
        return
    own = bool(run.lines.samples) and list(run.lines.samples) == run.result.samples
    yield found(
        "contradiction" if own else "doubt",
        run,
        "its record has other settings than the line that the run began with",
    )


def samples(run: Run) -> Iterator[Finding]:
    """Each sample as it was written when it was taken is in the record, digit by digit."""
    if not one_record(run):
        return
    lost = [one for one in run.lines.samples if one not in run.result.samples]
    if lost:
        own = run.lines.settings == run.result.settings
        yield found(
            "contradiction" if own else "doubt",
            run,
            f"{len(lost)} of {len(run.lines.samples)} samples that were written during the run are "
            "not in its record",
            one_of_them=f"{lost[0].decode_seconds!r} seconds of decode",
        )


def numbers(run: Run) -> Iterator[Finding]:
    """Each number in a line for people is the record's, rounded."""
    if not one_record(run) or run.lines.settings != run.result.settings:
        return
    wrong = [
        (number, value)
        for number in run.lines.numbers
        if (value := recorded(number, run.result)) is not None and not rounded(number.text, value)
    ]
    if not wrong:
        return
    first, value = wrong[0]
    others = f", and {len(wrong) - 1} more lines differ" if len(wrong) > 1 else ""
    where = "" if first.sample is None else f" of sample {first.sample + 1}"
    yield found(
        "contradiction",
        run,
        f"a line says {one_line(first.text, 24)} as {first.name}{where}, and the record "
        f"{value:.6g}{others}",
    )


def recorded(number: Number, result: Result) -> float | None:
    """The value in the record that a line repeats; None where the record has none."""
    if number.sample is not None:
        if not 0 <= number.sample < len(result.samples):
            return None
        return of_sample(number.name, result.samples[number.sample])
    values = {
        "load": result.load_seconds,
        "compile": result.compile_seconds,
        "mean accepted": result.mean_accepted,
        "acceptance rate": result.acceptance_rate,
        "batch size": result.batch_size,
        "prompt length": result.prompt_tokens,
        "generated tokens": result.new_tokens,
        "average": result.tokens_per_second,
        "standard deviation": result.tokens_per_second_std,
        "memory": result.memory_gb,
    }
    return values[number.name]


def of_sample(name: str, sample: Sample) -> float | None:
    if name == "bandwidth":  # only the mean over the samples is in the record
        return None
    values = {
        "seconds": sample.seconds,
        "speed": sample.tokens_per_second or 0.0,
        "ttft": sample.ttft_seconds * MILLI,
        "tpot": (sample.tpot_seconds or 0.0) * MILLI,
    }
    return values[name]


def rounded(text: str, value: float) -> bool:
    """Whether a number with so many decimals is this one, rounded."""
    decimals = len(text.partition(".")[2])
    return abs(float(text) - value) <= 0.51 * 10**-decimals + 1e-9 * abs(value)


def bandwidth(run: Run) -> Iterator[Finding]:
    """The bandwidths after each sample have the record's as their mean."""
    printed = [float(one.text) for one in run.lines.numbers if one.name == "bandwidth"]
    mean = run.result.bandwidth_gb_per_second
    if not one_record(run) or mean is None or len(printed) != len(run.result.samples):
        return
    again = sum(printed) / len(printed)
    if abs(again - mean) > 0.0051 and not close(again, mean, 1e-6):
        yield found(
            "contradiction",
            run,
            f"the lines after its samples give {again:.4g} GB/s on average, and the record "
            f"{mean:.4g}",
        )


def device(run: Run) -> Iterator[Finding]:
    """The device and its threads in the line before the settings are the record's."""
    printed, result = run.lines.device, run.result
    if printed is None or not one_record(run) or result.device is None or result.threads is None:
        return
    if printed != (result.device, result.threads):
        yield found(
            "contradiction" if run.lines.settings == result.settings else "doubt",
            run,
            f"a line says that it ran on {one_line(printed[0], 60)} with {printed[1]} threads, and "
            f"the record {one_line(result.device, 60)} with {result.threads}",
        )


def job(run: Run) -> Iterator[Finding]:
    """The nodes and the stage that the job's script printed before the run.

    A doubt at the most: somebody may have run another stage in a job of his own. That a file is
    named after another job is no more than a note: logs that are made in a session are numbered.
    """
    slurm, lines = run.result.slurm, run.lines
    if slurm is None:
        return
    if lines.nodes is not None and slurm.nodes is not None and lines.nodes != slurm.nodes:
        yield found(
            "doubt",
            run,
            f"the job's script says that it ran on {one_line(lines.nodes, 60)}, and the record "
            f"{one_line(slurm.nodes, 60)}",
        )
    named = NAMED.search(run.log)
    if named is not None and named[1] != slurm.job_id:
        yield found(
            "note",
            run,
            f"its file is named after job {named[1]}, and it ran in {one_line(slurm.job_id, 20)}",
        )
    stage = run.result.stage
    if lines.example in STAGES and stage is not None and lines.example != stage:
        yield found("doubt", run, f"the job's script says that it runs {lines.example}")


CHECKS: tuple[Check, ...] = (alone, settings, samples, numbers, bandwidth, device, job)
