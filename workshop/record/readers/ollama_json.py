"""Answers of Ollama's API, saved as JSON: the last part of an answer has its counts and times.

Ollama gives no rate here: tokens/s are its count of new tokens over the time that they took, as in
what it prints with ``--verbose`` (ollama.py).
"""

from __future__ import annotations

from typing import Any

from workshop.record.readers.ollama import NAME as FORMAT
from workshop.record.readers.units import capped, count, positive, seconds, words
from workshop.record.results import Result

NAME = "ollama-json"

_ANSWER = {"model", "created_at", "eval_count", "eval_duration"}


def results(document: Any, file_name: str) -> list[Result]:
    """The runs in a parsed file: one, or one for each answer in its lines."""
    records = document if isinstance(document, list) else [document]
    return capped(
        _run(record)
        for record in records
        if isinstance(record, dict) and record.keys() >= _ANSWER and record.get("done") is True
    )


def _run(record: dict[Any, Any]) -> Result:
    new, took = count(record["eval_count"]), seconds(record["eval_duration"], "ns")
    speed = positive(new / took) if new and took else None
    return Result(
        None,
        "ok" if speed is not None else "incomplete",
        reason=None if speed is not None else "its count or time of new tokens is not a number",
        format=FORMAT,
        tokens_per_second=speed,
        ttft_seconds=seconds(record.get("prompt_eval_duration"), "ns"),
        load_seconds=seconds(record.get("load_duration"), "ns"),
        latency_seconds=seconds(record.get("total_duration"), "ns"),
        prompt_tokens=count(record.get("prompt_eval_count")),
        new_tokens=new,
        model=words(record.get("model")),
    )
