"""The Python in an exercise's README: what is wrong with it is a flaw, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from workshop.cli import cli
from workshop.learn import verify
from workshop.learn.exercise import exercises


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("import time\ntime.sleep(60)", "takes more than 1 s"),
        ("raise ValueError('a mistake')", "fails: "),
        ("import exercise\nassert exercise.weight_bytes(10, 8) == 10", None),
    ],
)
def test_what_is_wrong_is_a_flaw(
    program: str, expected: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "LONGEST_SNIPPET", 1 if "sleep" in program else 60)
    readme = tmp_path / "README.md"
    readme.write_text(f"Text.\n\n```python\n{program}\n```\n")
    found = list(verify.snippet_flaws(exercises()["napkin"], readme, cli))
    assert [flaw.where for flaw in found] == ([str(readme)] if expected else [])
    assert all(f"its Python {expected}" in flaw.what for flaw in found)
