"""Times: read as Slurm reads them, and written as they are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workshop.slurm import times


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("90", 90 * 60),
        ("5:30", 330),
        ("01:00:00", 3600),
        ("2-0", 2 * 86400),
        ("1-2:30", 86400 + 2 * 3600 + 30 * 60),
        ("1-02:03:04", 86400 + 2 * 3600 + 3 * 60 + 4),
        ("UNLIMITED", None),
        ("1:2:3:4", None),
        ("1-", None),
        ("-5", None),
        ("", None),
        ("1 ", None),
        ("٣", None),
    ],
)
def test_times_are_read_as_slurm_reads_them(time: str, seconds: int | None) -> None:
    assert times.seconds(time) == seconds


@given(st.integers(0, 10**7))
def test_a_time_written_is_the_time_read(length: int) -> None:
    assert times.seconds(times.clock(length)) == length
