"""The timings of llama.cpp's server in a log of JSON lines, as older versions of it write them.

    {"function":"print_timings",...,"id_slot":0,"id_task":7,"t_prompt_processing":1442.297,...}
    {"function":"print_timings",...,"id_slot":0,"id_task":7,"t_token_generation":3389.284,...}

The second line is decode; the first is the prefill of the same task, and has to come before it. Its
relatives write such lines too, and some versions call the task and the tokens otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from workshop.record.readers.units import LABELS, capped, count, labelled, positive, seconds
from workshop.record.results import DECODE_OF_ONE, Result

NAME = "llama-server-json"
FORMAT = "llama.cpp"  # as of the same server's lines for people
NEEDLES = (b'"print_timings"',)

Task = tuple[str, str, str]  # rank, slot, task


def results(lines: Iterable[str], file_name: str) -> list[Result]:
    """The runs in these lines, one a task."""
    return capped(_runs(lines))


def _runs(lines: Iterable[str]) -> Iterator[Result]:
    prompts: dict[Task, dict[str, Any]] = {}  # whose decode is to come
    for label, line in labelled(lines):
        record = _parsed(line)
        if record is None or "t_total" in record:
            continue
        task = (label, _name(record, "id_slot", "slot_id"), _name(record, "id_task", "task_id"))
        if "t_token_generation" in record and task in prompts:
            yield _run(prompts.pop(task), record)
        elif "t_prompt_processing" in record and len(prompts) < LABELS:
            prompts[task] = record
    yield from (_run(prompt, None) for prompt in prompts.values())


def _run(prompt: dict[str, Any], decode: dict[str, Any] | None) -> Result:
    told = decode or {}
    speed = positive(told.get("n_tokens_second"))
    processed = prompt.get("n_prompt_tokens_processed", prompt.get("num_prompt_tokens_processed"))
    return Result(
        None,
        "ok" if speed is not None else "incomplete",
        reason=None if speed is not None else _why_no_speed(decode),
        format=FORMAT,
        tokens_per_second=speed,
        ttft_seconds=seconds(prompt["t_prompt_processing"], "ms"),
        tpot_seconds=seconds(told.get("t_token"), "ms") if speed is not None else None,
        definition=DECODE_OF_ONE,
        prompt_tokens=count(processed),
        new_tokens=count(told.get("n_decoded")),
    )


def _why_no_speed(decode: dict[str, Any] | None) -> str:
    if decode is None:
        return "the timings are cut off: there are none of decode after the prompt's"
    return "its decode has no speed"


def _name(record: dict[str, Any], *keys: str) -> str:
    return next((str(record[key]) for key in keys if key in record), "")


def _parsed(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    ours = isinstance(record, dict) and record.get("function") == "print_timings"
    return record if ours else None
