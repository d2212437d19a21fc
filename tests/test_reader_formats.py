"""Formats of logs: ours can all be loaded, and a site's own are read beside them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from workshop.record.readers import read_logs, registry
from workshop.record.results import Result


class Site:
    """A site's own format: a speed on a line."""

    NAME = "site"
    NEEDLES = (b"speed",)

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def results(self, lines: Iterable[str], file_name: str) -> list[Result]:
        if self.error:
            raise self.error
        return [
            Result(None, "ok", format=self.NAME, tokens_per_second=float(line.split()[1]))
            for line in lines
        ]


class Point:
    """An entry point, as importlib.metadata gives it."""

    name = "site"

    def __init__(self, load: Callable[[], object]) -> None:
        self.load = load


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[], object]], None]]:
    known = list(entry_points(group=registry.GROUP))

    def add(load: Callable[[], object]) -> None:
        registry.installed.cache_clear()
        monkeypatch.setattr(registry, "entry_points", lambda group: [Point(load), *known])

    yield add
    registry.installed.cache_clear()


def test_a_site_can_add_a_format(
    install: Callable[[Callable[[], object]], None], tmp_path: Path
) -> None:
    install(Site)
    log = tmp_path / "site.log"
    log.write_text("text\nspeed 12.5\n")
    (found,) = read_logs([log])
    assert (found.result.format, found.result.tokens_per_second) == ("site", 12.5)


def cannot_import() -> object:
    raise ImportError("no such module")


@pytest.mark.parametrize(
    ("load", "sentence"),
    [
        (cannot_import, "site logs cannot be loaded: ImportError: no such module"),
        (lambda: object(), "site logs cannot be loaded"),
        (lambda: Site(KeyError("oops")), "site logs failed on site.log: KeyError"),
        (lambda: Site(RecursionError("deep")), "site logs failed on site.log"),
    ],
)
def test_a_sites_reader_that_breaks_is_named_and_the_others_go_on(
    install: Callable[[Callable[[], object]], None],
    tmp_path: Path,
    load: Callable[[], object],
    sentence: str,
) -> None:
    install(load)
    log = tmp_path / "site.log"
    log.write_text("speed 1\nTime for inference 1: 2.00 sec total, 9.50 tokens/sec\n")
    with pytest.warns(registry.ReaderWarning, match=sentence):
        (found,) = read_logs([log])
    assert (found.result.format, found.result.tokens_per_second) == ("gpt-fast", 9.5)


def test_every_format_of_this_package_can_be_loaded() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        registry.installed.cache_clear()
        names = [name for name, _ in registry.installed()]
    assert set(registry.ORDER) <= set(names)
