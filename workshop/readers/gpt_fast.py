"""Logs of gpt-fast, of every age, and of its many relatives.

A run prints, for each sample, what the model said, and after it `Time for inference N: …` with
`Bandwidth achieved: …`; at the end a rule and the footer. What the model says may imitate any of
these lines, but it stands before the lines of its own sample: so the later of two lines with the
same number counts, a footer that a sample follows was none, a header that no sample 1 follows
neither, and an average that is not that of the samples is not taken.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, product

from workshop.readers.gpt_fast_lines import STARTS, Kind, Said, said
from workshop.results import Definition, Result, spread

NAME = "gpt-fast"
NEEDLES = tuple(start.encode() for start in STARTS)
# Near these stands all that a log says.
ANCHORS = (b"Time for inference", b"==========", b"Time to load model", b"Compilation time")

# Its tokens are those of one sequence, in a batch too, and its seconds those of the whole call.
WHOLE_CALL = Definition("new", "prefill and decode", "sequence")
DECODE_ONLY = Definition("new", "decode", "sequence")

_HEADER: tuple[Kind, ...] = ("example", "device", "load", "compile")
_FOOTER: tuple[Kind, ...] = (
    "rule",
    "accepted",
    "batch",
    "prompt",
    "generated",
    "average",
    "memory",
)
_ROUNDING = 0.011  # of an average of numbers with two decimals, and of those themselves
_MOST_VARIANTS = 8  # of a sample, that are remembered
_MOST_TRIED = 100_000  # samples of all the combinations of variants
_MOST_RANKS = 4096

_STAGE_WORDS = {
    "baseline": {"baseline", "eager"},
    "compile": {"compile", "compiled"},
    "quantize": {"quantize", "quantized", "quantization", "int8"},
    "speculative": {"speculative", "speculation", "decoding", "draft"},
    "tp": {"tp", "tensor", "parallel", "parallelism"},
}


@dataclass(frozen=True)
class _Sample:
    """A sample's line, and the bandwidth right after it."""

    speed: float | None
    bandwidth: float | None = None


@dataclass
class _Run:
    """What a log says of one run."""

    header: dict[Kind, Said] = field(default_factory=dict)
    footer: dict[Kind, Said] = field(default_factory=dict)
    sure: list[list[_Sample]] = field(default_factory=list)  # with bandwidths; variants of each
    bare: list[list[_Sample]] = field(default_factory=list)  # without: some relatives print none
    numbered: bool = False

    @property
    def samples(self) -> list[list[_Sample]]:
        return self.sure or self.bare


@dataclass
class _Stream:
    """What one process of a job wrote; runs come one after the other."""

    runs: list[_Run] = field(default_factory=list)
    run: _Run = field(default_factory=_Run)
    header: dict[Kind, Said] = field(default_factory=dict)  # of a run that may be to come
    pending: Said | None = None  # a sample's line whose bandwidth may be to come

    def hear(self, one: Said) -> None:
        if self.pending is not None:
            self._settle(self.pending, one if one.kind == "bandwidth" else None)
            self.pending = None
        if one.kind == "sample":
            self.pending = one
        elif one.kind in _HEADER:
            # What comes first counts: what the model says stands after the header.
            self.header.setdefault(one.kind, one)
        elif one.kind in _FOOTER and self.run.samples:
            self.run.footer.setdefault(one.kind, one)

    def end(self) -> list[_Run]:
        if self.pending is not None:
            self._settle(self.pending, None)
        return [run for run in (*self.runs, self.run) if run.samples]

    def _settle(self, line: Said, bandwidth: Said | None) -> None:
        """Put a sample's line where its number says that it belongs, if it belongs anywhere."""
        if bandwidth is None and self.run.sure:
            return
        if line.nth == 1 and self.run.samples and self._may_begin():
            self.runs.append(self.run)
            self.run = _Run()
        kept = self.run.bare if bandwidth is None else self.run.sure
        nth = line.nth or len(kept) + 1
        if nth not in (len(kept), len(kept) + 1):
            return
        if not self.run.samples:
            self.run.header, self.run.numbered = self.header, line.nth is not None
        self.header, self.run.footer = {}, {}  # there is no run to begin, and none that has ended
        if nth > len(kept):
            kept.append([])
        kept[-1] = kept[-1][1 - _MOST_VARIANTS :]
        kept[-1].append(_Sample(line.number, bandwidth.number if bandwidth else None))

    def _may_begin(self) -> bool:
        """Whether a sample 1 can be a new run's: after a header, or where no run has one."""
        return len(self.header) > 0 or ("average" in self.run.footer and not self.run.header)


def results(lines: Iterable[str], file_name: str) -> list[Result]:
    """The runs of a log; of several ranks' lines, those of the first rank."""
    streams: dict[int, _Stream] = {}
    example: Said | None = None  # the job script's line, before the ranks'
    for one in _heard(lines):
        if one.kind == "ours":
            return []  # our own lines, without our records: they count another way
        if one.kind == "example":
            example = one
            for stream in streams.values():
                stream.hear(one)
            continue
        rank = -1 if one.rank is None else one.rank
        if rank not in streams:
            if len(streams) == _MOST_RANKS:
                continue
            streams[rank] = _Stream(header={"example": example} if example else {})
        streams[rank].hear(one)
    for rank in sorted(streams):
        if runs := streams[rank].end():
            return [_result(run) for run in runs]
    return []


def _heard(lines: Iterable[str]) -> Iterator[Said]:
    for line in lines:
        yield from said(line)


def _result(run: _Run) -> Result:
    average = run.footer.get("average")
    chosen, agrees = _chosen(run.samples, average.number if average else None)
    # Without a rule or the right average, that was a model's footer in a run that was stopped;
    # but relatives that number no samples, or tell no bandwidth, draw no rule either.
    trusted = agrees or "rule" in run.footer or not (run.sure and run.numbered)
    footer = run.footer if trusted else {}
    speeds = [one.speed for one in chosen if one.speed is not None]
    bandwidths = [one.bandwidth for one in chosen if one.bandwidth is not None]
    told = average.number if average and trusted and (agrees or not speeds) else None
    return Result(
        stage_of(run.header["example"].text) if "example" in run.header else None,
        "ok" if {"average", "memory"} & footer.keys() else "incomplete",
        format=NAME,
        definition=DECODE_ONLY if agrees and average and average.text else WHOLE_CALL,
        tokens_per_second=told or (statistics.fmean(speeds) if speeds else None),
        tokens_per_second_std=spread(speeds),
        speeds=speeds,
        bandwidth_gb_per_second=statistics.fmean(bandwidths) if bandwidths else None,
        bandwidth_std=spread(bandwidths),
        memory_gb=_number(footer, "memory"),
        load_seconds=_number(run.header, "load"),
        compile_seconds=_number(run.header, "compile"),
        mean_accepted=_number(footer, "accepted"),
        batch_size=_count(footer, "batch"),
        prompt_tokens=_count(footer, "prompt"),
        new_tokens=_count(footer, "generated"),
        device=run.header["device"].text if "device" in run.header else None,
        warnings=_problems(footer, speeds, agrees),
    )


def _problems(footer: dict[Kind, Said], speeds: Sequence[float], agrees: bool) -> list[str]:
    told = _number(footer, "average")
    if told is None or agrees or not speeds:
        return []
    return [f"the log's average ({told:.2f} tokens/s) is not that of its samples: it is left out"]


def _number(said_so: dict[Kind, Said], kind: Kind) -> float | None:
    return said_so[kind].number if kind in said_so else None


def _count(said_so: dict[Kind, Said], kind: Kind) -> int | None:
    value = _number(said_so, kind)
    return None if value is None else int(value)


def _chosen(variants: Sequence[list[_Sample]], average: float | None) -> tuple[list[_Sample], bool]:
    """One line for each sample: the latest, unless only others have the average; has any?

    Some relatives leave the first sample, in which they compile, out of the average.
    """
    latest = [lines[-1] for lines in variants]
    if average is None:
        return latest, False
    for counted in (variants, variants[1:]):
        newest_first = [lines[::-1] for lines in counted]
        for chosen in islice(product(*newest_first), _MOST_TRIED // len(variants) + 1):
            speeds = [one.speed for one in chosen if one.speed is not None]
            if speeds and abs(statistics.fmean(speeds) - average) <= _ROUNDING:
                return list(chosen), True
    return latest, False


def stage_of(example: str) -> str | None:
    """The stage that 'quantize + compile' is: the latest of the lesson's that it names."""
    words = set(re.findall(r"[a-z0-9]+", example.lower())) - {"and", "with"}
    named = [stage for stage, spelt in _STAGE_WORDS.items() if words & spelt]
    known = set().union(*_STAGE_WORDS.values())
    if not named or words - known or ("tp" in named and "speculative" in named):
        return None
    return named[-1] if named == ["baseline"] or "baseline" not in named else None
