"""A participant's page: what passed, what did not and why, the own place in the class."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from grading_class import (
    HOSTILE,
    check,
    class_of,
    exercise,
    graded,
    left_out,
    person,
    small_class,
)
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec.structs import replace

from workshop.grading.pages.distribution import Distribution, points, speeds
from workshop.grading.pages.feedback import (
    Feedback,
    feedback,
    feedback_html,
    feedback_markdown,
    setting,
)
from workshop.grading.pages.markdown import code, plain
from workshop.grading.pages.summary import summary, summary_html
from workshop.grading.pages.text import LINES, lines, name, span
from workshop.grading.records import Class, ExerciseGrade, Finding

anything = st.text(st.characters(exclude_categories=("Cs",)), max_size=60) | st.just(HOSTILE)
GITHUB = MarkdownIt("commonmark").enable(["table", "strikethrough"])


class Outline(HTMLParser):
    """The elements of a page, and the text that people read."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._tag = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._tag = tag

    def handle_data(self, data: str) -> None:
        if self._tag != "style":
            self.texts.append(data)

    @property
    def said(self) -> str:
        return " ".join(" ".join(self.texts).split())


def view_of(cls: Class, id: str) -> Feedback:
    one = next(one for one in cls.roster if one.id == id)
    return feedback(one, cls.graded.get(id), setting(cls))


def said(cls: Class, id: str) -> str:
    return Outline(feedback_html(view_of(cls, id))).said


def alone(*exercises: ExerciseGrade, **fields: object) -> Class:
    return class_of(graded(person(1), *exercises, **fields))


def test_what_passed_and_what_did_not_with_expected_and_actual() -> None:
    told = said(small_class(), "s0002")
    assert "failed: one scale a row check, 0 of 2" in told
    assert "Expected 4 Got 8" in told
    assert "Remark the scale is of a column" in told
    assert "partly: it runs check, 1 of 2 too slow" in told
    assert "A hint measure it first" in told
    assert "passed: it runs check, 2 of 2" in told


def test_what_passed_is_folded_away_and_what_did_not_is_open() -> None:
    page = feedback_html(view_of(small_class(), "s0002"))
    assert page.count("<details>") == page.count("</details>") > 0
    assert "<details open" not in page
    folded = re.findall(r"<details>.*?</details>", page, re.DOTALL)
    assert all('class="check passed"' in one for one in folded)
    assert not any(mark in one for one in folded for mark in ("check failed", "check partly"))
    rest = re.sub(r"<details>.*?</details>", "", page, flags=re.DOTALL)
    assert 'class="check passed"' not in rest
    assert re.search(r"<summary><h3>What passed \(\d+\)</h3></summary>", page)


def test_no_suspicion_is_on_a_participants_page() -> None:
    """Only the teacher's page asks; what became of the files, their owner is told."""
    remarks = [
        Finding("doubt", "quantize/exercise.py", "it reaches for gc", private=True),
        Finding("note", "napkin/exercise", "is a folder"),
    ]
    evidence = [Finding("doubt", "job.out", "its samples are those of another")]
    one = graded(person(1), exercise("a", check()), remarks=remarks, evidence=evidence)
    told = said(class_of(one), "s0001")
    assert "is a folder" in told
    assert "reaches for" not in told
    assert "those of another" not in told
    assert "reaches for" not in feedback_markdown(view_of(class_of(one), "s0001"))
    everything = summary_html(summary(class_of(one), {"s0001": "x"}, [], []))
    assert "it reaches for gc" in everything
    assert "those of another" in everything


def test_the_markdown_says_the_same() -> None:
    told = feedback_markdown(view_of(small_class(), "s0002"))
    assert told.startswith("# Inference: Ada Number2\n\n**2.75 of 6 points**\n")
    assert "- **failed**: one scale a row (check, 0 of 2)\n" in told
    assert "  - Expected: ` 4 `\n  - Got: ` 8 `\n" in told
    assert "2 h 10 min late: 0.25 of 1 points are lost." in told


def test_the_time_of_submission_is_there_once() -> None:
    time = Finding("note", "", "time handed in: 2026-11-20 23:58:00+01:00", {"told by": "name"})
    one = graded(person(1), exercise("a", check()), remarks=[time])
    told = said(class_of(one), "s0001")
    assert told.count("23:58") == 1
    assert "Handed in 2026-11-20 23:58 +0100" in told
    unknown = Finding("note", "", "time handed in: unknown", {"told by": "nothing"})
    one = graded(person(1), exercise("a", check()), remarks=[unknown], handed_in=None)
    assert "time handed in: unknown" in said(class_of(one), "s0001")


def test_what_lateness_costs_is_there_with_its_rule() -> None:
    late = exercise(
        "a",
        check(points=0.59, most=2),
        minutes_late=1500.0,
        penalty=0.12,
        penalty_rule="2 days begun × 10 %",
    )
    told = said(class_of(graded(person(1), late)), "s0001")
    assert "1 day 1 h late: 0.12 of 0.59 points are lost (2 days begun × 10 %)." in told


def test_of_a_hidden_check_the_name_and_the_hint_are_shown_and_no_input() -> None:
    hidden = check(
        "odd sizes",
        0,
        kind="hidden",
        message="weight_bytes(6503000, 16) is off",
        expected="a",
        actual="b",
        hint="Try odd sizes.",
    )
    told = said(alone(exercise("quantize", hidden)), "s0001")
    assert "odd sizes hidden check, 0 of 2 A hint Try odd sizes." in told
    assert "6503000" not in told
    assert "Expected" not in told


def test_an_exercise_that_was_left_out_is_told_without_its_checks() -> None:
    told = said(alone(exercise("a", check()), left_out("compile", 4)), "s0001")
    assert "compile: 0 of 4 Nothing of this exercise was handed in." in told
    assert told.count("it runs") == 1


def test_points_that_a_weight_changed_are_explained() -> None:
    told = said(alone(exercise("a", check(), max_points=10, points=10)), "s0001")
    assert "Its checks have 2 points together; the exercise counts 10." in told


def test_a_mark_is_told_where_the_rubric_has_marks() -> None:
    cls = replace(small_class(), thresholds={"pass": 0.4, "good": 0.8})
    assert "Mark pass" in said(cls, "s0002")
    assert "Mark" not in said(small_class(), "s0002")


def test_somebody_of_whom_nothing_came_is_told_so() -> None:
    assert "No submission of yours was found." in said(small_class(), "s0006")


def test_somebody_whose_attempt_could_not_be_graded_is_told_so() -> None:
    cls = replace(small_class(), attempts={"s0006": 1})
    assert "has come, and could not be graded yet" in said(cls, "s0006")


def test_the_own_points_are_marked_in_the_classs() -> None:
    class_ = [graded(person(i), exercise("a", check(points=p, most=10))) for i, p in enumerate(
        [1, 4, 6, 6, 10]
    )]  # fmt: skip
    cls = class_of(*class_)
    page = feedback_html(view_of(cls, "s0001"))
    assert "a median of 6; the middle half lies between 4 and 6. You have 4." in page
    assert ">you</text>" in page


def test_a_class_of_few_is_not_shown_to_them() -> None:
    few = [graded(person(i), exercise("a", check())) for i in range(4)]
    assert "<svg" not in feedback_html(view_of(class_of(*few), "s0001"))


def test_speeds_stand_beside_the_classs_as_multiples_of_the_own_baseline() -> None:
    class_ = [graded(person(i), speeds={"compile": 1.5 + i / 10, "tp": 0.5}) for i in range(5)]
    class_[0] = replace(class_[0], speeds={"compile": 1.5, "quantize": 3.0})
    told = said(class_of(*class_), "s0000")
    assert "compile: yours 1.50 times your baseline; median of 5 people 1.70" in told
    assert "quantize: yours 3.00 times your baseline." in told  # one person is no distribution
    assert "tp:" not in told


def test_remarks_on_the_hand_in_are_shown_and_evidence_is_not() -> None:
    shown = Finding("note", "work.zip", "one file was left out: a link", {"file": "x"})
    kept = Finding("doubt", "job.out", "the same samples as in another's log")
    cls = alone(exercise("a", check(), findings=[kept]), remarks=[shown], evidence=[kept])
    told = said(cls, "s0001")
    assert "work.zip: one file was left out: a link" in told
    assert "the same samples" not in told


def test_where_the_teacher_keeps_submissions_is_not_told() -> None:
    remark = Finding("note", "/home/teacher/class/work.zip", "one file was left out")
    told = said(alone(exercise("a", check()), remarks=[remark]), "s0001")
    assert "work.zip: one file was left out" in told
    assert "/home" not in told


def test_a_contradiction_is_for_the_teacher_wherever_it_stands() -> None:
    cls = alone(exercise("a", check()), remarks=[Finding("contradiction", "", "two ids in one")])
    assert "two ids" not in said(cls, "s0001")


@pytest.mark.parametrize("word", ["s0003", "Ada Number3", "S0003@example.org", "tmp-x"])
def test_a_remark_that_names_somebody_else_is_not_shown(word: str) -> None:
    cls = small_class()
    remark = Finding("note", "", f"handed in twice, once by {word}.")
    mine = replace(cls.graded["s0001"], remarks=[remark, Finding("note", "", "s0001 was unpacked")])
    told = said(replace(cls, graded={**cls.graded, "s0001": mine}), "s0001")
    assert "handed in twice" not in told
    assert "s0001 was unpacked" in told


def test_a_count_is_not_taken_for_somebodys_id() -> None:
    mine = graded(person(1), remarks=[Finding("note", "", "17 files were left out")])
    assert "17 files" in said(class_of(mine, absent=(person(2, id="17"),)), "s0001")


def test_nobody_else_is_on_anybodys_page() -> None:
    cls = small_class()
    for one in cls.roster:
        view = view_of(cls, one.id)
        for page in (feedback_html(view), feedback_markdown(view)):
            named = set(re.findall(r"s\d{4}|Ada Number\d|tmp-x", page))
            assert named == {one.id, one.name}


def hostile_class(words: str) -> Class:
    wrong = check(words, 0, message=words, expected=words, actual=words, cause=words, hint=words)
    one = person(1, name=words)
    remark = Finding("note", words, words, {words: words})
    mine = graded(
        one,
        exercise("a", wrong, replace(wrong, kind="answer")),
        source=words,
        handed_in=words,
        remarks=[remark],
        speeds={words: 2.0},
    )
    return class_of(mine, title=words)


@given(anything)
def test_hostile_text_stays_text(words: str) -> None:
    outline = Outline(feedback_html(view_of(hostile_class(words), "s0001")))
    tags = {tag for tag, _ in outline.elements}
    assert not tags & {"script", "img", "iframe", "object", "embed", "base", "form"}
    attributes = {name for _, found in outline.elements for name in found}
    assert not {name for name in attributes if name.startswith("on") or name == "style"}
    told = "".join(outline.texts)
    assert all(char.isprintable() or char in "\n\u200c\u200d" for char in told)


@given(anything)
def test_hostile_text_is_no_markdown(words: str) -> None:
    page = GITHUB.render(feedback_markdown(view_of(hostile_class(words), "s0001")))
    outline = Outline(page)
    assert {tag for tag, _ in outline.elements} <= {"h1", "h2", "h3", "p", "ul", "li", *(
        ("strong", "code")
    )}  # fmt: skip


@given(anything)
def test_markdowns_signs_are_read_back_as_they_were(words: str) -> None:
    flat = " ".join(words.split())
    inline = Outline(GITHUB.render(f"x {plain(words)}"))
    assert inline.said.removeprefix("x").strip() == " ".join(
        flat.replace("\0", "\N{REPLACEMENT CHARACTER}").split()
    )
    assert [tag for tag, _ in Outline(GITHUB.render(f"x {code(words)} y")).elements] == [
        "p",
        "code",
    ]


def test_a_message_of_a_megabyte_is_cut() -> None:
    page = feedback_html(view_of(hostile_class("x" * 1_000_000), "s0001"))
    assert len(page) < 60_000


def test_the_page_may_load_and_run_nothing() -> None:
    outline = Outline(feedback_html(view_of(small_class(), "s0001")))
    (policy,) = [
        str(found["content"])
        for tag, found in outline.elements
        if tag == "meta" and found.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script" not in policy
    links = [found[key] for _, found in outline.elements for key in ("src", "href") if key in found]
    assert all(str(link).startswith("#") or link == "data:," for link in links)


def test_ids_are_unique_and_every_reference_has_its_target() -> None:
    page = feedback_html(view_of(small_class(), "s0001"))
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert {*re.findall(r'href="#([^"]+)"|aria-labelledby="([^"]+)"', page)} <= {
        pair for one in ids for pair in ((one, ""), ("", one))
    }


@given(st.lists(st.floats(0, 10), min_size=1, max_size=50))
def test_everybody_is_in_the_distribution_once(values: list[float]) -> None:
    found = Distribution(tuple(sorted(values)), 10)
    assert sum(found.counts) == len(values)
    assert found.middle[0] <= found.median <= found.middle[1]


def test_a_distribution_is_of_those_who_handed_the_exercise_in() -> None:
    cls = small_class()
    assert points(cls)["quantize"].values == (2, 2, 4, 4)
    assert speeds(cls) == {}


def test_text_is_cut_and_loses_what_moves_a_terminal() -> None:
    assert lines("\x1b[31mred\x1b[0m\tand\x07 more\r\nline 2") == "red and� more\nline 2"
    assert len(lines("x" * 10_000)) == LINES
    assert name("نام\u200cخانوادگی") == "نام\u200cخانوادگی"  # a joiner belongs to the word


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0.2, "12 s"), (59, "59 min"), (130, "2 h 10 min"), (1440, "1 day"), (3000, "2 days 2 h")],
)
def test_lateness_in_words(minutes: float, words: str) -> None:
    assert span(minutes) == words
