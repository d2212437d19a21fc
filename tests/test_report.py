"""``workshop report``: one file, which loads nothing, believes nothing and forgets nothing."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import hashlib
import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from builders import failed, record_line, result, sample
from click.testing import CliRunner
from click.testing import Result as Outcome
from hypothesis import given
from hypothesis import strategies as st

from workshop.cli.report import report
from workshop.record.readers import read_logs
from workshop.record.readers.html import embedded, is_ours, records_in
from workshop.record.results import Definition, Result, with_samples
from workshop.report.drawings import drawings
from workshop.report.outputs import agreement
from workshop.report.page import page
from workshop.report.runs import named
from workshop.report.svg import inline
from workshop.report.view import Drawing, view
from workshop.util.errors import UsageError

NOON = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
HOSTILE = "</script><script>alert(1)</script><!-- <img src=x onerror=alert(2)> \"'&\x1b[31m\u202e"

text = st.text(st.characters(exclude_categories=("Cs",)), max_size=60) | st.sampled_from(
    [HOSTILE, "</SCRIPT>", "<!--<script>", "\u2028", "]]>", "{{ 7*7 }}", "\0"]
)


@st.composite
def records(draw: st.DrawFn) -> Result:
    stage = draw(st.sampled_from(["baseline", "compile", "tp"]))
    words = {
        name: draw(st.none() | text)
        for name in ("reason", "advice", "change", "model", "device", "host", "user", "started")
    }
    speeds = draw(st.lists(st.floats(1e-3, 1e9), max_size=3))
    run = result(stage, *speeds, warnings=draw(st.lists(text, max_size=2)), **words)
    samples = [dataclasses.replace(one, text=draw(text)) for one in run.samples]
    status = draw(st.sampled_from(["ok", "incomplete", "failed"]))
    return dataclasses.replace(with_samples(run, samples), status=status, stage=draw(text) or stage)


class Outline(HTMLParser):
    """The elements of a page, its headings, and the text that people read."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self._tag = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._tag = tag

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""

    def handle_data(self, data: str) -> None:
        (self.scripts if self._tag == "script" else self.texts).append(data)

    def all(self, *tags: str) -> list[tuple[str, dict[str, str | None]]]:
        return [element for element in self.elements if element[0] in tags]


def html(*results: Result, drawn: list[Drawing] | None = None) -> str:
    runs = named([f"job-{place}.out" for place in range(len(results))], results)
    return page(view(runs, drawn or [], [], NOON))


def said(*results: Result) -> str:
    return " ".join(" ".join(Outline(html(*results)).texts).split())


@given(st.lists(records(), max_size=3))
def test_a_record_written_is_the_record_read(results: list[Result]) -> None:
    assert records_in(html(*results)) == results


def test_a_report_is_read_like_a_log(tmp_path: Path) -> None:
    results = [result("baseline", 240.0, 250.0), failed("tp", HOSTILE), result("compile", 300.0)]
    path = tmp_path / "report.html"
    path.write_text(html(*results), encoding="utf-8")
    assert [reading.result for reading in read_logs([path])] == results


@given(st.lists(records(), max_size=2))
def test_hostile_text_stays_text(results: list[Result]) -> None:
    outline = Outline(html(*results))
    assert len(outline.all("script")) == 2
    assert not outline.all("img", "iframe", "object", "embed", "base", "form")
    names = {name for _, attributes in outline.elements for name in attributes}
    assert not {name for name in names if name.startswith("on") or name == "style"}


@given(records())
def test_no_sign_that_turns_text_round_or_moves_a_terminal_is_shown(one: Result) -> None:
    shown = "".join(Outline(html(one)).texts)
    assert all(char.isprintable() or char == "\n" for char in shown)


def test_what_cannot_be_read_of_the_records_is_passed_over() -> None:
    whole = html(result("baseline", 40))
    broken = whole.replace('id="workshop-records">[', 'id="workshop-records">[{"schema":99},7,')
    assert records_in(broken) == records_in(whole)
    assert records_in(whole[: whole.index("workshop-records") + 200]) == []


@pytest.mark.parametrize("other", ["", "<html>", "<script>[1]</script>", "no html < at <all"])
def test_what_is_no_report_holds_no_records(other: str) -> None:
    assert records_in(other) == []


def test_the_records_end_no_script() -> None:
    written = embedded([failed("tp", HOSTILE)])
    assert not {"<", ">", "&"} & set(written)


def test_the_policy_allows_the_pages_own_style_and_script_and_nothing_else() -> None:
    whole = html(result("baseline", 40))
    outline = Outline(whole)
    (policy,) = [
        str(attributes["content"])
        for _, attributes in outline.all("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for element in ("style", "script"):
        (inside,) = re.findall(rf"<{element}>(.*?)</{element}>", whole, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy


def test_nothing_is_loaded_from_anywhere() -> None:
    outline = Outline(html(result("baseline", 40), drawn=drawings([result("baseline", 40)])))
    links = [
        str(attributes[name])
        for _, attributes in outline.elements
        for name in ("src", "href")
        if name in attributes
    ]
    assert all(link.startswith("#") or link == "data:," for link in links)


def test_the_same_runs_give_the_same_page() -> None:
    runs = [result("baseline", 40), result("compile", 100, 110)]
    assert html(*runs, drawn=drawings(runs)) == html(*runs, drawn=drawings(runs))


def test_ids_are_unique_and_every_reference_has_its_target() -> None:
    runs = [result("baseline", 40, 41, ttft_seconds=0.1), result("compile", 100, 110)]
    whole = html(*runs, failed("tp"), drawn=drawings(runs))
    outline = Outline(whole)
    ids = [str(attributes["id"]) for _, attributes in outline.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', whole))
    assert {one or other for one, other in used} <= set(ids)


def test_headings_go_down_one_level_at_a_time() -> None:
    runs = [result("baseline", 40), failed("tp")]
    levels = [int(tag[1]) for tag, _ in Outline(html(*runs)).elements if tag in ("h1", "h2", "h3")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_every_figure_has_its_numbers_in_words() -> None:
    made = drawings([result("baseline", 40), result("compile", 100)])
    assert len(made) == 3
    assert all("compile" in drawing.alternative for drawing in made)
    assert "baseline 40.0" in made[0].alternative


def test_without_a_number_there_is_no_figure_but_a_report() -> None:
    assert drawings([failed("baseline")]) == []
    assert "No C++ compiler was found." in said(failed("baseline"))


def test_a_failed_run_has_its_reason_and_a_next_step() -> None:
    told = said(failed("tp", "no second core"), dataclasses.replace(failed("tp"), advice="ask IT"))
    assert "No second core." in told
    assert "Read the end of its log." in told
    assert "Ask IT" in told


def test_each_stage_says_what_it_changed_what_was_expected_and_what_came() -> None:
    told = said(
        result("baseline", 40),
        result("compile", 100, against="baseline", change="torch.compile"),
    )
    assert "torch.compile, against baseline." in told
    assert "t = P·b / BW + overhead" in told
    assert "2.5 times as fast as baseline" in told
    assert "No number can be predicted: there is no device 'cpu'." in told
    assert "Hello, my name is Ada." in told


def test_a_run_stands_beside_what_its_machine_should_do() -> None:
    about = {"model": "llama-2-7b", "device": "NVIDIA A100-SXM4-80GB"}
    slow, fast = (result(stage, 95, **about) for stage in ("baseline", "compile"))  # type: ignore[arg-type]
    told = said(slow, fast, failed("tp"))
    assert "Measured beside predicted" in told
    assert "ideal. Measured: 95" in told
    assert "As expected: bound by memory bandwidth." in told
    assert "No number can be predicted: the run has no tokens/s." in told
    assert "Measured beside predicted" not in said(failed("tp"))
    alternative = drawings([fast])[1].alternative
    assert "(expected " in alternative
    assert ", ideal " in alternative


def test_numbers_that_count_otherwise_are_not_divided() -> None:
    other = Definition("prompt and new", "prefill and decode", "sequence")
    told = said(
        result("baseline", 40, definition=other), result("compile", 100, against="baseline")
    )
    assert "2.50x" not in told
    assert "times as fast" not in told
    assert "2.50x baseline" in said(
        result("baseline", 40), result("compile", 100, against="baseline")
    )


def test_greedy_outputs_that_agree_are_said_to() -> None:
    one, other = result("compile", 40), result("quantize", 50)
    assert agreement(other, one) == "Greedy output is the same as of compile, in all 11 tokens."


def test_where_greedy_outputs_part_is_said_with_why_they_may() -> None:
    tokens = [*range(7), *range(100, 104)]
    parted = with_samples(result("quantize", 50), [sample(50.0, tokens=tokens)])
    told = agreement(parted, result("compile", 40))
    assert "in the first 7 of 11 tokens" in told
    assert "quantised weights are not the bf16 weights" in told


def test_drawn_outputs_and_other_prompts_are_not_held_against_each_other() -> None:
    one = result("compile", 40)
    assert "by chance" in agreement(result("quantize", 50, options={"temperature": 0.8}), one)
    assert "not asked the same" in agreement(result("quantize", 5, options={"prompt": "Hi"}), one)
    assert agreement(result("quantize", 50), None) == ""


def test_a_log_of_another_tool_is_called_by_its_format() -> None:
    told = said(Result(None, "ok", tokens_per_second=900.0, format="vllm-serve", definition=None))
    assert "vllm-serve" in told
    assert "900 tokens/s; its log tells no time of a token." in told


def test_of_many_texts_the_most_frequent_are_shown() -> None:
    many = with_samples(result("tp", 9), [sample(9.0, text=f"text {i}") for i in range(8)])
    told = said(many)
    assert "text 4" in told
    assert "text 5" not in told
    assert "3 other texts, in the records." in told


def test_a_drawing_keeps_nothing_that_runs_or_loads() -> None:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" onload="x()">'
        "<script>x()</script><style>*{}</style>"
        '<g id="a" style="fill: url(#b); behavior: url(x)"><use href="http://x/y"/></g></svg>'
    )
    made = inline(svg, "p-")
    assert "x()" not in made
    assert "http:" not in made
    assert "style" not in made
    assert '<g id="p-a" fill="url(#p-b)"><use /></g>' in made


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    for stage, speed in (("baseline", 40), ("compile", 100)):
        Path(f"job-{stage}-1.out").write_text(record_line(result(stage, speed, speed + 1)) + "\n")
    return ["job-baseline-1.out", "job-compile-1.out"]


def run(*arguments: str) -> Outcome:
    return CliRunner().invoke(report, arguments)


def test_the_command_prints_the_path_and_replaces_a_report_of_ours(logs: list[str]) -> None:
    for _ in range(2):
        outcome = run(*logs)
        assert outcome.exit_code == 0
        assert outcome.stdout == "report.html\n"
    whole = Path("report.html").read_text()
    assert is_ours(whole)
    assert [one.label for one in records_in(whole)] == ["baseline", "compile"]


def test_a_file_of_the_users_is_never_written_over(logs: list[str]) -> None:
    Path("mine.html").write_text("<h1>my thesis</h1>")
    outcome = run(*logs, "-o", "mine.html")
    assert isinstance(outcome.exception, UsageError)
    assert "not a report of the workshop's" in str(outcome.exception)
    assert Path("mine.html").read_text() == "<h1>my thesis</h1>"


@pytest.mark.parametrize("target", [".", "no/such/folder.html"])
def test_a_target_that_cannot_be_is_one_sentence(logs: list[str], target: str) -> None:
    assert isinstance(run(*logs, "-o", target).exception, UsageError)
