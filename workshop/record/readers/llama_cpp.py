"""llama.cpp's timings, as its programs and its server print them, of every age.

    llama_perf_context_print: prompt eval time =  115.72 ms /  9 tokens (12.86 ms per token, ...)
    llama_perf_context_print:        eval time = 4365.71 ms / 86 runs   (50.76 ms per token, ...)

The second line is decode, and it counts only after the first, which is prefill. A server prints
them without that prefix, under a line that names its slot. Where two processes print at once, it
is not known whose prompt a decode belongs to, so nothing of a prompt is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from workshop.record.readers.units import LABELS, capped, count, labelled, positive, seconds, words
from workshop.record.results import DECODE_OF_ONE, Result

NAME = "llama.cpp"
ANCHORS = (b"eval time ", b"print_timing: ", b"general.name ")
NEEDLES = (b"eval time ", b"load time =", b"sample time =", b"print_timing: ", b"general.name ")

_UNSURE = -1  # a number that two processes have printed, one after the other

_LOGGER = r"(?:\[\d+\] )?(?:[\d.]+ [A-Z] )?"
_SLOT = r"slot +print_timing: id +\d+ \| task -?\d+ \| *"
_PRINTER = (
    r"(?P<printer>\w*print_timings: +|\w*perf_context_print: +|\w*perf_print: +"
    rf"|INFO \[ *print_timings\] +|{_SLOT}|\s*)"
)
_TIME = re.compile(
    _LOGGER + _PRINTER + r"(?P<what>load|sample|prompt eval|eval|generation eval) time +="
    r" +(?P<ms>[\d.]+) ms"
    r"(?: +/ +(?P<tokens>\d+) (?:runs|tokens) *"
    r"\( *(?P<each>\S+) ms per (?:token|run)(?:, +(?P<speed>\S+) tokens per second)?\))?"
    r"(?: \| .*|\s*)",
    re.ASCII,
)
_SLOT_LINE = re.compile(_LOGGER + _SLOT, re.ASCII)
_MODEL = re.compile(
    _LOGGER + r"(?:print_info|llm_load_print_meta): general\.name +(?:= +)?(\S.*)", re.ASCII
)


@dataclass(frozen=True)
class _Prompt:
    """What stands before a decode: all that is known of the same run."""

    load: float | None = None
    drawn: int | None = None  # tokens
    tokens: int | None = None
    took: float | None = None
    served: bool = False


@dataclass
class _Process:
    """What one process of a job has told so far.

    Attributes:
        models: names that were loaded since the last run; one, unless there is a draft.
        fresh: whether no run has ended since.
        slot: whether a server has announced timings.
        prompt: the last one.
        waiting: prompts whose decode is to come; more than one if processes are mixed.
        mixed: whether there was more than one since there was none.
    """

    models: set[str] = field(default_factory=set)
    fresh: bool = True
    slot: bool = False
    load: float | None = None
    drawn: int | None = None
    prompt: _Prompt = field(default_factory=_Prompt)
    waiting: int = 0
    mixed: bool = False


def results(lines: Iterable[str], file_name: str) -> list[Result]:
    """The runs in these lines."""
    return capped(_runs(lines))


def _runs(lines: Iterable[str]) -> Iterator[Result]:
    processes: dict[str, _Process] = {}
    for label, line in labelled(lines):
        if label in processes or len(processes) < LABELS:
            run = _hear(processes.setdefault(label, _Process()), line)
            if run is not None:
                yield run
    yield from (_cut_off(process) for process in processes.values() if process.waiting)


def _hear(process: _Process, line: str) -> Result | None:
    """Take a line; the run that it ends."""
    if match := _TIME.fullmatch(line):
        return _time(process, match)
    if match := _MODEL.fullmatch(line):
        if not process.fresh:
            process.models, process.fresh = set(), True
        if len(process.models) < 2:
            process.models.add(match[1])
    elif _SLOT_LINE.fullmatch(line):
        process.slot = True
    return None


def _time(process: _Process, match: re.Match[str]) -> Result | None:
    printer = match["printer"].strip()
    if not printer and not process.slot:
        return None  # anybody's line
    served = not printer or printer.startswith(("slot", "INFO", "print_timings"))
    if match["what"] == "load":
        process.load = seconds(match["ms"], "ms") if process.load is None else _UNSURE
    elif match["what"] == "sample":
        process.drawn = count(match["tokens"]) if process.drawn is None else _UNSURE
    elif match["tokens"] is None:
        return None
    elif match["what"] == "prompt eval":
        _prompt(process, match, served)
    elif process.waiting:
        process.slot = False
        return _decode(process, match, served)
    return None


def _prompt(process: _Process, match: re.Match[str], served: bool) -> None:
    process.mixed = process.mixed or process.waiting > 0
    tokens, took = count(match["tokens"]), seconds(match["ms"], "ms")
    load, drawn = positive(process.load), count(process.drawn)
    process.prompt = _Prompt(load, drawn, tokens, took, served)
    process.waiting += 1
    process.load = process.drawn = None


def _decode(process: _Process, match: re.Match[str], served: bool) -> Result:
    known = _Prompt() if process.mixed else process.prompt
    process.waiting -= 1
    process.mixed = process.mixed and process.waiting > 0
    process.fresh = False
    model = _model(process)
    if not served:  # the next one may be of another program, on another model
        process.models = set()
    tokens, took = count(match["tokens"]), seconds(match["ms"], "ms")
    # The oldest ones print no speed.
    speed = match["speed"] if match["speed"] else tokens and took and tokens / took
    per_token = seconds(match["each"], "ms")
    found = positive(speed)
    return Result(
        None,
        "incomplete" if found is None else "ok",
        reason="its decode has no speed" if found is None else None,
        format=NAME,
        tokens_per_second=found,
        tpot_seconds=per_token if found is not None else None,
        definition=DECODE_OF_ONE,
        # A server counts from the prompt's start to the first token; the others prefill alone.
        ttft_seconds=known.took if known.served else None,
        load_seconds=known.load,
        prompt_tokens=known.tokens,
        # Each pass gives a token, and prefill the first: only a server counts that one too.
        new_tokens=tokens if served else known.drawn,
        model=model,
    )


def _cut_off(process: _Process) -> Result:
    prompt = _Prompt() if process.mixed else process.prompt
    return Result(
        None,
        "incomplete",
        reason="the timings are cut off: there is no eval time after the prompt's",
        format=NAME,
        definition=DECODE_OF_ONE,
        ttft_seconds=prompt.took if prompt.served else None,
        load_seconds=prompt.load,
        prompt_tokens=prompt.tokens,
        model=_model(process),
    )


def _model(process: _Process) -> str | None:
    return words(next(iter(process.models))) if len(process.models) == 1 else None
