"""A neighbour's log with something done to it; and honest logs, in which there is nothing odd."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from grading_logs import (
    ANN,
    bandwidths,
    faster,
    in_job,
    logs_of,
    of,
    path_of,
    record_of,
    rewritten,
    with_times,
)

from workshop.grading.evidence import Log, examine, peers, twins
from workshop.grading.performance import grade_logs
from workshop.grading.records import Finding
from workshop.grading.rubric import Band, LogRubric, WantedLog
from workshop.record.results import Result, Sample, spread, with_samples
from workshop.stages import STAGES

FACTORS = [1.01, 0.99, 1.02, 0.98, 1.003]


def with_only(record: Result, kept: list[Sample]) -> Result:
    """The record with these samples and all that follows from them, as a careful editor writes."""
    assert record.settings is not None
    speeds = [
        bandwidths(record)[record.samples.index(one)] for one in kept if one in record.samples
    ]
    speeds = speeds or bandwidths(record)[: len(kept)]
    mean = sum(speeds) / len(speeds)
    return replace(
        with_samples(record, kept),
        settings=replace(record.settings, samples=len(kept)),
        bandwidth_gb_per_second=mean,
        bandwidth_std=spread(speeds),
        mbu=mean / (record.device_bandwidth_gb_per_second or 1.0),
    )


def reordered(record: Result) -> Result:
    return with_only(record, [record.samples[i] for i in (3, 0, 4, 2, 1)])


def dropped(record: Result) -> Result:
    return with_only(record, [one for i, one in enumerate(record.samples) if i != 2])


def other_first_tokens(record: Result) -> Result:
    """The decode times as they are, and other times to the first token, in another order."""
    moved = [replace(one, ttft_seconds=one.ttft_seconds * 1.01) for one in record.samples]
    return with_only(record, [moved[i] for i in (1, 4, 0, 3, 2)])


def half_replaced(record: Result) -> Result:
    """Two decode times left of five, and other times to the first token."""
    changed = with_times(record, FACTORS).samples
    kept = [replace(one, ttft_seconds=one.ttft_seconds * 1.01) for one in record.samples[:2]]
    return with_only(record, [changed[4], kept[1], changed[2], kept[0], changed[3]])


def last_digits_changed(record: Result) -> Result:
    random_ = random.Random(1)
    factors = [1 + 2e-9 * random_.random() for _ in record.samples]
    return reordered(with_times(record, factors))


def scaled_and_reordered(record: Result) -> Result:
    return reordered(with_times(record, [0.93] * len(record.samples)))


def scaled_and_dropped(record: Result) -> Result:
    return dropped(with_times(record, [1.07] * len(record.samples)))


DONE: list[Callable[[Result], Result]] = [
    reordered, dropped, other_first_tokens, half_replaced, last_digits_changed,
    scaled_and_reordered, scaled_and_dropped,
]  # fmt: skip


@pytest.mark.parametrize("done", DONE)
@pytest.mark.parametrize("stage", ["baseline", "compile", "speculative"])
def test_whatever_is_done_to_a_neighbours_log_both_are_asked(
    done: Callable[[Result], Result], stage: str, tmp_path: Path
) -> None:
    hers = logs_of(tmp_path / "ann", a=path_of(stage).read_text())
    his = logs_of(tmp_path / "ben", b=rewritten(replace(done(record_of(stage)), user="ben")))
    found = twins({"ann": hers, "ben": his}, known=())
    assert {who: [one.severity for one in some] for who, some in found.items()} == {
        "ann": ["doubt"],
        "ben": ["doubt"],
    }
    assert "another participant, in a record that differs" in found["ben"][0].sentence


def test_whose_account_a_changed_record_still_names_is_not_who_has_it(tmp_path: Path) -> None:
    record = in_job(record_of("compile"), "12", user="ann")
    hers = logs_of(tmp_path / "ann", a=rewritten(record))
    his = logs_of(tmp_path / "ben", b=rewritten(dropped(record)))
    found = twins({"ann": hers, "ben": his}, {"ann": "ann", "ben": "ben"}, known=())
    assert "contradiction" in {one.severity for one in found["ben"]}
    assert "contradiction" not in {one.severity for one in found["ann"]}


def test_a_whole_class_of_measurements_of_their_own_has_no_twins(tmp_path: Path) -> None:
    random_ = random.Random(7)
    logs: dict[str, list[Log]] = {}
    for i in range(40):
        runs = {
            stage: rewritten(
                with_times(record_of(stage), [1 + 0.03 * random_.gauss(0, 1) for _ in range(5)])
            )
            for stage in ("baseline", "compile")
        }
        logs[f"p{i}"] = logs_of(tmp_path / f"p{i}", **runs)
    assert twins(logs, known=()) == {}
    assert peers(logs) == {}


# --- a slow baseline ---


def class_with_ratios(folder: Path, **baselines: float) -> dict[str, list[Log]]:
    """Six people whose compile is some four times their baseline, and others with slow ones."""
    base, run = record_of("baseline"), record_of("compile")
    slow = {f"person {i}": 1 - 0.02 * i for i in range(6)} | baselines
    return {
        who: logs_of(
            folder / who, base=rewritten(faster(base, factor)), run=rewritten(faster(run, 0.99))
        )
        for who, factor in slow.items()
    }


def ratio_findings(found: dict[str, list[Finding]], who: str) -> list[str]:
    return [one.sentence for one in found.get(who, []) if "its own baseline" in one.sentence]


def test_a_ratio_far_above_the_classs_is_asked_about(tmp_path: Path) -> None:
    found = peers(class_with_ratios(tmp_path, ann=1 / 1.6, ben=1 / 1.3))
    (hers,) = ratio_findings(found, "ann")
    assert "times theirs in the middle" in hers
    assert ratio_findings(found, "ben") == []
    assert {one.severity for one in found["ann"]} == {"doubt"}
    assert not any(who.startswith("person") for who in found)


def test_a_few_people_give_no_ratio_to_hold_it_against(tmp_path: Path) -> None:
    logs = class_with_ratios(tmp_path, ann=0.3)
    few = {who: logs[who] for who in ("ann", "person 1", "person 2", "person 3")}
    assert ratio_findings(peers(few), "ann") == []


# --- logs of an honest class ---


def labelled(text: str, label: str = "0: ") -> str:
    return "".join(f"{label}{line}\n" for line in text.splitlines())


def with_other_ranks(text: str) -> str:
    """As srun --label shows two tasks: the second prints a line after each third of the first's."""
    lines = [f"0: {line}" for line in text.splitlines()]
    for place in range(0, len(lines), 3):
        lines[place] += "\n1: [rank 1] waiting"
    return "\n".join(lines) + "\n"


HONEST: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "with Windows's line ends": lambda text: text.replace("\n", "\r\n"),
    "labelled by srun": labelled,
    "labelled by srun, of many tasks": lambda text: labelled(text, " 0: "),
    "labelled by mpirun": lambda text: labelled(text, "[1,0]<stdout>: "),
    "labelled, with Windows's line ends": lambda text: labelled(text).replace("\n", "\r\n"),
    "labelled, of two ranks": with_other_ranks,
    "after a run that was started again": lambda text: text[: len(text) // 2] + "\n" + text,
    "after a script's own lines": lambda text: f"+ module load python\n\n{text}",
}
RUBRIC = LogRubric(
    [WantedLog("compile", stage, [Band(1.01, 1.0)]) for stage in ("compile", "quantize")]
)


@pytest.mark.parametrize("how", HONEST)
def test_an_honest_log_gets_its_points_and_no_suspicion(how: str, tmp_path: Path) -> None:
    texts = {
        stage: HONEST[how](path_of(stage).read_text())
        for stage in ("baseline", "compile", "quantize")
    }
    logs = logs_of(tmp_path, **texts)
    found = examine(logs, ANN)
    assert [*of("contradiction", found), *of("doubt", found)] == []
    assert [one.points for one in grade_logs(logs, RUBRIC, found)] == [2.0, 2.0]


@pytest.mark.parametrize("zone", ["+00:00", "+09:00", "-05:00", "Z"])
def test_another_time_zone_is_no_suspicion(zone: str, tmp_path: Path) -> None:
    records = {
        stage: replace(record, started=f"2026-11-21T10:{38 + 5 * i}:00{zone}")
        for i, stage in enumerate(STAGES)
        for record in [record_of(stage)]
    }
    logs = logs_of(tmp_path, **{name: rewritten(one) for name, one in records.items()})
    found = examine(logs, ANN)
    assert [*of("contradiction", found), *of("doubt", found)] == []


def test_partners_on_one_machine_are_no_suspicion(tmp_path: Path) -> None:
    """Two people in one allocation, at the same time, with measurements of their own."""
    hers = in_job(record_of("compile"), "12", user="ann")
    his = replace(with_times(hers, FACTORS), user="ben")
    logs = {
        "ann": logs_of(tmp_path / "ann", a=rewritten(hers)),
        "ben": logs_of(tmp_path / "ben", b=rewritten(his)),
    }
    found = twins(logs, {"ann": "ann", "ben": "ben"}, known=())
    assert {one.severity for some in found.values() for one in some} == {"note"}


def test_the_same_run_in_other_line_ends_is_one(tmp_path: Path) -> None:
    text = path_of("compile").read_text()
    logs = logs_of(tmp_path, a=text, b=text.replace("\n", "\r\n"))
    (first, _) = twins({"ann": logs}, known=())["ann"]
    assert first.severity == "note"


def test_runs_that_were_repeated_are_no_suspicion(tmp_path: Path) -> None:
    later = "2026-11-29T10:40:00+00:00"
    again = replace(with_times(record_of("compile"), FACTORS), started=later)
    text = path_of("compile").read_text() + rewritten(again)
    logs = logs_of(tmp_path, base=path_of("baseline").read_text(), a=text, b=rewritten(again))
    found = [*examine(logs, ANN), *twins({"ann": logs}, known=()).get("ann", [])]
    assert [*of("contradiction", found), *of("doubt", found)] == []
