"""The lines that a run prints around its record: those for people, and the samples as they came.

Nothing is measured by these lines. They repeat what the record has, so an edited record contradicts
them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from workshop.record.readers.ours import record_or_none, sample_of, settings_of
from workshop.record.results import PREFIX, SAMPLE_PREFIX, SETTINGS_PREFIX, Result, Sample
from workshop.stages.settings import Settings

LONGEST = 400  # characters of a line for people
MOST_NUMBERS = 20_000  # in the lines of a run
MOST_SAMPLES = 5_000


@dataclass(frozen=True)
class Number:
    """A number in a line for people.

    Attributes:
        name: what it is, as the lines below call it.
        text: as it stands there: how many decimals it has says how exact it is.
        sample: of which sample, from 0; None for the run's own.
    """

    name: str
    text: str
    sample: int | None = None


@dataclass(frozen=True)
class RunLines:
    """What the lines of one run hold; None and () where a line is missing.

    Attributes:
        settings: the line that a run begins with.
        samples: each as it was written when it was taken.
        device: the device's name and its threads, as the line before the settings has them.
        nodes, example: of the job script's own lines before the run.
        records: how many records came between this run's settings and the next one's.
    """

    settings: Settings | None = None
    samples: tuple[Sample, ...] = ()
    numbers: tuple[Number, ...] = ()
    device: tuple[str, int] | None = None
    nodes: str | None = None
    example: str | None = None
    records: int = 0


_N = r"(-?\d+(?:\.\d+)?)"
TIME = re.compile(rf"Time for inference (\d{{1,6}}): {_N} sec total, {_N} tokens/sec")
OF_SAMPLE = (
    (re.compile(rf"First token after {_N} ms, then {_N} ms per token"), ("ttft", "tpot")),
    (re.compile(rf"Bandwidth achieved: {_N} GB/s"), ("bandwidth",)),
)
OF_RUN = tuple(
    (re.compile(pattern.replace("N", _N)), name)
    for pattern, name in (
        (r"Time to load model: N seconds", "load"),
        (r"Compilation time: N seconds", "compile"),
        (r"Mean Accepted: N", "mean accepted"),
        (r"Acceptance rate: N", "acceptance rate"),
        (r"Batch Size: N", "batch size"),
        (r"Prompt Length: N", "prompt length"),
        (r"Generated tokens: N", "generated tokens"),
        (r"Average tokens/sec: N", "average"),
        (r"Standard deviation of tokens/sec: N", "standard deviation"),
        (r"Memory used: N GB", "memory"),
    )
)
DEVICE = re.compile(r"Using device=cpu \((.{1,200}), (\d{1,5}) threads\)")
NODES = re.compile(r"Nodelist:= (\S{1,200})")
EXAMPLE = re.compile(r"Example:= ([\w-]{1,80})(?: \+ .*)?")


@dataclass
class _Open:
    """A run whose lines are being read."""

    lines: RunLines
    record: Result | None = None
    samples: list[Sample] = field(default_factory=list)
    numbers: list[Number] = field(default_factory=list)
    sample: int | None = None  # that the lines are about
    records: int = 0

    @property
    def closed(self) -> tuple[Result | None, RunLines]:
        return self.record, replace(
            self.lines,
            samples=tuple(self.samples),
            numbers=tuple(self.numbers),
            records=self.records,
        )


def runs_with_lines(lines: Iterable[str]) -> Iterator[tuple[Result | None, RunLines]]:
    """The last record of each run of a log, and the lines around it.

    A line of settings opens a run, as it does for the reader; a record without one before it
    stands for itself.
    """
    run: _Open | None = None
    ahead = RunLines()  # from the lines before the next settings
    for line in lines:
        if line.startswith(SETTINGS_PREFIX):
            if (settings := settings_of(line)) is None:
                continue
            if run is not None:
                yield run.closed
            run, ahead = _Open(replace(ahead, settings=settings)), replace(ahead, device=None)
        elif line.startswith(SAMPLE_PREFIX) and run is not None:
            if len(run.samples) < MOST_SAMPLES and (sample := sample_of(line)):
                run.samples.append(sample)
        elif line.startswith(PREFIX):
            record = record_or_none(line)
            if run is None and record is not None:
                yield record, replace(ahead, records=1)
            elif run is not None and record is not None:
                run.record, run.records = record, run.records + 1
        elif len(line) <= LONGEST and not line.lstrip().startswith("|"):
            ahead = with_header(ahead, line)
            if run is not None and len(run.numbers) < MOST_NUMBERS:
                run.sample, numbers = numbers_of(line, run.sample)
                run.numbers += numbers
    if run is not None:
        yield run.closed


def with_header(ahead: RunLines, line: str) -> RunLines:
    """With what one of the lines before a run holds."""
    if match := DEVICE.fullmatch(line):
        return replace(ahead, device=(match[1], int(match[2])))
    if match := NODES.fullmatch(line):
        return replace(ahead, nodes=match[1])
    if match := EXAMPLE.fullmatch(line):
        return replace(ahead, example=match[1])
    return ahead


def numbers_of(line: str, sample: int | None) -> tuple[int | None, list[Number]]:
    """The sample that the lines are about from here on, and the numbers of this one."""
    if match := TIME.fullmatch(line):
        sample = int(match[1]) - 1
        return sample, [Number("seconds", match[2], sample), Number("speed", match[3], sample)]
    for pattern, names in OF_SAMPLE:
        if sample is not None and (match := pattern.fullmatch(line)):
            pairs = zip(names, match.groups(), strict=True)
            return sample, [Number(name, text, sample) for name, text in pairs]
    for pattern, name in OF_RUN:
        if match := pattern.fullmatch(line):
            return sample, [Number(name, match[1])]
    return sample, []
