"""A value of a setting, from a source that prints what was set and from one that dumps all."""

from __future__ import annotations

import pytest

from workshop.record.readers.settings_values import LONGEST_VALUE, as_stated, if_set


@pytest.mark.parametrize(
    ("value", "stated", "dumped"),
    [
        (True, True, True),
        ("True", True, True),
        (False, False, None),
        ("false", False, None),
        (0, 0, 0),
        ("0.0", 0, 0),
        (-1, -1, None),
        ("-1", -1, None),
        (4, 4, 4),
        ("4", 4, 4),
        (0.5, 0.5, 0.5),
        (0.949999988079071, 0.95, 0.949999988079071),
        ("auto", "auto", None),
        ("None", "None", None),
        ("fp8", "fp8", "fp8"),
        ("two\nlines", "two lines", "two lines"),
        ("", None, None),
        (None, None, None),
        (["a list"], None, None),
        (float("nan"), None, None),
        (float("inf"), None, None),
        (1e15, None, None),
    ],
)
def test_a_value_that_is_off_or_unset_counts_only_where_the_source_printed_it(
    value: object, stated: object, dumped: object
) -> None:
    assert as_stated(value) == stated
    assert if_set(value) == dumped
    assert type(if_set(value)) is type(dumped)


def test_long_words_are_cut() -> None:
    assert len(str(if_set("x" * 1000))) == LONGEST_VALUE
