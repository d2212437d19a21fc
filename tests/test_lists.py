"""Lists that have to name everything of a kind: what is missing in one of them is found here."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest

from workshop.figures import KINDS
from workshop.record.readers.registry import GROUP, ORDER

DOCS = Path(__file__).parents[1] / "docs"


def test_every_reader_has_its_place_in_the_order() -> None:
    """One without a place would come before all others, as a site's own does."""
    ours = {
        point.name
        for point in entry_points(group=GROUP)
        if point.value.startswith("workshop.record.readers.")
    }
    assert ours == set(ORDER)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_figure_is_in_the_docs(kind: str) -> None:
    assert f"\n| {kind} | " in (DOCS / "figures.md").read_text(encoding="utf-8")
