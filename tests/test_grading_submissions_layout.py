"""Submissions in any layout: of one person or of a class, each comes to one folder."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from submission_builders import (
    ANSWERS,
    AT,
    CODE,
    LOG,
    WORK,
    Files,
    files,
    gathered,
    lay,
    only,
    packed,
    told,
)

from workshop.grading.intake.roster import Roster
from workshop.grading.records import Participant

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


# What is no file where a file should be


@pytest.mark.parametrize(
    ("layout", "place"),
    [
        ({"napkin/exercise/__init__.py": CODE}, "napkin/exercise"),
        ({"napkin/exercise/parts/a.py": CODE, "napkin/answers.toml": ANSWERS}, "napkin/exercise"),
        ({"napkin/exercise.py/__init__.py": CODE}, "napkin/exercise.py"),
        ({"mine/napkin/Exercise/a.py": CODE}, "mine/napkin/Exercise"),
        ({"exercise/__init__.py": CODE}, "exercise"),
    ],
)
@pytest.mark.parametrize("as_archive", [False, True])
def test_a_package_in_place_of_the_file_is_told(
    tmp_path: Path, layout: Files, place: str, as_archive: bool
) -> None:
    if as_archive:
        lay(tmp_path / "all", {"s1.zip": packed(layout)})
    else:
        lay(tmp_path / "all" / "s1", layout)
    attempt = only(gathered(tmp_path, tmp_path / "all"))
    remarks = told(attempt.remarks)
    assert f"{place} is a folder, and one file is graded: the code belongs into" in remarks


@pytest.mark.parametrize(
    "layout",
    [
        {"exercise/napkin/exercise.py": CODE},
        {"napkin/exercise.py": CODE, "napkin/exercise/helper.py": CODE},
        {"exercise/napkin.py": CODE},
    ],
)
def test_a_folder_of_that_name_beside_or_around_the_file_is_no_package(
    tmp_path: Path, layout: Files
) -> None:
    lay(tmp_path / "all" / "s1", layout)
    attempt = only(gathered(tmp_path, tmp_path / "all"))
    assert "is a folder" not in told(attempt.remarks)
    assert "napkin/exercise.py" in files(attempt)


def test_a_link_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    folder = lay(tmp_path / "all" / "s1", {"napkin/answers.toml": ANSWERS, "mine.py": CODE})
    (folder / "napkin" / "exercise.py").symlink_to("../mine.py")
    attempt = only(gathered(tmp_path, tmp_path / "all"))
    assert files(attempt) == ["napkin/answers.toml"]
    sentence = "napkin/exercise.py was left out: it is a link, and links are never followed: hand"
    assert sentence in told(attempt.remarks)


@pytest.mark.parametrize(
    "inside",
    [{}, {"napkin": None}, {"a/b/c": None}, {"timestamp.txt": "2026-11-20 10:00:00 UTC"},
     {"__pycache__/x.pyc": b"x"}],
    ids=["nothing", "an empty folder", "empty folders", "nbgrader's stamp", "what tools leave"],
)  # fmt: skip
def test_an_empty_folder_is_missing_and_not_handed_in(tmp_path: Path, inside: Files) -> None:
    lay(tmp_path / "all" / "s2", WORK)
    folder = tmp_path / "all" / "s1"
    folder.mkdir()
    for name, content in inside.items():
        if content is None:
            (folder / name).mkdir(parents=True)
        else:
            lay(folder, {name: content})
    found = gathered(tmp_path, tmp_path / "all")
    assert [one.participant.id for one in found.attempts] == ["s2"]
    assert "s1: the folder is empty, so nothing was handed in" in told(found.remarks)


def test_a_folder_with_something_that_is_left_out_is_handed_in(tmp_path: Path) -> None:
    (tmp_path / "all" / "s1").mkdir(parents=True)
    (tmp_path / "all" / "s1" / "napkin").symlink_to("/nowhere")
    attempt = only(gathered(tmp_path, tmp_path / "all"))
    assert "napkin was left out: it is a link" in told(attempt.remarks)
