"""What grading keeps: whole or not at all, in private, and for one at a time."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from workshop.grading import store
from workshop.grading.attempt import Ran
from workshop.grading.records import CheckGrade
from workshop.util.errors import UsageError

RAN = Ran("sums", True, [CheckGrade("check", "doubling", "passed", 2, 2)])


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    with store.opened(tmp_path / "out") as work:
        assert store.stored(work, "a", Ran) is None
        store.keep(work, "a", RAN)
        assert store.stored(work, "a", Ran) == RAN


@pytest.mark.parametrize("found", [b"", b"{", b'{"exercise": 3}', b"\xff"])
def test_what_cannot_be_read_counts_as_not_there(tmp_path: Path, found: bytes) -> None:
    with store.opened(tmp_path / "out") as work:
        (work / "kept" / "a.json").write_bytes(found)
        assert store.stored(work, "a", Ran) is None


def test_nobody_else_can_look_into_it(tmp_path: Path) -> None:
    with store.opened(tmp_path / "out") as work:
        store.the_seed(work, None)
        modes = [stat.S_IMODE(os.stat(path).st_mode) for path in (work, work / "seed", work.parent)]
    assert modes == [0o700, 0o600, 0o700]


def test_two_do_not_grade_into_one_folder(tmp_path: Path) -> None:
    with (
        store.opened(tmp_path / "out"),
        pytest.raises(UsageError, match="another 'workshop grade' is at work"),
        store.opened(tmp_path / "out"),
    ):
        pass
    with store.opened(tmp_path / "out"):
        pass


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot write to"), store.opened(tmp_path / "file" / "x"):
        pass


def test_where_nothing_was_graded_nothing_is_left(tmp_path: Path) -> None:
    out = tmp_path / "grades"
    with pytest.raises(UsageError, match="nothing"), store.opened(out):
        raise UsageError("nothing to grade")
    assert not out.exists()


def test_what_was_graded_stays_whatever_is_mistaken_the_next_time(tmp_path: Path) -> None:
    out = tmp_path / "grades"
    with store.opened(out) as work:
        store.keep(work, "digest", {"points": 1})
    with pytest.raises(UsageError), store.opened(out):
        raise UsageError("a mistake the next time")
    assert store.stored(out / "work", "digest", dict) == {"points": 1}


def test_a_seed_is_drawn_once_or_given(tmp_path: Path) -> None:
    with store.opened(tmp_path) as work:
        drawn = store.the_seed(work, None)
        assert store.the_seed(work, None) == drawn
        assert store.the_seed(work, 7) == 7
        assert store.the_seed(work, None) == 7
        (work / "seed").write_text("seven")
        with pytest.raises(UsageError, match="does not hold a seed"):
            store.the_seed(work, None)


def test_inputs_are_the_same_for_all_and_others_at_the_next_attempt() -> None:
    seeds = {store.derived(1, name, n) for name in ("napkin", "measure") for n in (1, 2)}
    assert len(seeds) == 4
    assert store.derived(1, "napkin", 1) == store.derived(1, "napkin", 1)
    assert store.derived(2, "napkin", 1) not in seeds


def test_a_digest_is_of_names_and_contents(tmp_path: Path) -> None:
    def digest(**files: str) -> str:
        folder = tmp_path / store.digest_of(sorted(files.items()))
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
        return store.digest_of_files(folder)

    assert len({digest(a="b"), digest(a="", b=""), digest(ab=""), digest(b="a"), digest()}) == 5
    assert digest(a="1", b="2") == store.digest_of_files(
        tmp_path / store.digest_of(sorted({"a": "1", "b": "2"}.items()))
    )


def test_the_log_has_a_line_for_each_thing_done_also_of_names_that_are_no_unicode(
    tmp_path: Path,
) -> None:
    store.note(tmp_path, "begun", attempts=3)
    store.note(tmp_path, "lost", who=os.fsdecode(b"m\xfcller"), why="a\nb")
    lines = (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2
    assert '"who":"m?ller"' in lines[1]
