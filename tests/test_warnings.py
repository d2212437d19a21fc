"""A warning of ours is one line on standard error, whichever command reads the log."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from test_reader_formats import Site, install

from workshop.cli import cli, plain_warnings

__all__ = ["install"]  # a fixture

Install = Callable[[Callable[[], object]], None]


def logs(folder: Path) -> list[str]:
    found = []
    for name, speed in (("a.out", "9.50"), ("b.out", "19.00")):
        line = f"Time for inference 1: 2.00 sec total, {speed} tokens/sec"
        (folder / name).write_text(f"speed\n{line}\n", encoding="utf-8")
        found.append(str(folder / name))
    return found


@pytest.mark.parametrize(
    "command", [["results"], ["results", "--json"], ["compare"], ["plot", "-o", "x.svg"]]
)
def test_a_reader_that_fails_is_named_in_one_line(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    install(lambda: Site(KeyError("oops")))
    done = CliRunner().invoke(cli, [*command, *logs(tmp_path)])
    assert "Warning: the reader of site logs failed on a.out: KeyError: 'oops'" in (
        done.stderr.splitlines()
    )
    assert "registry.py" not in done.stderr
    assert "ReaderWarning" not in done.stderr


def test_a_reader_that_cannot_be_loaded_is_named_once(install: Install, tmp_path: Path) -> None:
    def broken() -> object:
        raise ImportError("no such module\nat all")

    install(broken)
    done = CliRunner().invoke(cli, ["results", *logs(tmp_path)])
    line = "Warning: the reader of site logs cannot be loaded: ImportError: no such module at all"
    assert [one for one in done.stderr.splitlines() if "Warning" in one] == [line]


def test_warnings_of_others_are_shown_as_python_shows_them() -> None:
    before = warnings.showwarning
    with plain_warnings(), pytest.warns(UserWarning, match="of another library"):
        warnings.warn("of another library", UserWarning, stacklevel=1)
    assert warnings.showwarning is before
