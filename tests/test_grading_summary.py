"""The teacher's page, and everything that is written."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import PROGRAM, Page, browser
from grading_class import HOSTILE, check, class_of, exercise, graded, person, small_class
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec.structs import replace
from test_grading_feedback import Outline

from workshop.cli.grade_report import look_first
from workshop.grading.pages.folders import folders
from workshop.grading.pages.mistakes import mistakes, most_common, stumbles
from workshop.grading.pages.outputs import write_outputs
from workshop.grading.pages.summary import Summary, summary, summary_html, summary_markdown
from workshop.grading.records import Class, Finding
from workshop.util.errors import UsageError


def view_of(cls: Class) -> Summary:
    return summary(
        cls,
        {one.id: f"participants/{one.id}" for one in cls.roster},
        [f"unknown/{number}" for number, _ in enumerate(cls.unknown)],
    )


def said(cls: Class) -> str:
    return Outline(summary_html(view_of(cls))).said


def test_who_is_missing_late_or_unknown_is_told() -> None:
    told = said(small_class())
    assert "On the roster 6 Handed in 5 Missing 1 Late 1 Unknown 1" in told
    assert "Missing (1) Ada Number6 s0006" in told
    assert "Ada Number2 s0002 : 2 h 10 min, which cost 0.25 points" in told
    assert "submissions/tmp-x.zip tmp-x : 6 of 6 points" in told
    assert "line 9 names nobody" in told
    assert "Grading took 3 min" in told


def test_the_walls_are_told_with_what_they_mean() -> None:
    assert "bubblewrap , for 6 submissions: own namespaces: no network" in said(small_class())


def test_each_exercise_has_its_distribution_in_a_drawing_and_in_words() -> None:
    page = summary_html(view_of(small_class()))
    assert page.count("<svg") == 3
    told = Outline(page).said
    assert "quantize 4 handed it in, 1 handed in others without it. All 4 points: 2." in told
    assert "Of 4 points, 4 people have a median of 3; the middle half lies between 2 and 4." in told


def test_the_same_wrong_answer_is_counted_by_its_cause() -> None:
    (wrong,) = mistakes(small_class())["quantize"]
    assert (wrong.check, wrong.answer, wrong.people) == (
        *("one scale a row", "the scale is of a column"),
        2,
    )


def test_messages_that_differ_in_numbers_only_are_the_same_mistake() -> None:
    wrong = [check("a", 0, message=f"row {i}: 0.{i} is not 1") for i in range(3)]
    cls = class_of(*(graded(person(i), exercise("x", one)) for i, one in enumerate(wrong)))
    (made,) = mistakes(cls)["x"]
    assert made.people == 3


def test_predictions_are_counted_by_what_was_answered() -> None:
    answers = ["7 GB", "7 GB", "28 GB"]
    wrong = [check("bytes", 0, kind="answer", message="off", actual=one) for one in answers]
    cls = class_of(*(graded(person(i), exercise("x", one)) for i, one in enumerate(wrong)))
    assert [(one.answer, one.people) for one in mistakes(cls)["x"]] == [
        ("answered 7 GB", 2),
        ("answered 28 GB", 1),
    ]
    shown, others = most_common(mistakes(cls)["x"], most=8)
    assert (len(shown), others) == (1, 1)


def test_predictions_that_nobody_made_are_no_mistakes() -> None:
    none = check("bytes", 0, kind="answer", message="no answer yet")
    cls = class_of(graded(person(1), exercise("x", none)))
    assert mistakes(cls) == {"x": []}
    assert stumbles(cls) == []


def test_code_of_which_every_check_fails_alike_is_one_mistake() -> None:
    same = [check(name, 0, message="this is as it was handed out") for name in "abc"]
    done = [check(name) for name in "abc"]
    cls = class_of(graded(person(1), exercise("x", *same)), graded(person(2), exercise("x", *done)))
    (one,) = stumbles(cls)
    assert (one.check, one.failed, one.ran) == ("every check", 1, 2)
    assert [made.check for made in mistakes(cls)["x"]] == ["every check"]


def test_what_most_failed_comes_first_to_go_over_again() -> None:
    first, second = stumbles(small_class())
    assert (first.check, first.failed, first.ran) == ("one scale a row", 2, 4)
    assert first.cause == "the scale is of a column"
    assert (second.check, second.failed, second.ran) == ("it runs", 2, 5)
    assert "quantize: one scale a row (check): 2 of 4, 50 %. the scale is" in said(small_class())


def test_findings_come_by_severity_with_their_evidence() -> None:
    cls = small_class()
    found = [
        Finding("doubt", "job.out", "faster than usual", {"tokens/s": "9000"}),
        Finding("contradiction", "job.out", "more than the device can read", {"device": "cpu"}),
    ]
    cls = replace(cls, graded={**cls.graded, "s0003": replace(cls.graded["s0003"], evidence=found)})
    told = said(cls)
    both = "Two things that cannot both be so (1) Ada Number3 (s0003) job.out more than the device"
    assert both in told
    assert (
        "Worth a question (1) Ada Number3 (s0003) job.out faster than usual tokens/s 9000" in told
    )


def test_a_flood_of_findings_about_one_hides_nobody_else() -> None:
    flood = [Finding("doubt", "", f"finding {i}") for i in range(100)]
    last = [Finding("doubt", "", "the one that counts")]
    cls = class_of(graded(person(1), evidence=flood), graded(person(2), evidence=last))
    told = said(cls)
    assert "the one that counts" in told
    assert "60 more about the same people are not listed." in told


def test_what_could_not_be_graded_is_not_called_missing() -> None:
    told = said(replace(small_class(), attempts={"s0006": 1}))
    assert "Came, and could not be graded (1)" in told
    assert "Missing 0" in told


def test_hostile_text_stays_text() -> None:
    found = Finding("doubt", HOSTILE, HOSTILE, {HOSTILE: HOSTILE})
    wrong = check(HOSTILE, 0, message=HOSTILE)
    one = graded(person(1, name=HOSTILE), exercise("a", wrong), evidence=[found], source=HOSTILE)
    cls = class_of(one, unknown=[one], remarks=[found], title=HOSTILE)
    outline = Outline(summary_html(view_of(cls)))
    assert not {tag for tag, _ in outline.elements} & {"script", "img"}
    rendered = Outline(
        MarkdownIt("commonmark").enable("table").render(summary_markdown(view_of(cls)))
    )
    assert not {tag for tag, _ in rendered.elements} & {"script", "img", "a", "em", "blockquote"}


def test_everything_is_written(tmp_path: Path) -> None:
    paths = write_outputs(small_class(), tmp_path / "grades")
    written = {str(path.relative_to(tmp_path / "grades")) for path in paths}
    assert {"gradebook.csv", "summary.html", "summary.md"} <= written
    assert {f"participants/s0001/{name}" for name in ("feedback.html", "results.json")} <= written
    assert "participants/s0006/feedback.md" in written
    assert "participants/s0006/results.json" not in written
    assert "unknown/tmp-x/feedback.html" in written
    assert all(path.is_file() for path in paths)
    assert paths[-1].name == "gradebook.csv"


def test_links_of_the_summary_lead_somewhere(tmp_path: Path) -> None:
    odd = person(1, id="müller/../x &?#%20")
    write_outputs(class_of(graded(odd, exercise("a", check()))), tmp_path)
    outline = Outline((tmp_path / "summary.html").read_text(encoding="utf-8"))
    links = [str(found["href"]) for tag, found in outline.elements if tag == "a"]
    (link,) = {link for link in links if link.startswith("participants/")}
    assert (tmp_path / link).is_file()


def test_grades_are_for_nobody_elses_eyes(tmp_path: Path) -> None:
    write_outputs(small_class(), tmp_path / "grades")
    for folder in ("grades", "grades/participants/s0001"):
        assert stat.S_IMODE((tmp_path / folder).stat().st_mode) == 0o700


def test_what_says_the_same_is_not_written_again(tmp_path: Path) -> None:
    paths = write_outputs(small_class(), tmp_path)
    before = [path.stat().st_mtime_ns for path in paths]
    assert write_outputs(small_class(), tmp_path) == paths
    assert [path.stat().st_mtime_ns for path in paths] == before


def test_results_of_a_submission_that_is_gone_are_gone_too(tmp_path: Path) -> None:
    cls = small_class()
    write_outputs(cls, tmp_path)
    graded = {id: one for id, one in cls.graded.items() if id != "s0001"}
    write_outputs(replace(cls, graded=graded, attempts={}), tmp_path)
    assert not (tmp_path / "participants/s0001/results.json").exists()
    page = (tmp_path / "participants/s0001/feedback.md").read_text(encoding="utf-8")
    assert "No submission of yours was found" in page


def test_folders_of_an_earlier_class_stay_and_are_told(tmp_path: Path) -> None:
    cls = small_class()
    write_outputs(cls, tmp_path)
    write_outputs(replace(cls, roster=cls.roster[1:]), tmp_path)
    assert (tmp_path / "participants/s0001/feedback.html").is_file()
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "## Left from an earlier run" in summary
    assert "- participants/s0001\n" in summary


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "participants").write_text("a file")
    with pytest.raises(UsageError, match=r"cannot write .*participants"):
        write_outputs(small_class(), tmp_path)


@given(st.lists(st.text(max_size=80), max_size=8))
def test_every_id_has_a_folder_of_its_own_that_is_safe_anywhere(ids: list[str]) -> None:
    names = folders(ids)
    assert len({name.lower() for name in names}) == len(ids)
    for name in names:
        assert name
        assert len(os.fsencode(name)) <= 100
        assert not set(name) & set('/\\\0:*?"<>| ')
        assert name[0] not in ".-"
        assert name[-1] != "."


def test_a_plain_id_is_its_own_folder() -> None:
    assert folders(["s0001", "ada@example.org"]) == ["s0001", "ada@example.org"]
    assert folders(["Ada", "ada"])[0] != "Ada"
    assert folders(["../../etc", ".ssh", "con", "", "x" * 300, "a/b"]) != []


def test_a_class_of_300_is_written_whole(tmp_path: Path) -> None:
    checks = [check(f"check {i}", i % 2, message="row 3 is off" * 9) for i in range(8)]
    grades = [
        graded(person(i), *(exercise(f"e{e}", *checks) for e in range(5)), speeds={"compile": 2.0})
        for i in range(300)
    ]
    assert len(write_outputs(class_of(*grades), tmp_path)) == 903


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    if PROGRAM is None and not os.environ.get("WORKSHOP_REQUIRE_BROWSER"):
        pytest.skip("there is no chromium here")
    with browser() as page:
        yield page


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grades")
    long = check("x" * 250, 0, message="y" * 3000, expected="z" * 3000, actual=HOSTILE)
    found = Finding("contradiction", "job.out", "w" * 400, {"evidence": "v" * 900})
    people = [
        graded(
            person(i, name="שרה כהן, O'Neil" if i else "n" * 200),
            *(exercise(f"exercise-{e}", check(points=i % 3), long) for e in range(9)),
            speeds={"compile": 1.5 + i / 10, "quantize": 3.0 + i},
            evidence=[found],
        )
        for i in range(12)
    ]
    write_outputs(class_of(*people, absent=(person(99),)), folder)
    return folder


@pytest.mark.parametrize("name", ["summary.html", "participants/s0000/feedback.html"])
def test_a_browser_shows_it_without_a_complaint_at_every_width(
    tab: Page, written: Path, name: str
) -> None:
    tab.screen()
    tab.open(written / name)
    tab.value("1")  # whatever comes with loading has come
    assert tab.complaints == []
    assert tab.requests == [(written / name).as_uri()]
    for width in (320, 800, 1600):
        tab.screen(width=width)
        assert tab.value("document.documentElement.scrollWidth") <= width
    grounds = []
    for scheme in ("light", "dark"):
        tab.screen(scheme)
        grounds.append(tab.value("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(255, 255, 255)", "rgb(20, 23, 28)"]


@pytest.mark.parametrize(
    ("ratios", "words"),
    [
        ([23.4], "compile: 1 person 23.4."),
        ([1.0, 2.0, 4.0], "compile: median of 3 people 2.00."),
        ([1.0, 2.0, 3.0, 4.0], "compile: median of 4 people 2.50, middle half 1.75 to 3.25."),
    ],
)
def test_few_people_have_no_quarters(ratios: list[float], words: str) -> None:
    people = [
        graded(person(i), exercise("a", check()), speeds={"compile": one})
        for i, one in enumerate(ratios)
    ]
    told = said(class_of(*people))
    assert words in told
    assert ("middle half" in told) == (len(ratios) > 3)


def test_a_single_person_is_one_in_words() -> None:
    told = said(class_of(graded(person(1), exercise("a", check()))))
    assert "Of 2 points, 1 person has 2." in told


def test_what_is_about_the_roster_names_its_file() -> None:
    assert look_first(small_class()) == ["roster.csv: line 9 names nobody (doubt)"]
    nowhere = class_of(remarks=[Finding("doubt", "", "bubblewrap is not there")])
    assert look_first(nowhere) == ["the class: bubblewrap is not there (doubt)"]
