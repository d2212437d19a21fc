"""Reading optimum-benchmark's report in Markdown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from reader_corpus import LOGS, assert_nothing_invented, check, logs_of, mangled, read

from workshop.record.readers import optimum_markdown

quick = settings(max_examples=150, deadline=None)
REPORT = (LOGS / "optimum-markdown" / "report.md").read_text()


@pytest.mark.parametrize("log", logs_of("optimum-markdown"), ids=lambda log: log.name)
def test_what_is_expected_is_read_and_nothing_else(log: Path) -> None:
    check(log, optimum_markdown)


def test_each_report_of_a_file_is_a_run() -> None:
    assert len(read((REPORT + REPORT).encode(), optimum_markdown)) == 2


def test_only_tokens_per_second_are_tokens_per_second() -> None:
    (run,) = read(REPORT.replace("tokens/s", "samples/s").encode(), optimum_markdown)
    assert (run.status, run.tokens_per_second) == ("incomplete", None)


def test_a_row_under_another_heading_is_another_table() -> None:
    log = REPORT.replace("## throughput:", "## efficiency:")
    (run,) = read(log.encode(), optimum_markdown)
    assert (run.status, run.tokens_per_second) == ("incomplete", None)


@quick
@given(mangled("optimum-markdown"))
def test_no_text_breaks_it_and_none_gives_a_number_of_its_own(text: str) -> None:
    assert_nothing_invented(read(text.encode(errors="replace"), optimum_markdown), text)
