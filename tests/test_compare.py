"""``workshop compare``: the same for both directions, and quiet where there is only noise."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from pathlib import Path

import pytest
from builders import failed, record_line, result
from click.testing import CliRunner
from click.testing import Result as Outcome
from hypothesis import given
from hypothesis import strategies as st

from workshop.analysis.compare import LEVEL, SPEED, Change, compare, logs_of, ratio_of
from workshop.analysis.students_t import quantile, two_sided_p
from workshop.cli.compare import compare as command
from workshop.record.results import Definition, Result
from workshop.util.errors import UsageError

several = st.lists(st.floats(1e-6, 1e9), min_size=2, max_size=8)
PREFILL_TOO = Definition("new", "prefill and decode", "sequence")


def speed_of(old: list[Result], new: list[Result]) -> Change:
    (change,) = [one for one in compare(old, new).changes if one.metric == SPEED]
    return change


@pytest.mark.parametrize(
    ("p", "degrees", "t"),
    [(0.05, 1, 12.7062), (0.05, 4, 2.7764), (0.01, 10, 3.1693), (0.01, 1, 63.6567)],
)
def test_the_distribution_is_that_of_the_printed_tables(p: float, degrees: float, t: float) -> None:
    assert quantile(p, degrees) == pytest.approx(t, rel=1e-4)
    assert two_sided_p(t, degrees) == pytest.approx(p, rel=1e-4)


@given(several, several)
def test_both_directions_say_the_same(one: list[float], other: list[float]) -> None:
    there, back = ratio_of(logs_of(one), logs_of(other)), ratio_of(logs_of(other), logs_of(one))
    assert there.value * back.value == pytest.approx(1)
    assert there.p == pytest.approx(back.p)
    assert there.more_than_noise == back.more_than_noise
    assert there.low is not None
    assert back.high is not None
    assert there.low == pytest.approx(1 / back.high) or back.high > 1e300


@given(several, several)
def test_the_interval_holds_the_ratio_and_agrees_with_the_test(
    one: list[float], other: list[float]
) -> None:
    ratio = ratio_of(logs_of(one), logs_of(other))
    assert ratio.low is not None
    assert ratio.high is not None
    assert ratio.p is not None
    assert ratio.low <= ratio.value <= ratio.high
    assert 0 <= ratio.p <= 1
    if abs(ratio.p - LEVEL) > 1e-6:
        assert ratio.more_than_noise == (not ratio.low <= 1 <= ratio.high)


@given(several, several, st.floats(1e-3, 1e3))
def test_the_unit_does_not_matter(one: list[float], other: list[float], unit: float) -> None:
    plain = ratio_of(logs_of(one), logs_of(other))
    scaled = ratio_of(logs_of([v * unit for v in one]), logs_of([v * unit for v in other]))
    assert scaled.value == pytest.approx(plain.value, rel=1e-6)


@given(several)
def test_a_run_is_no_faster_than_itself(values: list[float]) -> None:
    ratio = ratio_of(logs_of(values), logs_of(values))
    assert (ratio.value, ratio.p, ratio.more_than_noise) == (1.0, 1.0, False)


@pytest.mark.parametrize("scatter", [0.01, 0.2])
def test_noise_alone_seldom_raises_an_alarm(scatter: float) -> None:
    draw = random.Random(4)

    def samples(spread: float) -> list[float]:
        return [math.exp(draw.gauss(5, spread)) for _ in range(5)]

    rounds = 1000
    pairs = ((samples(scatter), samples(3 * scatter)) for _ in range(rounds))
    alarms = sum(ratio_of(logs_of(a), logs_of(b)).more_than_noise is True for a, b in pairs)
    assert alarms <= 2 * LEVEL * rounds


def test_a_large_change_is_more_than_noise() -> None:
    change = speed_of([result("compile", 100, 101, 99)], [result("compile", 90, 91, 89)])
    assert change.percent == pytest.approx(-10, abs=0.1)
    assert change.more_than_noise is True
    assert not change.better


def test_less_time_is_better() -> None:
    found = compare([result("compile", 90, 91)], [result("compile", 100, 101)])
    better = {change.metric: change.better for change in found.changes}
    assert better[SPEED]
    assert better["TPOT"]


def test_one_sample_cannot_tell() -> None:
    change = speed_of([result("compile", 100)], [result("compile", 50, 51)])
    assert change.percent == pytest.approx(-49.5, abs=0.1)
    assert change.more_than_noise is None
    assert (change.ratio.low, change.ratio.p) == (None, None)


def test_where_both_have_several_runs_a_run_counts_once() -> None:
    """Samples of each run hardly scatter, runs do: as samples this would be far from noise."""
    old = [result("compile", 100, 100.1, 100.2), result("compile", 120, 120.1, 120.2)]
    new = [result("compile", 110, 110.1, 110.2), result("compile", 135, 135.1, 135.2)]
    change = speed_of(old, new)
    assert (change.counted, change.counts) == ("runs", (2, 2))
    assert change.more_than_noise is False


def test_a_source_with_a_mean_and_a_deviation_alone_is_tested_by_them() -> None:
    old = result("compile", 100, 101, 99, bandwidth_gb_per_second=3.0, bandwidth_std=0.01)
    new = result("compile", 100, 101, 99, bandwidth_gb_per_second=2.0, bandwidth_std=0.01)
    (change,) = [one for one in compare([old], [new]).changes if one.metric == "bandwidth"]
    assert change.more_than_noise is True


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"definition": PREFILL_TOO}, "count different things"),
        ({"definition": None}, "something unknown"),
        ({"batch_size": 8}, r"different batch sizes \(1, 8\)"),
        ({"prompt_tokens": 512}, "different lengths of the prompt"),
        ({"model": "llama"}, "different models"),
        ({"model_parameters": 6_967_360}, r"different models \(tiny, tiny:1\)"),  # from before
    ],
)
def test_numbers_that_mean_different_things_are_refused(fields: dict, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        compare([result("compile", 100)], [result("compile", 100, **fields)])


def test_a_log_with_several_benchmarks_is_compared_one_by_one() -> None:
    side = [result("compile", 100, batch_size=1), result("compile", 900, batch_size=8)]
    speeds = [one for one in compare(side, side).changes if one.metric == SPEED]
    assert [change.percent for change in speeds] == [0, 0]
    assert ["batch 8" in change.label for change in speeds] == [False, True]


def test_what_only_one_side_has_is_told() -> None:
    old = [result("baseline", 40), result("compile", 100), result("tp", 9)]
    new = [result("baseline", 40), failed("compile", "no compiler"), result("quantize", 9)]
    found = compare(old, new)
    assert found.missing == {
        "compile": "B's run has no tokens/s: no compiler",
        "tp": "B has no such run",
    }
    assert found.added == ["quantize"]


def write(path: Path, *results: Result) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(record_line(one) + "\n" for one in results))
    return str(path)


def run(*arguments: str) -> Outcome:
    return CliRunner().invoke(command, arguments)


def test_the_table_has_percent_interval_and_verdict(tmp_path: Path) -> None:
    old = write(tmp_path / "a.out", result("compile", 100, 101, 99))
    new = write(tmp_path / "b.out", result("compile", 90, 91, 89))
    outcome = run(old, new)
    assert outcome.exit_code == 0
    assert "-10.0 %" in outcome.stdout
    assert "worse, more than noise (p " in outcome.stdout
    assert "Welch's t-test" in outcome.stdout
    assert "unknown: fewer than 2 values" in outcome.stdout  # memory


def test_nothing_in_common_is_exit_code_1_and_says_so(tmp_path: Path) -> None:
    old = write(tmp_path / "a.out", result("compile", 100, 101))
    new = write(tmp_path / "b.out", result("baseline", 100, 101), result("tp", 100, 101))
    outcome = run(old, new)
    assert outcome.exit_code == 1
    assert "no run of A has a counterpart in B" in outcome.stderr
    assert "compile: B has no such run" in outcome.stdout


def test_two_stages_are_compared_where_each_file_holds_one(tmp_path: Path) -> None:
    old = write(tmp_path / "a.out", result("baseline", 100, 101, 99))
    new = write(tmp_path / "b.out", result("compile", 200, 201, 199))
    outcome = run(old, new)
    assert outcome.exit_code == 0
    assert "compile against baseline" in " ".join(outcome.stdout.split())
    assert "+100.0 %" in outcome.stdout
    gate = run(old, new, "--fail-below", "0.95")
    assert gate.exit_code == 1
    assert "baseline: B has no such run" in gate.stderr


def test_two_stages_of_different_models_are_not_compared() -> None:
    old = [replace(result("baseline", 100, 101), model="random:15m")]
    new = [replace(result("compile", 200, 201), model="random:110m")]
    with pytest.raises(UsageError, match=r"compile cannot be compared with baseline: .* models"):
        compare(old, new)


@pytest.mark.parametrize(
    ("speeds", "code", "words"),
    [
        ([90, 91, 89], 1, "by more than noise"),
        ([70, 91, 110], 1, "but not by more than noise"),
        ([90], 1, "fewer than 2 values per side"),
        ([99, 98, 100], 0, ""),
    ],
)
def test_too_slow_is_exit_code_1(
    tmp_path: Path, speeds: list[float], code: int, words: str
) -> None:
    old = write(tmp_path / "a.out", result("compile", 100, 101, 99))
    new = write(tmp_path / "b.out", result("compile", *speeds))
    outcome = run(old, new, "--fail-below", "0.95")
    assert outcome.exit_code == code
    assert words in outcome.stderr
    assert bool(outcome.stderr) == bool(code)


def test_a_run_that_failed_is_no_pass(tmp_path: Path) -> None:
    old = write(tmp_path / "a.out", result("compile", 100, 101))
    new = write(tmp_path / "b.out", failed("compile", "no compiler"))
    outcome = run(old, new, "--fail-below", "0.95")
    assert outcome.exit_code == 1
    assert "compile: B's run has no tokens/s: no compiler" in outcome.stderr


def test_folders_are_all_their_logs(tmp_path: Path) -> None:
    for side in "ab":
        for place in (1, 2):
            log = tmp_path / side / f"job-compile-{place}.out"
            write(log, result("compile", 100 + place, 101 + place))
    outcome = run(str(tmp_path / "a"), str(tmp_path / "b"), "--json")
    assert outcome.exit_code == 0
    change = json.loads(outcome.stdout)["changes"][0]
    assert (change["counted"], change["counts"], change["percent"]) == ("runs", [2, 2], 0)


@pytest.mark.parametrize("ratio", ["0", "-1", "nan", "inf"])
def test_a_ratio_that_cannot_be_is_one_sentence(tmp_path: Path, ratio: str) -> None:
    log = write(tmp_path / "a.out", result("compile", 100))
    assert isinstance(run(log, log, "--fail-below", ratio).exception, UsageError)


def test_a_folder_without_logs_and_a_side_without_numbers_are_one_sentence(tmp_path: Path) -> None:
    log = write(tmp_path / "a" / "a.out", result("compile", 100))
    (tmp_path / "none").mkdir()
    assert "no log" in str(run(log, str(tmp_path / "none")).exception)
    other = write(tmp_path / "f.out", failed("tp"))
    assert "has no run with tokens/s" in str(run(other, log).exception)
