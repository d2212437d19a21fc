"""Reading text-generation-benchmark's tables: a run for each batch size, whatever was merged."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from reader_corpus import LOGS, assert_nothing_invented, check, logs_of, mangled, read

from workshop.record.readers import tgi
from workshop.record.readers.units import RUNS

quick = settings(max_examples=150, deadline=None)

WHOLE = (LOGS / "tgi" / "bloom.out").read_text()
THROUGHPUTS = "| Step | Batch Size | Average | Lowest | Highest |"


def rows(count: int) -> str:
    cells = "9.00 tokens/secs | 9.00 tokens/secs | 9.00 tokens/secs"
    return "\n".join(
        [THROUGHPUTS, *(f"| Decode | {batch} | {cells} |" for batch in range(1, count))]
    )


@pytest.mark.parametrize("log", logs_of("tgi"), ids=lambda log: log.name)
def test_what_is_expected_is_read_and_nothing_else(log: Path) -> None:
    check(log, tgi)


def test_the_time_to_the_first_token_is_prefill_and_per_token_is_decode() -> None:
    first, second = read(WHOLE.encode(), tgi)
    assert [first.batch_size, first.ttft_seconds, first.tpot_seconds] == pytest.approx(
        [1, 0.02947, 0.02812]
    )
    assert [second.batch_size, second.ttft_seconds, second.tpot_seconds] == pytest.approx(
        [32, 0.0986, 0.03591]
    )


def test_a_table_alone_gives_what_it_has() -> None:
    latencies = WHOLE[WHOLE.index("| Step") : WHOLE.rindex("| Step")]
    for run in read(latencies.encode(), tgi):
        assert (run.status, run.tokens_per_second, run.model) == ("incomplete", None, None)
        assert run.ttft_seconds


def test_wherever_it_is_cut_off_no_number_changes() -> None:
    whole = read(WHOLE.encode(), tgi)
    for end in range(0, len(WHOLE), 7):
        for run, intact in zip(read(WHOLE[:end].encode(), tgi), whole, strict=False):
            assert run.batch_size == intact.batch_size
            assert run.tokens_per_second in (None, intact.tokens_per_second)
            assert run.ttft_seconds in (None, intact.ttft_seconds)
            assert run.tpot_seconds in (None, intact.tpot_seconds)
            assert run.new_tokens in (None, intact.new_tokens)


def test_a_row_under_one_that_cannot_be_read_is_not_taken_for_an_older_steps() -> None:
    lines = [THROUGHPUTS]
    lines += [f"| Prefill | 1 | {' | '.join(['9.00 tokens/secs'] * 3)} |"]
    lines += ["| Decode | 1 | 5.00 tokens/secs  WARN another process"]
    lines += [f"| | 2 | {' | '.join(['4.00 tokens/secs'] * 3)} |"]
    assert [run.batch_size for run in read("\n".join(lines).encode(), tgi)] == [1]


def test_rows_outside_of_the_benchmarks_tables_are_nothing() -> None:
    assert (
        read(b"| Decode | 1 | 9.00 tokens/secs | 9.00 tokens/secs | 9.00 tokens/secs |", tgi) == []
    )


def test_very_many_batch_sizes_are_bounded() -> None:
    runs = tgi.results(rows(2 * RUNS).splitlines(), "some.log")
    assert len(runs) == RUNS
    assert runs[-1].warnings


@quick
@given(mangled("tgi"))
def test_no_text_breaks_it_and_none_gives_a_number_of_its_own(text: str) -> None:
    assert_nothing_invented(read(text.encode(errors="replace"), tgi), text)
