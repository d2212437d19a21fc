"""A report in a real browser: it opens, sorts, prints, and asks for nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import PROGRAM, Page, browser
from builders import failed, record_line, result
from click.testing import CliRunner

from workshop.cli.report import report
from workshop.record.results import with_samples

pytestmark = pytest.mark.skipif(
    PROGRAM is None and not os.environ.get("WORKSHOP_REQUIRE_BROWSER"),
    reason="there is no chromium here",
)
HOSTILE = "</script><script>document.title = 'taken'</script><img src=x onerror=x()>"
SPEED = "document.querySelectorAll('thead th')[2]"
STAGES = "[...document.querySelectorAll('tbody th')].map(head => head.firstChild.data.trim())"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    hostile = result("compile", 100, 110)
    samples = [hostile.samples[0], hostile.samples[1].__class__(0.1, 0.1, [1, 2], HOSTILE)]
    runs = [
        result("baseline", 40, 42, against=None),
        with_samples(hostile, samples),
        result("quantize", 90),
        failed("tp", HOSTILE),
    ]
    logs = []
    for place, one in enumerate(runs):
        logs.append(str(folder / f"job-{one.stage}-{place}.out"))
        Path(logs[-1]).write_text(record_line(one) + "\n")
    target = folder / "report.html"
    outcome = CliRunner().invoke(report, [*logs, "-o", str(target)])
    assert outcome.exit_code == 0, outcome.output
    return target


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with browser() as page:
        yield page


@pytest.fixture
def page(tab: Page, written: Path) -> Page:
    tab.call("Emulation.setScriptExecutionDisabled", value=False)
    tab.screen()
    tab.open(written)
    return tab


def test_it_opens_without_a_complaint_and_asks_for_nothing(page: Page, written: Path) -> None:
    page.value("1")  # whatever comes with loading has come
    assert page.complaints == []
    assert page.requests == [written.as_uri()]
    assert page.value("document.title") == "Where the tokens per second come from"


def test_a_click_on_a_columns_head_sorts_and_a_second_one_turns_round(page: Page) -> None:
    before = page.value(STAGES)
    assert before == ["baseline", "compile", "quantize", "tp"]
    page.click(f"{SPEED}.querySelector('button')")
    assert page.value(f"{SPEED}.getAttribute('aria-sort')") == "ascending"
    speeds = (
        "[...document.querySelectorAll('tbody tr')]"
        ".map(row => row.cells[2].dataset.value).filter(value => value).map(Number)"
    )
    ascending = page.value(speeds)
    assert ascending == sorted(ascending)
    page.click(f"{SPEED}.querySelector('button')")
    assert page.value(f"{SPEED}.getAttribute('aria-sort')") == "descending"
    assert page.value(speeds) == ascending[::-1]
    assert page.value(STAGES)[-1] == "tp"  # which has no number: last both ways
    page.click("document.querySelector('thead button')")
    assert page.value(STAGES) == before


def test_the_keyboard_gets_to_the_heads_and_sorts(page: Page) -> None:
    for _ in range(60):
        page.press("Tab")
        if page.value(f"document.activeElement.parentElement === {SPEED}"):
            break
    assert page.value("document.activeElement.matches(':focus-visible')")
    assert page.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.press("Enter")
    assert page.value(f"{SPEED}.getAttribute('aria-sort')") == "ascending"


def test_the_first_stop_of_the_keyboard_skips_to_the_report(page: Page) -> None:
    page.press("Tab")
    assert page.value("document.activeElement.textContent") == "Skip to the report"
    assert page.value("document.activeElement.getBoundingClientRect().x") >= 0
    page.press("Enter")
    assert page.value("document.activeElement.id") == "main"


def test_without_javascript_all_is_there_but_the_buttons(page: Page, written: Path) -> None:
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    page.open(written)
    assert page.complaints == []
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    roles = [node["role"]["value"] for node in nodes if not node["ignored"]]
    assert {"table", "main", "navigation", "image", "heading", "rowheader"} <= set(roles)
    assert "button" not in roles


def test_a_screen_reader_is_told_what_each_thing_is(page: Page) -> None:
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    named = {
        (node["role"]["value"], node.get("name", {}).get("value"))
        for node in nodes
        if not node["ignored"]
    }
    assert ("image", "Where the speed-up comes from") in named
    assert ("navigation", "Contents") in named
    assert ("button", "Samples") in {(role, (name or "").strip("↕\xa0 ")) for role, name in named}


def test_no_width_makes_the_page_scroll_sideways(page: Page) -> None:
    for width in (320, 800, 1600):
        page.screen(width=width)
        assert page.value("document.documentElement.scrollWidth") <= width


def test_light_and_dark_are_two_pictures_with_enough_contrast(page: Page) -> None:
    pictures = set()
    for scheme, ground in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(20, 23, 28)")):
        page.screen(scheme)
        assert page.value("getComputedStyle(document.body).backgroundColor") == ground
        shown = f"getComputedStyle(document.querySelector('.{scheme}')).display"
        assert page.value(shown) == "block"
        pictures.add(page.picture())
    assert len(pictures) == 2


def test_it_prints(page: Page) -> None:
    page.screen("dark")
    assert page.pdf().startswith(b"%PDF-")
