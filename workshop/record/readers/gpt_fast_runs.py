"""What a gpt-fast log says, line by line, put together to runs.

What a model says may imitate any line, but it stands before the lines of its own sample: so the
later of two lines with the same number counts, a footer that a sample follows was none, and a
header that no sample 1 follows neither.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from workshop.record.readers.gpt_fast_lines import CHAT, Kind, Said
from workshop.record.results import Result

Header = dict[Kind, float | str | None]  # None is a line whose number is none, such as nan
Footer = dict[Kind, Any]  # a float or None; of "probs" a text
# A sample's line: tokens/s, the GB/s after it, and the time to the first token in seconds
Variant = tuple[float | None, float | None, float | None]

_HEADER: tuple[Kind, ...] = (
    "arguments",
    "example",
    "device",
    "model",
    "draft model",
    "precision",
    "quantised",
    "parallel",
    "load",
    "compile",
    "rate",
)
_FOOTER: tuple[Kind, ...] = (
    "rule",
    "probs",
    "accepted",
    "batch",
    "prompt",
    "generated",
    "ttft",
    "average",
    "memory",
)
_TEXTS: tuple[Kind, ...] = (
    "arguments",
    "example",
    "device",
    "model",
    "draft model",
    "precision",
    "quantised",
    "parallel",
    "probs",
)
_MOST_VARIANTS = 8  # of a sample, that are remembered
_MOST_RANKS = 4096
UNLABELLED = -1


@dataclass(slots=True)
class Run:
    """What a log says of one run.

    Attributes:
        decode_only: whether its average counts decode alone.
        sure: samples with bandwidths, as the variants of each; ``bare`` those without, which
            some relatives print.
        before: samples before the first, of an excerpt without a header.
    """

    header: Header = field(default_factory=dict)
    footer: Footer = field(default_factory=dict)
    decode_only: bool = False
    sure: list[list[Variant]] = field(default_factory=list)
    bare: list[list[Variant]] = field(default_factory=list)
    numbered: bool = False
    stopped: bool = False
    before: int = 0

    @property
    def samples(self) -> list[list[Variant]]:
        return self.sure or self.bare


@dataclass(slots=True)
class Stream:
    """What one process of a job wrote; runs come one after the other.

    Attributes:
        result: makes a run's result, as soon as it has ended: a log can hold very many runs.
        header: of a run that may be to come.
        pending: number, tokens/s and time to the first token of a sample whose bandwidth may be to
            come.
        prefill: how prompts are read, where a sample says that.
    """

    result: Callable[[Run], Result]
    ended: list[Result] = field(default_factory=list)
    run: Run = field(default_factory=Run)
    header: Header = field(default_factory=dict)
    pending: tuple[int | None, float | None, float | None] | None = None
    prefill: str | None = None

    def hear(self, one: Said) -> None:
        if one.kind == "bandwidth":
            if self.pending is not None:
                nth, speed, first = self.pending
                self.pending = None
                self._settle(nth, (speed, one.number, first), sure=True)
        elif one.kind == "sample":
            if one.text == CHAT:
                self.head("no footer", CHAT)
            self.sample(one.nth, one.number, one.first)
        elif one.kind in _HEADER:
            self.head(one.kind, one.text if one.kind in _TEXTS else one.number)
            if one.kind == "precision" or one.text == "litgpt":
                self.head("no footer", one.text)
        elif one.kind in _FOOTER:
            value = one.text if one.kind in _TEXTS else one.number
            self.foot(one.kind, value, decode_only=one.text == "decode")
        elif one.kind == "compiled first":
            self._compiled_first(one.number)
        elif self.pending is not None:
            self._more_of_sample(one)

    def sample(self, nth: int | None, speed: float | None, first: float | None = None) -> None:
        """Take a sample's line, whose bandwidth may follow."""
        if self.pending is not None:
            self._without_bandwidth()
        self.pending = (nth, speed, first)

    def _more_of_sample(self, one: Said) -> None:
        """Take a further line of a sample, of those before its bandwidth."""
        if self.pending is None:
            return
        nth, speed, first = self.pending
        if one.kind == "throughput" and speed is None:
            self.pending = (nth, one.number, first)
        elif one.kind == "first token" and first is None:
            self.pending = (nth, speed, one.number)
            self.prefill = one.text or None

    def _compiled_first(self, took: float | None) -> None:
        """Take what the first sample took, in which the model was compiled."""
        if self.pending is not None:
            self._without_bandwidth()
        if self.run.sure or self.run.bare:
            self.run.header.setdefault("compile", took)

    def whole_sample(self, nth: int, speed: float, bandwidth: float) -> None:
        """Take a sample's line and the bandwidth right after it."""
        if self.pending is not None:
            self._without_bandwidth()
        run = self.run
        count = len(run.sure)
        if nth == run.before + count + 1 and count and not run.footer and not self.header:
            run.sure.append([(speed, bandwidth, None)])  # what _settle would do with most of them
        else:
            self._settle(nth, (speed, bandwidth, None), sure=True)

    def head(self, kind: Kind, value: float | str | None) -> None:
        """Take a line of a header. What comes first counts: the model's text stands after it."""
        if kind in ("quantised", "draft quantised", "parallel") and not self.is_loading:
            return
        if self.pending is not None:
            self._without_bandwidth()
        if kind == "rate":  # it stands after the text
            self.header[kind] = value
            return
        if kind == "quantised" and kind in self.header:
            kind = "draft quantised"
        self.header.setdefault(kind, value)

    @property
    def is_loading(self) -> bool:
        """Whether a header has begun, and the model is not loaded."""
        return "device" in self.header and "load" not in self.header

    def foot(self, kind: Kind, value: float | str | None, decode_only: bool = False) -> None:
        """Take a line of a footer; of an average, whether it counts decode alone."""
        if self.pending is not None:
            self._without_bandwidth()
        run = self.run
        if kind not in run.footer and (run.sure or run.bare):
            run.footer[kind] = value
            run.decode_only = run.decode_only or decode_only

    def whole_header(self, header: Header) -> None:
        """Take several lines of a header."""
        if self.pending is None and not self.header:
            self.header = header
        else:
            for kind, value in header.items():
                self.head(kind, value)

    def whole_footer(self, footer: Footer) -> None:
        """Take a footer from its rule on."""
        if self.pending is None and self.run.sure and not self.run.footer:
            self.run.footer = footer
        else:
            for kind, value in footer.items():
                self.foot(kind, value)

    def end(self) -> list[Result]:
        """The results of all runs, when there are no more lines."""
        if self.pending is not None:
            self._without_bandwidth()
        return [*self.ended, self.result(self.run)] if self.run.samples else self.ended

    def _without_bandwidth(self) -> None:
        if self.pending is not None:
            nth, speed, first = self.pending
            self.pending = None
            if not self.run.sure:
                self._settle(nth, (speed, None, first), sure=False)

    def _settle(self, nth: int | None, variant: Variant, sure: bool) -> None:
        """Put a sample's line where its number says that it belongs, if it belongs anywhere."""
        run = self.run
        if nth == 1 and run.before:
            run = self.run = Run()  # what came before was no excerpt: here the samples begin
        elif nth == 1 and (run.sure or run.bare) and self._may_begin():
            self.ended.append(self.result(run))
            run = self.run = Run()
        elif nth and sure and not (run.sure or run.bare or self.header):
            run.before = nth - 1
        kept = run.sure if sure else run.bare
        count = len(kept)
        place = nth - run.before if nth else count + 1
        if place not in (count, count + 1):
            return
        if not run.sure and not run.bare:
            run.header, run.numbered = self.header, nth is not None
            self.header = {}
        elif self.header:
            self.header = {}  # there is no run to begin
        if self.prefill is not None:
            run.header["prefill"], self.prefill = self.prefill, None
        if run.footer:
            run.footer, run.decode_only = {}, False  # and none that has ended
        if place > count:
            kept.append([variant])
        else:
            kept[-1] = [*kept[-1][1 - _MOST_VARIANTS :], variant]

    def _may_begin(self) -> bool:
        """Whether a sample 1 can be a new run's: after a header, or where no run has one."""
        return len(self.header) > 0 or ("average" in self.run.footer and not self.run.header)


@dataclass(slots=True)
class Ranks:
    """What each process of a job wrote.

    Attributes:
        result: makes a run's result.
        latest: of the processes, the one that was heard last.
        example: the job script's line, before the ranks'.
        ours: whether a line was heard that our own logs have, and gpt-fast's have not.
        stopped: whether an error ends the log.
    """

    result: Callable[[Run], Result]
    streams: dict[int | str, Stream] = field(default_factory=dict)
    latest: Stream | None = None
    example: str | None = None
    ours: bool = False
    stopped: bool = False

    def hear(self, one: Said) -> None:
        if one.kind == "ours":
            self.ours = True
        elif one.kind == "example":
            self.example = one.text
            for known in self.streams.values():
                known.hear(one)
        elif (stream := self.stream(UNLABELLED if one.rank is None else one.rank)) is not None:
            self.latest = stream
            stream.hear(one)

    def stream(self, rank: int | str = UNLABELLED) -> Stream | None:
        """What this rank wrote; None if there are too many ranks to tell apart."""
        stream = self.streams.get(rank)
        if stream is None and len(self.streams) < _MOST_RANKS:
            header: Header = {} if self.example is None else {"example": self.example}
            stream = self.streams[rank] = Stream(self.result, header=header)
        return stream

    def results(self) -> list[Result]:
        """The runs of the first rank that has any; none of our own log, which counts otherwise.

        Processes with a name each, such as containers, count where no rank has a run: they are
        programs of their own, and their runs come one process after the other.
        """
        if self.ours:
            return []
        for rank in sorted(one for one in self.streams if isinstance(one, int)):
            if ended := self._ended(rank):
                return ended
        return [run for one in self.streams if isinstance(one, str) for run in self._ended(one)]

    def _ended(self, rank: int | str) -> list[Result]:
        stream = self.streams[rank]
        stream.run.stopped = self.stopped
        return stream.end()
