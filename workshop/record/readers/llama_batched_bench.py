"""llama-batched-bench: a row, or with ``--output-format jsonl`` a line, for each size of a batch.

    |    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |      T s |    S t/s |
    |   128 |    128 |    2 |    512 |    0.198 |  1295.19 |    5.029 |    50.90 |    5.227 |    97.95 |

B sequences of TG new tokens each were decoded in T_TG seconds, and S_TG counts them all. The
settings are on a line before the table (``main: n_kv_max = 6144, n_batch = 2048, ...``), or in each
line of JSON.
"""  # noqa: E501

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from workshop.record.readers.decimals import with_points
from workshop.record.readers.llama_bench_settings import conditions_of
from workshop.record.readers.units import (
    LABELS,
    capped,
    count,
    labelled,
    positive,
    seconds,
)
from workshop.record.results import Definition, Result

NAME = "llama-batched-bench"
ANCHORS = (b"S_TG t/s", b'"speed_tg"')
NEEDLES = (b"S_TG t/s", b'"speed_tg"', b" | ", b": n_kv_max = ")

DECODE_OF_BATCH = Definition("new", "decode", "batch")
PREFILL_OF_BATCH = Definition("prompt", "prefill", "batch")

_COLUMNS = {
    "PP": "pp",
    "TG": "tg",
    "B": "pl",
    "N_KV": "n_kv",
    "T_PP s": "t_pp",
    "S_PP t/s": "speed_pp",
    "T_TG s": "t_tg",
    "S_TG t/s": "speed_tg",
    "T s": "t",
    "S t/s": "speed",
}
_MEASURED = set(_COLUMNS.values())
_FIELDS = {"n_kv_max", *_COLUMNS.values()}
_SETTINGS = re.compile(r"\w+: (n_kv_max = .*)", re.ASCII)
_SETTING = re.compile(r"(\w{1,40}) = (-?\w{1,40})(?:, |\s*$)", re.ASCII)


def results(lines: Iterable[str], file_name: str) -> list[Result]:
    """The runs in these lines."""
    return capped(_runs(lines))


def _runs(lines: Iterable[str]) -> Iterator[Result]:
    begun: set[str] = set()  # ranks whose table has begun
    settings: dict[str, dict[str, str]] = {}  # of each rank's table
    for label, line in labelled(with_points(lines)):
        if line.startswith("{"):
            record = _parsed(line)
            if isinstance(record, dict) and record.keys() >= _FIELDS:
                yield _run(record)
        elif match := _SETTINGS.fullmatch(line):
            if label in settings or len(settings) < LABELS:
                settings[label] = dict(_SETTING.findall(match[1]))
        elif line.startswith("|"):
            cells = [cell.strip() for cell in line.split("|")[1:]]
            if cells[:-1] == list(_COLUMNS) and len(begun) < LABELS:
                begun.add(label)
            elif label in begun and cells[0].isdecimal():
                yield _row(cells, settings.get(label, {}))


def _row(cells: list[str], settings: dict[str, str]) -> Result:
    if len(cells) != len(_COLUMNS) + 1 or cells[-1]:
        return _failed("its row of the table is cut off")
    return _run(settings | dict(zip(_COLUMNS.values(), cells[:-1], strict=True)))


def _run(record: dict[str, Any]) -> Result:
    """A run, from its numbers or from these as texts."""
    settings = {key: value for key, value in record.items() if key not in _MEASURED}
    new = count(record["tg"])
    speed = positive(record["speed_tg"] if new else record["speed_pp"])
    if new is None or speed is None:
        return _failed("its tokens per second are not a number")
    return Result(
        None,
        "ok",
        format=NAME,
        tokens_per_second=speed,
        ttft_seconds=seconds(record["t_pp"]),
        definition=DECODE_OF_BATCH if new else PREFILL_OF_BATCH,
        batch_size=count(record["pl"]),
        prompt_tokens=count(record["pp"]),
        new_tokens=new,
        threads=count(record.get("n_threads")),
        conditions=conditions_of(settings),
    )


def _failed(reason: str) -> Result:
    return Result(None, "failed", reason=reason, format=NAME, definition=None)


def _parsed(text: str) -> Any | None:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
