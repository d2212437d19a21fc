"""A folder on a disk that others write to: its files come in, and nothing that it leads to."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from archive_builders import SMALL, names, told, tree_in

from workshop.grading.intake import folder
from workshop.grading.intake.tree import DEEP, LARGE, LINK, SPECIAL, Bounds, FullError, Tree


def copied(source: Path, place: Path, bounds: Bounds = SMALL) -> Tree:
    tree = tree_in(place, bounds)
    folder.copy(source, tree)
    return tree


def test_a_folder_comes_in_with_its_times_and_without_its_git(tmp_path: Path) -> None:
    source = tmp_path / "ada"
    (source / "napkin").mkdir(parents=True)
    (source / ".git" / "hooks").mkdir(parents=True)
    (source / ".git" / "hooks" / "post-checkout").write_text("touch /tmp/owned")
    (source / "napkin" / "exercise.py").write_text("x = 1")
    os.utime(source / "napkin" / "exercise.py", (1e9, 1e9))
    tree = copied(source, tmp_path)
    assert names(tree) == ["napkin/exercise.py"]
    assert (tree.root / "napkin" / "exercise.py").stat().st_mtime == 1e9


def test_links_are_not_followed_and_pipes_and_sockets_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, neighbour = tmp_path / "mallory", tmp_path / "ada"
    source.mkdir()
    neighbour.mkdir()
    (neighbour / "exercise.py").write_text("the answer")
    (source / "passwd.out").symlink_to("/etc/passwd")
    (source / "napkin").symlink_to(neighbour)
    (source / "dangling").symlink_to("nowhere")
    os.mkfifo(source / "pipe.out")
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(source)  # a socket's path may not be long
        listening.bind("socket.log")
    (source / "mine.py").write_text("x")
    tree = copied(source, tmp_path)
    assert names(tree) == ["mine.py"]
    assert tree.left_out.counts == {LINK: 3, SPECIAL: 2}


def test_a_folder_that_is_a_link_itself_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    assert told(copied(tmp_path / "link", tmp_path)) == {LINK}


def test_a_sparse_file_of_a_terabyte_is_not_read(tmp_path: Path) -> None:
    source = tmp_path / "ada"
    source.mkdir()
    with (source / "huge.out").open("wb") as file:
        file.truncate(2**40)
    tree = copied(source, tmp_path)
    assert (names(tree), told(tree), tree.written) == ([], {LARGE}, 0)


def test_folders_in_folders_without_end_come_to_one(tmp_path: Path) -> None:
    source = place = tmp_path / "ada"
    for _ in range(60):
        place = place / "d"
    place.mkdir(parents=True)
    (source / "x.py").write_text("x")
    tree = copied(source, tmp_path)
    assert names(tree) == ["x.py"]
    assert told(tree) == {DEEP}


def test_more_entries_than_anybody_makes_end_it(tmp_path: Path) -> None:
    source = tmp_path / "ada"
    source.mkdir()
    for number in range(30):
        (source / f"{number}.out").touch()
    with pytest.raises(FullError):
        copied(source, tmp_path, replace(SMALL, entries=20))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    source = tmp_path / "ada"
    source.mkdir()
    (source / "x.py").write_text("x")
    (source / "x.py").chmod(0)
    assert len(told(copied(source, tmp_path))) == 1
