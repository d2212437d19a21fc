"""Which part of the package may import which: the folders are the architecture."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import workshop

PACKAGE = Path(workshop.__file__).parent


def imported(file: Path) -> Iterator[str]:
    """Modules of the package that a file imports anywhere in it, by their full names."""
    here = ("workshop", *file.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = here[: len(here) - node.level + 1] if node.level else ()
            module = ".".join([*parents, *filter(None, [node.module])])
            yield from (f"{module}.{one.name}" for one in node.names)


@pytest.mark.parametrize("alone", ["llm", "roofline"])
def test_a_part_that_stands_alone_imports_nothing_of_the_rest(alone: str) -> None:
    others = {
        f"{file.relative_to(PACKAGE)} imports {name}"
        for file in (PACKAGE / alone).rglob("*.py")
        for name in imported(file)
        if f"{name}.".startswith("workshop.") and not f"{name}.".startswith(f"workshop.{alone}.")
    }
    assert not others


def test_every_way_to_import_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path)
    (tmp_path / "llm").mkdir()
    file = tmp_path / "llm" / "x.py"
    file.write_text(
        "import workshop.runner\n"
        "from workshop import report\n"
        "from . import model\n"
        "def f():\n    from ..stages.settings import Settings\n"
        "    from workshop.util.errors import UsageError\n"
    )
    assert list(imported(file)) == [
        "workshop.runner",
        "workshop.report",
        "workshop.llm.model",
        "workshop.stages.settings.Settings",
        "workshop.util.errors.UsageError",
    ]
