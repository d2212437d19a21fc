"""Logs as evidence beside what others know: the rest of the class, Slurm, and a second run."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from grading_logs import (
    ANN,
    faster,
    in_job,
    logs_of,
    of,
    path_of,
    record_of,
    rewritten,
    with_times,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from patience import wait_for
from slurm import slurm

from workshop.grading.evidence import Log, ask_sacct, examine, peers, rerun, twins
from workshop.grading.evidence.accounting import Account, account_of, moment
from workshop.grading.records import Finding, Participant
from workshop.record.results import Result
from workshop.record.runlog import RunLog
from workshop.runner import machine
from workshop.runner.assemble import Place
from workshop.runner.measure import measure
from workshop.slurm.sandbox import Sandbox
from workshop.stages import STAGES, settings_of
from workshop.stages.settings import Settings

FACTORS = [1.01, 0.99, 1.02, 0.98, 1.003]


def alone(log: list[Log]) -> dict[str, list[Finding]]:
    return twins({"ann": log}, known=())


# --- Twins ---


def test_two_people_with_measurements_of_their_own_have_nothing_in_common(tmp_path: Path) -> None:
    other = rewritten(with_times(record_of("compile"), FACTORS))
    hers = logs_of(tmp_path / "ann", a=rewritten(record_of("compile")))
    his = logs_of(tmp_path / "ben", a=other)
    assert twins({"ann": hers, "ben": his}, known=()) == {}


def test_one_measurement_in_two_hands_is_asked_about_by_the_others_name(tmp_path: Path) -> None:
    text = path_of("compile").read_text()
    logs = {name: logs_of(tmp_path / name, mine=text) for name in ("ann", "ben", "cem")}
    found = twins(logs, known=())
    assert set(found) == {"ann", "ben", "cem"}
    (hers,) = found["ann"]
    assert hers.severity == "doubt"
    assert hers.about == "mine.out"
    assert "those in a log of 2 other participants" in hers.sentence
    assert hers.evidence == {"also handed in by": "ben (mine.out), cem (mine.out)"}


def test_whose_account_the_record_names_is_told_apart_from_who_has_it_too(tmp_path: Path) -> None:
    text = rewritten(in_job(record_of("compile"), "12", user="ann"))
    logs = {name: logs_of(tmp_path / name, mine=text) for name in ("ann", "ben")}
    found = twins(logs, {"ann": "ann", "ben": "ben"}, known=())
    of_both = {name: {one.severity for one in some} for name, some in found.items()}
    assert of_both == {"ann": {"note", "doubt"}, "ben": {"contradiction", "doubt"}}
    assert any("job 12 is in 1 other participant's logs" in one.sentence for one in found["ben"])


@given(stage=st.sampled_from(list(STAGES)), times=st.floats(0.3, 3))
@settings(max_examples=10)
def test_neither_another_name_nor_a_factor_hides_a_twin(
    stage: str, times: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("class")
    run = replace(with_times(record_of(stage), [times] * 5), user="ben", host="his", started=None)
    hers = logs_of(folder / "ann", a=path_of(stage).read_text())
    his = logs_of(folder / "ben", b=rewritten(run))
    found = twins({"ann": hers, "ben": his}, known=())
    assert "in a record that differs from it otherwise" in found["ben"][0].sentence


def test_one_measurement_under_two_names_contradicts_itself(tmp_path: Path) -> None:
    run = record_of("compile")
    other = replace(run, stage="baseline", settings=settings_of("baseline"))
    found = alone(logs_of(tmp_path, a=rewritten(run), b=rewritten(other)))
    assert len(of("contradiction", found["ann"])) == 2


def test_a_log_that_was_handed_in_twice_is_one(tmp_path: Path) -> None:
    text = path_of("compile").read_text()
    (first, second) = alone(logs_of(tmp_path, a=text, b=text))["ann"]
    assert first.severity == "note"
    assert "the same run is in a.out too" in second.sentence


def test_the_logs_of_the_solutions_are_nobodys_own(tmp_path: Path) -> None:
    given = Path(__file__).parents[1] / "solutions" / "roofline" / "job-tp.out"
    found = twins({"ann": logs_of(tmp_path, a=given.read_text())})
    assert "comes with the workshop" in of("contradiction", found["ann"])[0]


# --- The class ---


def class_of(folder: Path, **special: Result) -> dict[str, list[Log]]:
    """Six people with the same run on machines of one kind, and others with special ones."""
    usual = {
        f"person {i}": with_times(record_of("compile"), [0.9 + 0.04 * i + f / 9 for f in FACTORS])
        for i in range(6)
    }
    return {
        name: logs_of(folder / name, log=rewritten(run)) for name, run in (usual | special).items()
    }


def test_a_class_on_machines_of_one_kind_is_about_as_fast(tmp_path: Path) -> None:
    assert peers(class_of(tmp_path)) == {}


def test_who_is_far_from_the_class_is_asked_about_it(tmp_path: Path) -> None:
    """Also where the log agrees with itself in everything."""
    run = record_of("compile")
    found = peers(class_of(tmp_path, fast=faster(run, 3)))
    assert set(found) == {"fast"}
    assert "tokens/s, and the others' runs of this on AMD EPYC" in found["fast"][0].sentence
    assert found["fast"][0].severity == "doubt"


def test_a_device_that_is_given_out_for_slower_is_asked_about(tmp_path: Path) -> None:
    run = record_of("compile")
    low = replace(run, device_bandwidth_gb_per_second=20.0)
    (found,) = peers(class_of(tmp_path, low=low))["low"]
    assert "a low one makes MBU larger" in found.sentence


def test_a_baseline_that_is_slower_than_the_classs_is_asked_about(tmp_path: Path) -> None:
    base = record_of("baseline")
    runs = {f"person {i}": faster(base, 1 - 0.02 * i) for i in range(6)} | {
        "ann": faster(base, 0.4)
    }
    logs = {name: logs_of(tmp_path / name, log=rewritten(run)) for name, run in runs.items()}
    (found,) = peers(logs)["ann"]
    assert "a slow baseline makes every ratio to it larger" in found.sentence


def test_a_few_people_are_no_class(tmp_path: Path) -> None:
    logs = class_of(tmp_path, fast=faster(record_of("compile"), 3))
    assert peers({name: logs[name] for name in ("fast", "person 1", "person 2")}) == {}


# --- Accounting ---


def account(**fields: object) -> Account:
    """Of the job in which the real compile run could have been."""
    began, ended = moment("2026-11-21T10:38:00+00:00"), moment("2026-11-21T10:39:00+00:00")
    told = Account("12", "ann", "COMPLETED", 60.0, "sim03", "gpu", began, ended)
    return replace(told, **fields)  # type: ignore[arg-type]


def asked(tmp_path: Path, *known: Account) -> list[Finding]:
    """What is noticed of a run in job 12, where accounting knows these."""

    def ask(jobs: Collection[str]) -> dict[str, list[Account]]:
        assert list(jobs) == ["12"]
        return {"12": list(known)}

    text = rewritten(in_job(record_of("compile"), "12"))
    return examine(logs_of(tmp_path, a=text), ANN, ask)


def test_a_job_as_accounting_has_it_gives_no_reason_to_ask(tmp_path: Path) -> None:
    assert asked(tmp_path, account()) == []


def test_one_of_the_times_that_a_job_ran_is_enough(tmp_path: Path) -> None:
    requeued = account(nodes="sim01", elapsed=1.0)
    assert asked(tmp_path, requeued, account()) == []


@pytest.mark.parametrize(
    ("known", "severity", "sentence"),
    [
        (account(user="ben"), "contradiction", "was not run by ann"),
        (account(nodes="sim01"), "contradiction", "job 12 ran on sim01"),
        (account(elapsed=1.0), "contradiction", "job 12 took 1 seconds"),
        (account(partition="cpu"), "doubt", "the partition gpu"),
        (account(started=moment("2026-11-20T10:00:00+00:00"),
                 ended=moment("2026-11-20T10:01:00+00:00")), "doubt", "another job 12"),
    ],
)  # fmt: skip
def test_what_accounting_says_otherwise_is_told(
    known: Account, severity: str, sentence: str, tmp_path: Path
) -> None:
    found = asked(tmp_path, known)
    assert any(one.severity == severity and sentence in one.sentence for one in found), found


def test_a_sandboxs_job_is_not_taken_for_the_clusters(tmp_path: Path) -> None:
    """Both count from 1: of another day, whatever else differs says nothing."""
    known = account(user="ben", nodes="cn07", started=moment("2020-01-01T00:00:00+00:00"),
                    ended=moment("2020-01-01T00:01:00+00:00"))  # fmt: skip
    found = asked(tmp_path, known)
    assert of("contradiction", found) == []
    assert len(of("doubt", found)) == 1


def test_a_job_that_nobody_knows_is_asked_about(tmp_path: Path) -> None:
    assert of("doubt", asked(tmp_path)) == ["compile: accounting does not know job 12"]


def test_without_accounting_that_is_said_once(tmp_path: Path) -> None:
    runs = [rewritten(in_job(record_of(stage), "12")) for stage in ("compile", "quantize")]
    (found,) = examine(logs_of(tmp_path, a=runs[0], b=runs[1]), ANN, lambda jobs: None)
    assert found.severity == "note"


def test_where_there_is_no_slurm_there_is_no_accounting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert ask_sacct(["12"]) is None


@given(st.text(max_size=80) | st.lists(st.text(max_size=8), min_size=9, max_size=9).map("|".join))
def test_no_line_of_sacct_is_misread(line: str) -> None:
    told = account_of(line)
    assert told is None or told.job_id.isdigit()


def test_real_accounting_knows_a_real_run(
    accounting_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in accounting_sandbox.environment().items():
        monkeypatch.setenv(name, value)
    run = ("workshop", "run", "baseline", "--model", "tiny:1", "--new-tokens", "8")
    options = ("--samples", "3", "--device", "cpu", "--dtype", "float32")
    command = shlex.join([sys.executable, "-m", *run, *options])
    log = tmp_path / "job-baseline-1.out"
    options = (f"--output={log}", "--mem=2G", "--chdir", Path.cwd(), "--wrap", command)
    job = slurm(accounting_sandbox, "sbatch", "--parsable", *options).stdout.strip()

    def ended() -> bool:
        told = (ask_sacct([job]) or {}).get(job)
        return bool(told) and told[-1].ended is not None

    wait_for(ended)
    logs = logs_of(tmp_path)
    (result,) = logs[0].results
    told = ask_sacct([job]) or {}
    owner = Participant("ann", account=told[job][-1].user)
    found = examine(logs, owner, ask_sacct)
    assert result.status == "ok", result.reason
    assert of("contradiction", found) == []
    assert not any(f"job {job}" in one for one in of("doubt", found))
    (other,) = of("contradiction", examine(logs, ANN, ask_sacct))
    assert f"job {job} was not run by ann" in other


# --- Running again ---


def engine(settings: Settings) -> Result:
    """Run in this process, as short as it can be."""
    short = replace(settings, samples=2, new_tokens=6)
    return measure(short, Place(machine.pick_device("cpu")), RunLog(None))


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# Without a reference beside it.
PLAIN = replace(settings_of("baseline"), model="tiny:1", dtype="float32")
LOOKED_UP = replace(settings_of("speculative"), model="tiny:1", speculate="prompt-lookup",
                    quantize="none", dtype="float32", compile=False)  # fmt: skip


@pytest.fixture
def pair(tmp_path: Path, one_thread: None) -> tuple[Result, Result]:
    """A run of this machine and its baseline."""
    return engine(PLAIN), engine(LOOKED_UP)


def run_again(folder: Path, base: Result, run: Result) -> list[Finding]:
    logs = logs_of(folder, base=rewritten(base), run=rewritten(run))
    return rerun({"ann": logs}, 1.0, 7, engine)["ann"]


def test_a_run_is_as_fast_again_and_one_that_is_claimed_to_be_faster_is_not(
    pair: tuple[Result, Result], tmp_path: Path
) -> None:
    base, run = pair
    (found,) = run_again(tmp_path / "as it is", base, run)
    assert "run again with another prompt it is" in found.sentence
    assert found.evidence == {"rounds": "3", "samples each": "3"}
    (found,) = run_again(tmp_path / "claimed", base, with_times(run, [0.01, 0.0101]))
    assert found.severity == "doubt"


def test_prompts_and_seeds_of_a_second_run_are_the_seeds_alone(tmp_path: Path) -> None:
    drawn = [drawn_by(tmp_path, seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]
    assert all(one.prompt != settings_of("compile").prompt for one in drawn[0])
    assert {one.stage for one in drawn[0]} == {"baseline", "compile"}


def test_a_log_from_before_the_model_was_widened_is_run_again_as_it_was(tmp_path: Path) -> None:
    """The logs of ``solutions/`` call ``tiny`` what is ``tiny:1`` now."""
    assert record_of("compile").model == "tiny"
    assert record_of("compile").model_parameters == 6_967_360
    assert {one.model for one in drawn_by(tmp_path, 1)} == {"tiny:1"}


def test_a_log_of_the_widened_model_is_run_again_as_it_is(tmp_path: Path) -> None:
    """Its own and its bytes are known as well; only the name is the same."""
    wide = {
        stage: replace(record_of(stage), model_parameters=108_806_400, model_bytes=217_612_800)
        for stage in ("baseline", "compile")
    }
    assert {one.model for one in drawn_by(tmp_path, 1, wide)} == {"tiny"}


def drawn_by(
    folder: Path, seed: int, records: Mapping[str, Result] | None = None
) -> list[Settings]:
    """What is run again of a pair of logs."""
    ran: list[Settings] = []
    records = records or {stage: record_of(stage) for stage in ("baseline", "compile")}

    def remember(settings: Settings) -> Result:
        ran.append(settings)
        return record_of(settings.stage)

    texts = {stage: rewritten(record) for stage, record in records.items()}
    rerun({"ann": logs_of(folder, **texts)}, 1.0, seed, remember)
    return ran


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"model": "/etc"}, "does not come with the workshop"),
        ({"model": "random:llama-3-70b"}, "does not come with the workshop"),
        ({"draft": "/etc"}, "does not come with the workshop"),
        ({"exercise": "quantize=/tmp/x.py"}, "a participant's own code"),
        ({"ranks": 64}, "larger than what is run again"),
        ({"batch_size": 10**9}, "larger than what is run again"),
    ],
)
def test_what_somebody_wrote_into_a_log_is_not_run(
    options: dict[str, object], why: str, tmp_path: Path
) -> None:
    run = record_of("compile")
    assert run.settings is not None
    told = replace(run, settings=replace(run.settings, **options))  # type: ignore[arg-type]
    logs = logs_of(tmp_path, a=rewritten(record_of("baseline")), b=rewritten(told))
    ((found,),) = rerun({"ann": logs}, 1.0, 7, never).values()
    assert found.severity == "note"
    assert why in found.sentence


def never(settings: Settings) -> Result:
    raise AssertionError("nothing is to be run")


def test_on_another_device_a_ratio_says_nothing(tmp_path: Path) -> None:
    texts = {stage: rewritten(record_of(stage)) for stage in ("baseline", "compile")}

    def another(settings: Settings) -> Result:
        return replace(record_of(settings.stage), device="another processor")

    ((found,),) = rerun({"ann": logs_of(tmp_path, **texts)}, 1.0, 7, another).values()
    assert found.severity == "note"
    assert "this is another processor with 2 threads" in found.sentence


def test_a_fraction_of_all_runs_is_drawn(tmp_path: Path) -> None:
    texts = {stage: rewritten(record_of(stage)) for stage in STAGES if stage != "tp"}
    logs = {name: logs_of(tmp_path / name, **texts) for name in ("ann", "ben", "cem", "dan")}

    def count(fraction: float) -> int:
        found = rerun(logs, fraction, 7, lambda settings: record_of(settings.stage))
        return sum(map(len, found.values()))

    assert [count(fraction) for fraction in (0.01, 0.5, 1.0)] == [1, 6, 12]
