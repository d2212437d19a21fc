"""Compiled graphs are kept where the next run finds them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from workshop.runner import compile_cache


def test_the_compile_cache_is_the_users_and_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert compile_cache.keep() == tmp_path / "workshop" / "inductor"
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "workshop" / "inductor")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/mine")
    assert compile_cache.keep() == Path("/mine")


def test_a_home_that_cannot_be_written_is_no_reason_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert compile_cache.keep() is None
    assert "TORCHINDUCTOR_CACHE_DIR" not in os.environ


@pytest.fixture
def headers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where torch would keep compiled headers, if temporary files were in ``tmp_path``."""
    from torch._inductor.runtime import cache_dir_utils

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "mine"))
    monkeypatch.setenv(compile_cache.HEADERS, "1")
    return Path(cache_dir_utils.default_cache_dir())


@pytest.mark.parametrize("name", ["edu20", "a b", "SITE\\edu20", "", None])
def test_compiled_headers_lie_in_a_directory_of_the_users_own(
    headers: Path, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    """Also on machines that have no name for who runs it."""
    from torch._inductor.runtime import cache_dir_utils

    def unnamed() -> str:
        if name is None:
            raise KeyError("uid not found")
        return name

    monkeypatch.setattr("getpass.getuser", unnamed)
    compile_cache.keep()
    assert os.environ[compile_cache.HEADERS] == "1"
    place = Path(cache_dir_utils.default_cache_dir())
    assert place.parent == headers.parent
    assert place.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "made",
    [
        lambda place: (place.mkdir(), place.chmod(0o777)),
        lambda place: place.symlink_to(place.parent),
        lambda place: place.touch(),
    ],
    ids=["that anybody writes to", "that is a link", "that is a file"],
)
def test_headers_in_a_directory_that_others_made_are_not_used(
    headers: Path, made: Callable[[Path], object]
) -> None:
    made(headers)
    compile_cache.keep()
    assert os.environ[compile_cache.HEADERS] == "0"
