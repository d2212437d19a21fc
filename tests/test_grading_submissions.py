"""Submissions: from what a teacher has to one folder for each attempt, and nothing is lost."""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workshop.grading.intake.attempts import digest_of
from workshop.grading.intake.roster import Roster
from workshop.grading.intake.submissions import Attempt, Gathered, gather
from workshop.grading.records import Finding, Participant
from workshop.stages import UsageError

EXERCISES = ("napkin", "first-run", "compile")
ROSTER = Roster(
    [
        Participant("s1", "Ada Lovelace", "ada@example.org", others={"Identifier": "Person 4711"}),
        Participant("s2", "Grace Hopper", "grace@example.org", others={"ID": "902"}),
        Participant("s3", "Jörg Müller", account="jm42"),
        Participant("s4", "Maria Chen", "chen1@example.org"),
        Participant("s5", "Maria Chen", "chen2@example.org"),
    ]
)
CODE, ANSWERS, LOG = "def napkin(): ...", "bytes = 4", "Time for inference 1: ..."
WORK = {"napkin/exercise.py": CODE, "napkin/answers.toml": ANSWERS}
AT = datetime(2026, 11, 20, 23, 58, tzinfo=UTC)
Files = Mapping[str, Any]


def lay(folder: Path, files: Files) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def packed(files: Files) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return held.getvalue()


def gathered(place: Path, *paths: Path, roster: Roster = ROSTER) -> Gathered:
    into = Path(tempfile.mkdtemp(dir=place, prefix="into-"))
    found = gather(paths, roster, into, UTC, EXERCISES)
    left = sorted(path.name for path in into.iterdir() if not path.name.startswith("attempt-"))
    assert left == []
    assert sorted(one.folder for one in found.attempts) == sorted(into.iterdir())
    return found


def only(found: Gathered) -> Attempt:
    (attempt,) = found.attempts
    return attempt


def files(attempt: Attempt) -> list[str]:
    paths = (path for path in attempt.folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(attempt.folder).as_posix() for path in paths)


def told(findings: list[Finding], *but: str) -> str:
    """All that is said, but for the time, which always is."""
    said = (f"{one.about} {one.sentence} {one.evidence}" for one in findings)
    return "\n".join(one for one in said if "time handed in" not in one)


# Layouts of one person


@pytest.mark.parametrize(
    "layout",
    [
        WORK,
        {f"mine/{name}": content for name, content in WORK.items()},
        {f"home/ada/mine/{name}": content for name, content in WORK.items()},
        {"Napkin/Exercise.py": CODE, "Napkin/answers (1).toml": ANSWERS},
        {"napkin.py": CODE, "napkin-answers.toml": ANSWERS},
        {"exercise_napkin.py": CODE, "napkin.toml": ANSWERS},
        {"napkin.zip": packed({"exercise.py": CODE, "answers.toml": ANSWERS})},
        {"mine.zip": packed({f"mine/{name}": content for name, content in WORK.items()})},
        {**WORK, "README.md": "x", "workshop.toml": "x", ".workshop/progress.json": "{}"},
    ],
)
@pytest.mark.parametrize("as_archive", [False, True])
def test_every_layout_is_brought_to_one(tmp_path: Path, layout: Files, as_archive: bool) -> None:
    if as_archive:
        lay(tmp_path / "all", {"s1.zip": packed(layout)})
    else:
        lay(tmp_path / "all" / "s1", layout)
    attempt = only(gathered(tmp_path, tmp_path / "all"))
    assert files(attempt) == ["napkin/answers.toml", "napkin/exercise.py"]
    assert (attempt.folder / "napkin/exercise.py").read_text() == CODE
    assert told(attempt.remarks) == ""


def test_logs_are_kept_wherever_they_lie(tmp_path: Path) -> None:
    layout = {**WORK, "job-1.out": LOG, "runs/a/job-2.log": LOG, "napkin/slurm-3.OUT": LOG}
    lay(tmp_path / "all/s1", {f"mine/{name}": content for name, content in layout.items()})
    attempt = only(gathered(tmp_path, tmp_path / "all"))
    logs = {"job-1.out", "runs/a/job-2.log", "napkin/slurm-3.OUT"}
    assert set(files(attempt)) == {*WORK, *logs}


def test_what_lies_beside_the_code_comes_along(tmp_path: Path) -> None:
    lay(tmp_path / "all/s1", {**WORK, "napkin/helpers/more.py": "x"})
    assert "napkin/helpers/more.py" in files(only(gathered(tmp_path, tmp_path / "all")))


def test_a_lone_exercise_is_of_the_one_that_its_archive_names(tmp_path: Path) -> None:
    lay(tmp_path / "all", {"s1_first_run.zip": packed({"exercise.py": CODE})})
    attempt = only(gathered(tmp_path, tmp_path / "all"))
    assert files(attempt) == ["first-run/exercise.py"]
    assert "taken for first-run's" in told(attempt.remarks)


def test_what_fits_nothing_is_told(tmp_path: Path) -> None:
    layout = {
        **WORK,
        "thoughts.docx": "x",
        "exercise.py": "whose?",
        "backup/napkin/exercise.py": "older",
        "deep/er/napkin.zip": packed({"exercise.py": "?"}),
        "all.rar": "Rar!",
    }
    lay(tmp_path / "all/s1", layout)
    attempt = only(gathered(tmp_path, tmp_path / "all"))
    assert files(attempt) == sorted(WORK)
    assert (attempt.folder / "napkin/exercise.py").read_text() == CODE
    said = told(attempt.remarks)
    for words in ("thoughts.docx", "nothing tells which exercise", "backup", "not unpacked", "rar"):
        assert words in said


def test_answers_of_a_hundred_megabytes_are_kept_out(tmp_path: Path) -> None:
    bomb = packed({**WORK, "compile/answers.toml": b"#" * 100_000_000})
    lay(
        tmp_path / "all", {"s1.zip": bomb, "s2.zip": packed({"napkin/answers.toml": "#" * 200_000})}
    )
    first, second = gathered(tmp_path, tmp_path / "all").attempts
    assert files(first) == sorted(WORK)
    assert "compile/answers.toml was left out" in told(first.remarks)
    assert files(second) == []
    assert "answers of more than 100 kB" in told(second.remarks)


# Layouts of a class


def test_a_moodle_download_is_understood(tmp_path: Path) -> None:
    flat = "Jörg Müller_99_assignsubmission_file_napkin.py"
    download = {
        "Ada Lovelace_4711_assignsubmission_file_/mine.zip": packed(WORK),
        "Ada Lovelace_4711_assignsubmission_onlinetext_/onlinetext.html": "<p>hello",
        "Somebody Renamed_902_assignsubmission_file_/napkin/exercise.py": CODE,
        flat: CODE,
    }
    folder = lay(tmp_path / "all", download)
    (tmp_path / "all.zip").write_bytes(packed(download))
    for path in (folder, tmp_path / "all.zip"):
        found = gathered(tmp_path, path)
        assert [one.participant.id for one in found.attempts] == ["s1", "s3", "s2"]
        assert files(found.attempts[0]) == sorted(WORK)
        assert [one.handed_in for one in found.attempts] == [None] * 3
        assert found.remarks == []


def test_a_moodle_worksheet_says_when(tmp_path: Path) -> None:
    others = {
        "Identifier": "Teilnehmer/in4711",
        "Last modified (submission)": "Friday, 20 November 2026, 11:58 PM",
    }
    lay(tmp_path / "all", {"Ada Lovelace_4711_assignsubmission_file_/napkin.py": CODE})
    roster = Roster([Participant("s1", "Ada Lovelace", others=others)])
    attempt = only(gathered(tmp_path, tmp_path / "all", roster=roster))
    assert attempt.handed_in == AT


def test_a_canvas_download_is_understood(tmp_path: Path) -> None:
    download = {
        "lovelaceada_17_5001_mine-2.zip": packed(WORK),
        "hoppergrace_LATE_902_5002_napkin-1.py": CODE,
        "hoppergrace_LATE_902_5003_job-1.out": LOG,
        "anon_aB3xY_5004_napkin.py": CODE,
    }
    (tmp_path / "all.zip").write_bytes(packed(download))
    found = gathered(tmp_path, tmp_path / "all.zip")
    people = {one.participant.id: one for one in found.attempts}
    assert set(people) == {"s1", "s2", "unknown: anon_aB3xY"}
    assert files(people["s2"]) == ["job-1.out", "napkin/exercise.py"]
    assert "marks it as late" in told(people["s2"].remarks)
    assert not people["unknown: anon_aB3xY"].known


GRADESCOPE = """\
---
submission_1:
  :submitters:
  - :name: Ada Lovelace
    :email: ada@example.org
    :sid: 's1'
  - :name: Grace Hopper
    :sid: s2
  :created_at: 2026-11-20 23:58:00.297916000 Z
  :score: 10.0
  :results: {tests: [{name: ":submitters:", output: "- :sid: s3"}]}
submission_4: nothing
submission_2:
  :submitters:
  - :name: Nobody Here
    :sid: '0017'
  :created_at: not a time
submission_3:
  :submitters: []
"""


def test_a_gradescope_export_is_understood(tmp_path: Path) -> None:
    export = {
        "assignment_7_export/submission_metadata.yml": GRADESCOPE,
        "assignment_7_export/submission_1/napkin/exercise.py": CODE,
        "assignment_7_export/submission_2/napkin.py": CODE,
        "assignment_7_export/submission_4/napkin.py": CODE,
        "assignment_7_export/submission_9/napkin.py": CODE,
    }
    lay(tmp_path / "all", export)
    (tmp_path / "all.zip").write_bytes(packed(export))
    for path in (tmp_path / "all", tmp_path / "all/assignment_7_export", tmp_path / "all.zip"):
        found = gathered(tmp_path, path)
        ids = [one.participant.id for one in found.attempts]
        assert ids == ["s1", "s2", *(f"unknown: submission_{number}" for number in (4, 2, 9))]
        assert [one.handed_in for one in found.attempts] == [AT, AT, None, None, None]
        assert "several people together" in told(found.attempts[0].remarks)
        assert "submission_3" in told(found.remarks)


@pytest.mark.parametrize(
    "metadata",
    ["a: [", "- a\n- b\n", "!!python/object/apply:os.system [x]", "[" * 100_000],
)
def test_metadata_that_cannot_be_read_are_told(tmp_path: Path, metadata: str) -> None:
    lay(
        tmp_path / "all",
        {"submission_metadata.yml": metadata, "submission_1/napkin.py": CODE, "s1/napkin.py": CODE},
    )
    found = gathered(tmp_path, tmp_path / "all")
    assert "cannot be read" in told(found.remarks)
    assert {one.participant.id for one in found.attempts} == {"s1", "unknown: submission_1"}


def test_nbgraders_folders_and_its_times_are_understood(tmp_path: Path) -> None:
    course = {
        "source/napkin/exercise.py": "the solution",
        "submitted/s1/napkin/exercise.py": CODE,
        "submitted/s1/napkin/timestamp.txt": "2026-11-20 23:58:00.948203 UTC",
        "submitted/s1/compile/exercise.py": CODE,
        "submitted/s1/compile/timestamp.txt": "2026-11-19 15:58:23 America/Los_Angeles",
        "submitted/s2/napkin/exercise.py": CODE,
    }
    lay(tmp_path / "course", course)
    for path in (tmp_path / "course", tmp_path / "course/submitted"):
        first, second = gathered(tmp_path, path).attempts
        assert (first.participant.id, first.handed_in) == ("s1", AT)
        assert files(first) == ["compile/exercise.py", "napkin/exercise.py"]
        assert second.participant.id == "s2"
    inbound = lay(
        tmp_path / "inbound",
        {f"s1+workshop+2026-11-2{day} 23:58:00 UTC+a-_b/napkin.py": f"#{day}" for day in (0, 1)},
    )
    attempts = gathered(tmp_path, inbound).attempts
    assert [(one.number, one.handed_in) for one in attempts] == [(1, AT), (2, AT + timedelta(1))]


def test_groups_of_people_are_looked_into_and_wrapped_archives_too(tmp_path: Path) -> None:
    layout = {"group a/s1/napkin.py": CODE, "group b/s2/napkin.py": CODE, "group b/x/napkin.py": ""}
    lay(tmp_path / "all", layout)
    (tmp_path / "all.zip").write_bytes(packed({f"term/{n}": c for n, c in layout.items()}))
    for path in (tmp_path / "all", tmp_path / "all.zip"):
        ids = [one.participant.id for one in gathered(tmp_path, path).attempts]
        assert ids == ["s1", "s2", "unknown: x"]


def test_a_submission_may_be_named_itself(tmp_path: Path) -> None:
    lay(tmp_path / "s1", WORK)
    lay(tmp_path / "somebody", WORK)
    lay(tmp_path, {"s2.zip": packed(WORK), "stranger.zip": packed({"x.py": "1"})})
    paths = [tmp_path / name for name in ("s1", "somebody", "s2.zip", "stranger.zip")]
    found = gathered(tmp_path, *paths)
    ids = [one.participant.id for one in found.attempts]
    assert ids == ["s1", "unknown: somebody", "s2", "unknown: stranger"]


# Whose


def test_nobody_hands_in_for_others(tmp_path: Path) -> None:
    hostile = {"s1/napkin/exercise.py": "raise", "s2/napkin/exercise.py": "raise"}
    folder = lay(tmp_path / "all", {"s3.zip": packed(hostile), "m.zip": packed(hostile)})
    lay(folder / "mallory", hostile)
    lay(folder / "s1", WORK)
    found = gathered(tmp_path, folder)
    assert [one.participant.id for one in found.attempts if one.known] == ["s3", "s1"]


def test_an_archive_with_names_of_others_beside_their_own_is_told_of(tmp_path: Path) -> None:
    hostile = {"s1/napkin/exercise.py": "raise", "s2/napkin/exercise.py": "raise"}
    lay(tmp_path, {"s1.zip": packed(WORK), "class.zip": packed(hostile)})
    attempts = gathered(tmp_path, tmp_path / "s1.zip", tmp_path / "class.zip").attempts
    doubted = [one.source for one in attempts if "see who made" in told(one.remarks)]
    assert [one.participant.id for one in attempts] == ["s1", "s1", "s2"]
    assert doubted == [tmp_path / "class.zip" / "s1"]


def test_what_fits_two_people_is_graded_as_unknown_and_told(tmp_path: Path) -> None:
    lay(tmp_path / "all", {"Maria Chen/napkin.py": CODE, "s1/napkin.py": CODE})
    unknown = next(one for one in gathered(tmp_path, tmp_path / "all").attempts if not one.known)
    assert unknown.participant.id == "unknown: Maria Chen"
    assert "Maria Chen (s4), Maria Chen (s5)" in told(unknown.remarks)


# Attempts


def test_attempts_are_numbered_by_the_time_at_which_they_came(tmp_path: Path) -> None:
    names = ["s1_20261121-080000.zip", "s1_2026-11-20_23-58.zip", "s1.zip"]
    folder = lay(tmp_path / "all", {n: packed({"napkin.py": n}) for n in names})
    os.utime(folder / "s1.zip", (AT.timestamp() + 60, AT.timestamp() + 60))
    attempts = gathered(tmp_path, folder).attempts
    assert [one.source.name for one in attempts] == [names[1], names[2], names[0]]
    assert [one.number for one in attempts] == [1, 2, 3]
    assert attempts[0].handed_in == AT
    by = [
        one.evidence["told by"] for a in attempts for one in a.remarks if "told by" in one.evidence
    ]
    assert by == ["the time in its name", "the time of its file", "the time in its name"]


def test_a_time_without_a_zone_is_one_of_the_rubrics(tmp_path: Path) -> None:
    lay(tmp_path / "all", {"s1_2026-11-20_23-58/napkin.py": CODE})
    zone = timezone(timedelta(hours=2))
    found = gather([tmp_path / "all"], ROSTER, tmp_path / "into", zone, EXERCISES)
    assert only(found).handed_in == AT - timedelta(hours=2)
    assert only(found).handed_in.utcoffset() == timedelta(hours=2)  # type: ignore[union-attr]


def test_the_same_twice_is_one_attempt_and_told(tmp_path: Path) -> None:
    lay(tmp_path / "all", {"s1.zip": packed(WORK), "Ada Lovelace.zip": packed(WORK)})
    attempt = only(gathered(tmp_path, tmp_path / "all"))
    assert attempt.number == 1
    assert "handed in again" in told(attempt.remarks)


def test_the_digest_is_of_what_is_graded_and_nothing_else(tmp_path: Path) -> None:
    lay(tmp_path / "a", WORK)
    lay(tmp_path / "b", WORK)
    assert digest_of(tmp_path / "a") == digest_of(tmp_path / "b")
    lay(tmp_path / "b", {"napkin/answers.toml": "bytes = 5"})
    assert digest_of(tmp_path / "a") != digest_of(tmp_path / "b")


def test_empty_and_broken_submissions_are_attempts_that_are_told_of(tmp_path: Path) -> None:
    broken = {"s1.zip": b"", "s2.zip": b"PK\x03\x04 no", "s3.tar.gz": b"\x1f\x8b", "s4.7z": b"7z"}
    folder = lay(tmp_path / "all", broken)
    (folder / "s5").mkdir()
    attempts = gathered(tmp_path, folder).attempts
    assert [one.participant.id for one in attempts] == ["s1", "s2", "s3", "s4", "s5"]
    for attempt in attempts:
        assert files(attempt) == []
        assert "nothing of what was handed in" in told(attempt.remarks)


# Attacks on the one who gathers


def test_links_in_a_submission_lead_nowhere(tmp_path: Path) -> None:
    folder = lay(tmp_path / "all/s1", WORK).parent
    mallory = folder / "s2"
    mallory.mkdir()
    (mallory / "napkin").symlink_to(folder / "s1/napkin")
    (mallory / "compile").mkdir()
    (mallory / "compile/exercise.py").symlink_to(folder / "s1/napkin/exercise.py")
    (mallory / "passwd.out").symlink_to("/etc/passwd")
    (mallory / "timestamp.txt").symlink_to("/etc/passwd")
    os.mkfifo(mallory / "job.out")
    (folder / "s3").symlink_to(folder / "s1")
    found = gathered(tmp_path, folder)
    assert [files(one) for one in found.attempts] == [sorted(WORK), []]
    assert "never followed" in told(found.attempts[1].remarks)
    assert "s3" in told(found.remarks)


def test_names_that_cannot_be_printed_are_told_and_harm_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    odd = ["\u202egpj.s1", "a\nb\x1b[2J", b"bytes\xff".decode("utf-8", "surrogateescape")]
    for name in odd:
        lay(folder / name, {"napkin.py": CODE})
    found = gathered(tmp_path, folder)
    assert len(found.attempts) == 3
    for attempt in found.attempts:
        assert attempt.participant.id.isprintable()
        assert str(attempt.source).isprintable()
        assert files(attempt) == ["napkin/exercise.py"]


def test_quines_and_bombs_in_bombs_end(tmp_path: Path) -> None:
    inner = packed({"r.zip": packed({"r.zip": packed(WORK)})})
    bombs = packed({f"{i}.zip": packed({"zeros.out": bytes(17_000_000)}) for i in range(4)})
    folder = lay(tmp_path / "all", {"s1.zip": inner, "s2.zip": bombs})
    first, second = gathered(tmp_path, folder).attempts
    assert (files(first), files(second)) == ([], [])
    assert "not unpacked" in told(first.remarks)
    assert "a bomb" in told(second.remarks)


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no .*nowhere"):
        gather([tmp_path / "nowhere"], ROSTER, tmp_path / "into", UTC, EXERCISES)


def test_a_path_named_twice_is_taken_once(tmp_path: Path) -> None:
    lay(tmp_path / "s1", WORK)
    found = gathered(tmp_path, tmp_path / "s1", tmp_path / "s1" / ".." / "s1")
    assert "named twice" in told(found.remarks)
    only(found)


# Nobody is lost

entry_names = st.sampled_from(
    [
        *("s1", "s1_2", "Ada Lovelace", "lovelace-ada", "s2", "jm42", "Maria Chen", "stranger"),
        *("Ada Lovelace_4711_assignsubmission_file_", "hoppergrace_LATE_902_11_x", "group a"),
        *("s1+w+2026-11-20 23:58:00 UTC", "submission_1", "source", "Köln", "a b.c"),
    ]
)
contents = st.dictionaries(
    st.sampled_from(
        ["napkin/exercise.py", "x/compile/answers.toml", "job.out", "a.zip", "s2/x.py"]
    ),
    st.sampled_from(["", "x", "bytes = 4"]),
    max_size=3,
)
kinds = st.sampled_from(["folder", "zip", "broken zip", "file", "link"])


@settings(max_examples=60)
@given(st.dictionaries(entry_names, st.tuples(kinds, contents), max_size=7), st.booleans())
def test_every_entry_is_an_attempt_or_told_of(
    entries: dict[str, tuple[str, dict[str, str]]], as_archive: bool
) -> None:
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        folder = place / "all"
        folder.mkdir()
        names = [make(folder, name, kind, content) for name, (kind, content) in entries.items()]
        if as_archive:
            lay(folder / "s5", WORK)
            folder = archived(folder)
            names = [name for name in names if kept_in_an_archive(entries, name)]
        found = gathered(place, folder)
        said = told(found.remarks) + "".join(told(one.remarks) for one in found.attempts)
        for name in names:
            sources = [one.source for one in found.attempts]
            assert any(name in source.parts for source in sources) or name in said


def archived(folder: Path) -> Path:
    """One archive of all, as a teacher's system makes it: of files alone."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    target = folder.with_suffix(".zip")
    target.write_bytes(packed({str(p.relative_to(folder)): p.read_bytes() for p in paths}))
    return target


def kept_in_an_archive(entries: Mapping[str, tuple[str, dict[str, str]]], name: str) -> bool:
    kind, content = entries.get(name, ("file", {"x": ""}))
    return kind != "link" and (kind != "folder" or bool(content))


def make(folder: Path, name: str, kind: str, content: dict[str, str]) -> str:
    """Lay an entry of a kind; what it is called then."""
    if kind == "folder":
        lay(folder / name, content)
        (folder / name).mkdir(exist_ok=True)
        return name
    if kind == "link":
        (folder / name).symlink_to("/etc")
        return name
    end = ".txt" if kind == "file" else ".zip"
    (folder / f"{name}{end}").write_bytes(packed(content) if kind == "zip" else b"PK\x03\x04")
    return f"{name}{end}"
