"""Files of llama-bench's ``-o json``, ``jsonl`` and ``csv``: a record is a run."""

from __future__ import annotations

from typing import Any

from workshop.record.readers.llama_bench_record import run_of
from workshop.record.readers.units import capped
from workshop.record.results import Result

NAME = "llama-bench-rows"


def results(document: Any, file_name: str) -> list[Result]:
    """The runs in a parsed file; in CSV every value is a text."""
    records = document if isinstance(document, list) else [document]
    return capped(run for record in records if (run := run_of(record)))
