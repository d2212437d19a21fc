"""llama.cpp's timings, as its programs and its server print them, of every age.

    llama_perf_context_print: prompt eval time =  115.72 ms /  9 tokens (12.86 ms per token, ...)
    llama_perf_context_print:        eval time = 4365.71 ms / 86 runs   (50.76 ms per token, ...)

The second line is decode, and it counts only after the first, which is prefill. A server prints
them without that prefix, under a line that names its slot, and what was accepted of a draft after
them. Where two processes print at once, it is not known whose prompt a decode belongs to, so
nothing of a prompt is taken. ``llama-cli`` has one line instead, and the examples that decode
several tokens a pass have lines of their own (``llama_cpp_examples.py``).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from workshop.record.readers import llama_cpp_lines
from workshop.record.readers.decimals import with_points
from workshop.record.readers.llama_cpp_examples import FORMAT, Example, begins_run
from workshop.record.readers.llama_cpp_lines import (
    ACCEPTANCE,
    CLI,
    CLI_SETTING,
    MODEL,
    SLOT,
    TIME,
    WHOLE_PROMPT,
)
from workshop.record.readers.llama_server_task import mean_accepted, with_whole_prompt
from workshop.record.readers.units import (
    LABELS,
    RUNS,
    capped,
    count,
    labelled,
    number,
    positive,
    seconds,
    words,
)
from workshop.record.results import DECODE_OF_ONE, Result

NAME = FORMAT
ANCHORS = llama_cpp_lines.ANCHORS
NEEDLES = llama_cpp_lines.NEEDLES

_UNSURE = -1  # a number that two processes have printed, one after the other
_ROUNDED = 0.051  # by how much llama-cli's line can differ from its server's

Slot = tuple[str, str]  # its number, and its task's


@dataclass(frozen=True)
class _Prompt:
    """What stands before a decode: all that is known of the same run.

    Attributes:
        tokens: that were evaluated.
        whole: tokens of the prompt, with those that were cached.
    """

    load: float | None = None
    drawn: int | None = None  # tokens
    tokens: int | None = None
    took: float | None = None
    served: bool = False
    whole: int | None = None


@dataclass
class _Held:
    """A run, and whether what follows may still belong to it."""

    result: Result
    slot: Slot | None = None
    is_open: bool = False


@dataclass
class _Process:
    """What one process of a job has told so far.

    Attributes:
        models: names that were loaded since the last run; one, unless there is a draft.
        fresh: whether no run has ended since.
        slot: of a server that has announced timings.
        prompt: the last one.
        waiting: prompts whose decode is to come; more than one if processes are mixed.
        mixed: whether there was more than one since there was none.
        whole: tokens of the prompts of a server's tasks.
        cli: llama-cli's settings.
        last: the last run of a server, which may have a draft.
    """

    models: set[str] = field(default_factory=set)
    fresh: bool = True
    slot: Slot | None = None
    load: float | None = None
    drawn: int | None = None
    prompt: _Prompt = field(default_factory=_Prompt)
    waiting: int = 0
    mixed: bool = False
    whole: dict[Slot, int] = field(default_factory=dict)
    cli: dict[str, str] = field(default_factory=dict)
    example: Example = field(default_factory=Example)
    last: _Held | None = None


def results(lines: Iterable[str], file_name: str) -> list[Result]:
    """The runs in these lines."""
    return capped(_runs(with_points(lines)))


def _runs(lines: Iterable[str]) -> Iterator[Result]:
    processes: dict[str, _Process] = {}
    held: deque[_Held] = deque()  # in the order in which they ended
    for label, line in labelled(lines):
        if label in processes or len(processes) < LABELS:
            run = _hear(processes.setdefault(label, _Process()), line)
            if run is not None:
                held.append(run)
        while held and (not held[0].is_open or len(held) > RUNS):
            yield held.popleft().result
    yield from (one.result for one in held)
    for process in processes.values():
        if process.example.begun:
            yield _end_example(process).result
        elif process.waiting:
            yield _cut_off(process)


def _hear(process: _Process, line: str) -> _Held | None:
    """Take a line; the run that it ends."""
    if match := TIME.fullmatch(line):
        return _time(process, match)
    if match := ACCEPTANCE.fullmatch(line):
        _accept(process, match)
    elif match := CLI.fullmatch(line):
        return _cli(process, match)
    elif match := MODEL.fullmatch(line):
        _load(process, match[1])
    elif match := SLOT.fullmatch(line):
        process.slot = _slot(match)
    elif match := WHOLE_PROMPT.fullmatch(line):
        if len(process.whole) < LABELS:
            process.whole[_slot(match)] = int(match["tokens"])
    elif match := CLI_SETTING.fullmatch(line):
        process.cli[match[1]] = match[2]
    else:
        return _hear_example(process, line)
    return None


def _slot(match: re.Match[str]) -> Slot:
    return match["slot"], match["task"]


def _load(process: _Process, model: str) -> None:
    if not process.fresh:
        process.models, process.fresh = set(), True
    if not process.example.begun:  # what was announced was of a run before
        process.example = Example()
    if len(process.models) < 2:
        process.models.add(model)


def _hear_example(process: _Process, line: str) -> _Held | None:
    has_ended = process.example.begun and begins_run(line)
    ended = _end_example(process) if has_ended else None
    process.example.hear(line)
    return ended


def _end_example(process: _Process) -> _Held:
    load = positive(process.load)
    result = process.example.result(load, _model(process))
    process.example = Example()
    process.load = process.drawn = None
    process.waiting, process.mixed, process.fresh = 0, False, False
    process.models = set()
    return _Held(result)


def _time(process: _Process, match: re.Match[str]) -> _Held | None:
    printer = match["printer"].strip()
    if not printer and process.slot is None:
        return None  # anybody's line
    served = not printer or printer.startswith(("slot", "INFO", "[", "print_timings"))
    if match["what"] == "load":
        known = process.load is not None and not process.example.begun
        process.load = _UNSURE if known else seconds(match["ms"], "ms")
    elif match["what"] == "sample":
        process.drawn = count(match["tokens"]) if process.drawn is None else _UNSURE
    elif match["tokens"] is None:
        return None
    elif not served and process.example.has_timings(_passes(match)):
        is_last = match["what"] != "prompt eval" and not process.example.goes_on
        return _end_example(process) if is_last else None
    elif match["what"] == "prompt eval":
        _prompt(process, match, served)
    elif process.waiting:
        slot = _slot(match) if match["slot"] else process.slot
        process.slot = None
        return _decode(process, match, slot if served else None, served)
    return None


def _passes(match: re.Match[str]) -> int | None:
    return None if match["what"] == "prompt eval" else count(match["tokens"])


def _prompt(process: _Process, match: re.Match[str], served: bool) -> None:
    _close(process)
    process.mixed = process.mixed or process.waiting > 0
    tokens, took = count(match["tokens"]), seconds(match["ms"], "ms")
    load, drawn = positive(process.load), count(process.drawn)
    slot = _slot(match) if match["slot"] else process.slot
    whole = process.whole.pop(slot, None) if served and slot else None
    process.prompt = _Prompt(load, drawn, tokens, took, served, whole)
    process.waiting += 1
    process.load = process.drawn = None


def _decode(process: _Process, match: re.Match[str], slot: Slot | None, served: bool) -> _Held:
    _close(process)
    known = _Prompt() if process.mixed else process.prompt
    process.waiting -= 1
    process.mixed = process.mixed and process.waiting > 0
    process.fresh = False
    process.example.decoded = None
    model = _model(process)
    if not served:  # the next one may be of another program, on another model
        process.models = set()
    tokens, took = count(match["tokens"]), seconds(match["ms"], "ms")
    # The oldest ones print no speed.
    speed = match["speed"] if match["speed"] else tokens and took and tokens / took
    per_token = seconds(match["each"], "ms")
    found = positive(speed)
    result = Result(
        None,
        "incomplete" if found is None else "ok",
        reason="its decode has no speed" if found is None else None,
        format=FORMAT,
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
    if served:
        result = with_whole_prompt(result, known.whole)
        process.last = _Held(result, slot, is_open=True)
        return process.last
    return _Held(result)


def _accept(process: _Process, match: re.Match[str]) -> None:
    """Take what was accepted of the draft of the last run."""
    held = process.last
    if held is None or not held.is_open or (match["slot"] and held.slot != _slot(match)):
        return
    rate = number(match["rate"])
    held.result = replace(
        held.result,
        acceptance_rate=rate if rate is not None and rate <= 1 else None,
        mean_accepted=mean_accepted(int(match["accepted"]), number(match["length"])),
    )
    _close(process)


def _cli(process: _Process, match: re.Match[str]) -> _Held | None:
    """The run of llama-cli's line, unless its server has printed timings of it too."""
    speed = positive(match[2])
    last = process.last
    if last is not None and last.is_open:
        same = last.result.tokens_per_second or 0.0
        _close(process)
        if speed is not None and abs(same - speed) <= _ROUNDED:
            return None
    model = words(process.cli.get("model"))
    return _Held(
        Result(
            None,
            "ok" if speed is not None else "incomplete",
            reason=None if speed is not None else "its decode has no speed",
            format=FORMAT,
            tokens_per_second=speed,
            definition=DECODE_OF_ONE,
            model=model.rpartition("/")[2] or model if model else _model(process),
            dtype=words(process.cli.get("ftype")),
        )
    )


def _close(process: _Process) -> None:
    if process.last is not None:
        process.last.is_open = False


def _cut_off(process: _Process) -> Result:
    prompt = _Prompt() if process.mixed else process.prompt
    return Result(
        None,
        "incomplete",
        reason="the timings are cut off: there is no eval time after the prompt's",
        format=FORMAT,
        definition=DECODE_OF_ONE,
        ttft_seconds=prompt.took if prompt.served else None,
        load_seconds=prompt.load,
        prompt_tokens=prompt.tokens,
        model=_model(process),
    )


def _model(process: _Process) -> str | None:
    return words(next(iter(process.models))) if len(process.models) == 1 else None
