"""Submitting to a real Slurm: what is asked for, what runs, what comes back."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forked
import pytest
from patience import HANG, wait_for
from slurm import slurm
from test_template import NASTY

from workshop.learn.exercise import exercises
from workshop.record.readers.ours import read_log
from workshop.record.results import Result
from workshop.slurm.sandbox import Sandbox

# Eager, in float32 and short: what a job computes is for other tests.
SMALL = ["--model", "tiny:1"]
QUICK = [*SMALL, "--samples", "1", "--new-tokens", "8"]
EAGER = ["baseline", "--dtype", "float32", *QUICK]

Workshop = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def workshop(sandbox: Sandbox, tmp_path: Path) -> Workshop:
    """The command in an empty directory, with runs of its own."""
    return command_in(sandbox, tmp_path)


LONGEST = 6 * HANG  # a chain of stages that nothing was compiled for takes minutes


def command_in(sandbox: Sandbox, place: Path) -> Workshop:
    runs = {"WORKSHOP_RUNS": str(place / "runs")}

    def run(*arguments: str, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "workshop", *arguments]
        return slurm(sandbox, *command, cwd=place, env=runs | env, timeout=LONGEST, check=check)

    return run


def submitted(done: subprocess.CompletedProcess[str]) -> Any:
    """The jobs that ``submit --json`` tells of; several, or the only one."""
    jobs = json.loads(done.stdout)
    return jobs[0] if len(jobs) == 1 else jobs


def status(workshop: Workshop, *arguments: str) -> list[dict[str, Any]]:
    return json.loads(workshop("status", "--json", *arguments).stdout)


def only_result(log: str | Path) -> Result:
    (result,) = read_log(Path(log))
    return result


def test_a_job_asks_slurm_for_what_the_options_say(
    sandbox: Sandbox, workshop: Workshop, tmp_path: Path
) -> None:
    job = submitted(
        workshop(
            "submit", *EAGER, "--reservation", "edu20", "--account", "edu20", "--exclusive",
            "--exclude", "sim04", "--time", "45", "--partition", "a100", "--gpus", "2",
            "--set", "mem=500M", "--set", "job_name=odd; $(touch x) 'name'", "--json",
        )
    )  # fmt: skip
    shown = slurm(sandbox, "scontrol", "--oneliner", "show", "job", job["job"]).stdout
    for field in (
        "JobName=odd; $(touch x) 'name' ",
        "Account=edu20",
        "Partition=a100",
        "Reservation=edu20",
        "TimeLimit=00:45:00",
        "ExcNodeList=sim04",
        "NumNodes=1",
        "OverSubscribe=NO",
        "MinMemoryNode=500M",
        "Requeue=1",
        f"StdOut={tmp_path}/job-baseline-{job['job']}.out",
    ):
        assert field in shown
    # Slurm 26.05 names the file of the errors only if it is another one.
    assert f"StdErr={tmp_path}/job-baseline-{job['job']}.out" in shown or "StdErr= " in shown
    assert "gres/gpu" in shown or "TresPerJob=gres:gpu:2" in shown
    workshop("wait")
    assert not (tmp_path / "x").exists()


def test_two_nodes_with_a_rank_each(workshop: Workshop) -> None:
    asked = ["submit", "tp", "--nodes", "2", "--no-compile", *QUICK, "--json"]
    job = submitted(workshop(*asked))
    assert workshop("wait").returncode == 0
    result = only_result(job["logs"][0])
    assert (result.status, result.world_size) == ("ok", 2)
    assert result.slurm is not None
    assert result.slurm.nodes == "sim[01-02]"
    text = Path(job["logs"][0]).read_text()
    assert "Ranks = 2 on 2 nodes" in text
    assert text.count("WORKSHOP-RESULT") == 1


def test_a_rank_that_is_killed_ends_the_job_which_says_so(workshop: Workshop) -> None:
    """On another node than the rank that writes the record; its samples so far are kept."""
    short = [*SMALL, "--no-compile", "--new-tokens", "8", "--samples", "9999"]
    asked = ["submit", "tp", "--nodes", "2", *short, "--json"]
    job = submitted(workshop(*asked))
    log = Path(job["logs"][0])
    wait_for(lambda: log.exists() and "WORKSHOP-SAMPLE" in log.read_text())
    os.kill(task(job["job"], 1), signal.SIGKILL)
    assert workshop("wait", check=False).returncode != 0
    result = only_result(log)
    assert result.status == "incomplete"
    assert len(result.samples) >= 1
    assert re.search(r"rank 1 \(.*\) ended without a message", result.reason or "")


def test_a_participants_code_runs_in_a_job_in_place_of_ours(
    workshop: Workshop, tmp_path: Path
) -> None:
    """Theirs cuts the weights and adds up on both ranks; the log says so; the text is the same."""
    code = (exercises()["tensor-parallel"].solution / "exercise.py").read_text()
    code += """

ours = layer_part


def layer_part(weights, heads, kv_heads, rank, ranks):
    part = ours(weights, heads, kv_heads, rank, ranks)
    print(f"mine: rank {rank} has {len(part['gate'])} rows of {len(weights['gate'])}", flush=True)
    return part
"""
    (tmp_path / "tensor-parallel").mkdir()
    (tmp_path / "tensor-parallel" / "exercise.py").write_text(code)
    asked = ["--dtype", "float32", *QUICK, "--json"]
    job = submitted(workshop("submit", "exercise", "tensor-parallel", *asked))
    plain = submitted(workshop("submit", *EAGER, "--json"))
    assert workshop("wait").returncode == 0
    log = Path(job["logs"][0])
    assert log.name == f"job-exercise-tensor-parallel-{job['job']}.out"
    text = log.read_text()
    file = tmp_path / "tensor-parallel" / "exercise.py"
    assert f"Exercise tensor-parallel: the functions of {file} are in place of ours" in text
    for rank in (0, 1):
        assert re.search(rf"mine: rank {rank} has (\d+) rows of \d+", text)
    result = only_result(log)
    assert (result.status, result.world_size) == ("ok", 2)
    assert result.samples[0].text == only_result(plain["logs"][0]).samples[0].text


def task(job: str, number: int) -> int:
    """The process of a job's task, deepest: not the step's own."""
    wanted = {f"SLURM_JOB_ID={job}".encode(), f"SLURM_PROCID={number}".encode()}
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if wanted <= set((entry / "environ").read_bytes().split(b"\0")):
                found.append(int(entry.name))
    return max(found)


def test_repeats_are_one_array_with_a_log_each(workshop: Workshop, tmp_path: Path) -> None:
    job = submitted(workshop("submit", *EAGER, "--repeat", "3", "--json"))
    assert job["jobs"] == [f"{job['job']}_{i}" for i in range(3)]
    assert workshop("wait").returncode == 0
    logs = sorted(tmp_path.glob("job-baseline-*.out"))
    assert [log.name for log in logs] == [f"job-baseline-{one}.out" for one in job["jobs"]]
    assert all(only_result(log).status == "ok" for log in logs)
    one = workshop("logs", job["job"], check=False)
    assert one.returncode == 2
    assert f"name one of {job['job']}_0" in one.stderr
    assert "WORKSHOP-RESULT" in workshop("logs", job["jobs"][1]).stdout
    assert len(status(workshop, job["job"])) == 3


def test_a_job_is_a_submitit_job(sandbox: Sandbox, tmp_path: Path) -> None:
    """Found by name, through the entry point; its result, its exception and its log."""
    code = """
import submitit
from workshop.runner.task import Task
from workshop.stages import settings_of
from dataclasses import replace

executor = submitit.AutoExecutor("runs", cluster="workshop")
executor.update_parameters(name="mine", timeout_min=5, workshop_stage="baseline")
plain = replace(settings_of("baseline"), model="tiny:1")
good = replace(plain, dtype="float32", samples=1, new_tokens=8)
jobs = executor.map_array(Task, [])
job = executor.submit(Task(good))
bad = executor.submit(Task(replace(good, model="nowhere")))
assert job.result().tokens_per_second > 0
assert "WORKSHOP-RESULT" in job.stdout(), job.stdout()
error = bad.exception()
assert "'nowhere' is neither a checkpoint directory" in str(error), error
assert "Traceback" not in bad.stdout(), bad.stdout()
with executor.batch():
    array = [executor.submit(divmod, 7, 2), executor.submit(divmod, 9, 2)]
assert [one.result() for one in array] == [(3, 1), (4, 1)]
assert submitit.AutoExecutor("other").cluster == "slurm"
"""
    done = slurm(sandbox, sys.executable, "-W", "ignore", "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_preempted_job_starts_again(sandbox: Sandbox, workshop: Workshop) -> None:
    long = ["baseline", *SMALL, "--dtype", "float32", "--samples", "200", "--new-tokens", "200"]
    # Without srun, the script becomes Python, and the signal goes to it alone.
    job = submitted(workshop("submit", *long, "--set", "srun=false", "--json"))
    log = Path(job["logs"][0])
    wait_for(lambda: log.exists() and "Time for inference 2" in log.read_text())
    slurm(sandbox, "scancel", "--batch", "--signal=USR2", job["job"])  # as before preemption
    show = ("scontrol", "--oneliner", "show", "job", job["job"])
    wait_for(lambda: "Restarts=1" in slurm(sandbox, *show).stdout)
    wait_for(lambda: log.read_text().count("Stage: baseline") == 2)
    workshop("cancel", "--yes", job["job"])
    workshop("wait", check=False)


def test_a_rendered_script_runs_with_sbatch_alone(
    sandbox: Sandbox, workshop: Workshop, tmp_path: Path
) -> None:
    told = workshop("render", "tp", "--no-compile", *QUICK, "--reservation", "edu20").stdout
    assert "sbatch tp.slurm" in told
    assert "submitit.core" not in (tmp_path / "tp.slurm").read_text()
    number = slurm(sandbox, "sbatch", "--parsable", "tp.slurm", cwd=tmp_path).stdout.strip()
    log = tmp_path / f"job-tp-{number}.out"
    wait_for(lambda: log.exists() and "WORKSHOP-RESULT" in log.read_text())
    result = only_result(log)
    assert (result.status, result.world_size) == ("ok", 2)
    assert not (tmp_path / "runs").exists()
    again = workshop("render", "tp", check=False)
    assert again.returncode == 2
    assert "tp.slurm is there already" in again.stderr
    assert workshop("render", "tp", "-o", "-").stdout.startswith("#!/bin/bash -l\n")


def test_a_run_that_srun_started_with_too_many_tasks_says_so(sandbox: Sandbox) -> None:
    command = ["srun", "--ntasks=2", sys.executable, "-m", "workshop", "run", *EAGER]
    done = slurm(sandbox, *command, check=False)
    assert done.returncode == 2
    assert "srun started 2 tasks and this run has 1: use srun --ntasks=1" in done.stderr


def test_a_dry_run_prints_the_script_and_leaves_nothing(workshop: Workshop, tmp_path: Path) -> None:
    text = workshop("submit", "all", "--reservation", "edu20", "--dry-run").stdout
    assert text.count("#!/bin/bash -l") == 5
    assert "--dependency=afterok:JOB_OF_baseline" in text
    assert list(tmp_path.iterdir()) == []
    assert workshop("status").stdout == "No jobs yet: 'workshop submit STAGE' submits one.\n"


def test_a_job_waits_for_another_and_the_outcome_is_the_exit_code(workshop: Workshop) -> None:
    first = submitted(workshop("submit", *EAGER, "--json"))
    second = workshop("submit", *EAGER, "--after", first["job"], "--wait", "--json")
    assert second.returncode == 0
    assert "COMPLETED, done" in second.stderr
    third = workshop("submit", "baseline", "--model", "random:15m", "--new-tokens", "999", "--wait",
                     check=False)  # fmt: skip
    assert third.returncode == 1
    assert "positions, and random:15m has 256" in third.stderr


def test_a_job_can_be_submitted_from_within_a_job(sandbox: Sandbox, workshop: Workshop) -> None:
    """As from an interactive session on a compute node, whose variables must not leak."""
    inside = {"SLURM_JOB_ID": "1", "SLURM_NTASKS": "7", "SLURM_JOB_NUM_NODES": "5",
              "SLURM_CPUS_PER_TASK": "31", "SLURM_GPUS": "3"}  # fmt: skip
    job = submitted(workshop("submit", *EAGER, "--json", **inside))
    assert workshop("wait").returncode == 0
    assert only_result(job["logs"][0]).status == "ok"


def test_an_odd_directory_is_a_directory_like_any_other(sandbox: Sandbox, tmp_path: Path) -> None:
    place = tmp_path / 'it\'s 100% "odd" $(touch x); é'
    place.mkdir()
    workshop = command_in(sandbox, place)
    job = submitted(workshop("submit", *EAGER, "--json"))
    assert workshop("wait").returncode == 0
    (log,) = place.glob("job-*.out")
    assert log == Path(job["logs"][0])
    assert only_result(log).status == "ok"
    assert {path.name for path in place.iterdir()} == {log.name, "runs"}


def test_the_other_executors_run_here(workshop: Workshop, tmp_path: Path) -> None:
    local = workshop("submit", *EAGER, "--executor", "local")
    assert local.stdout == "job-baseline-1.out\n"
    assert only_result(tmp_path / "job-baseline-1.out").status == "ok"
    debug = workshop("submit", *EAGER, "--executor", "debug")
    assert "WORKSHOP-RESULT" in debug.stdout
    refused = workshop("submit", "tp", "--executor", "debug", check=False)
    assert refused.returncode == 2
    assert "use --executor local" in refused.stderr
    assert not (tmp_path / "runs").exists()


def test_without_slurm_submit_says_where_to_go(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": str(Path(sys.executable).parent)}
    command = [sys.executable, "-m", "workshop", "submit", "compile"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "there is no Slurm on this machine" in done.stderr
    assert "--executor local" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--partition", "a10"], "there is no partition 'a10' (did you mean a100?)"),
        (["--reservation", "edu2"], "there is no reservation 'edu2', or it is over (did you mean"),
        (["--gpus", "9"], "no node has what was asked for: 1 node, with --gpus=9"),
        (["--exclude", "sim[01-05]"], "see that --exclude leaves a node over"),
        (["--exclude", "sim77"], "--exclude sim77 names a node that is not there"),
        (["--time", "2-00:00:00"], "is more than the partition a100 allows (1-00:00:00)"),
        (["--nodes", "4", "--ranks", "4", "--reservation", "edu20"], "edu20 has 3 nodes, and 4"),
        (["--constraint", "gold"], "no node has the feature 'gold'"),
        (["--after", "999999"], "--after 999999: Slurm knows no such job"),
        (["--set", "mem=9T"], "no node has"),
    ],
)
def test_what_slurm_would_refuse_is_one_sentence(
    workshop: Workshop, tmp_path: Path, options: list[str], said: str
) -> None:
    stage = "tp" if "--nodes" in options else "baseline"
    done = workshop("submit", stage, *options, check=False)
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "runs").glob("*"))  # nothing is left of what was refused


@pytest.mark.parametrize("gpus", ["1", "3"])
def test_gpus_that_do_not_go_round_are_explained(workshop: Workshop, gpus: str) -> None:
    done = workshop("submit", "tp", "--nodes", "2", "--gpus", gpus, check=False)
    assert done.returncode == 2
    assert "cannot be spread evenly over 2 nodes" in done.stderr


def test_values_reach_slurm_as_they_were_written(sandbox: Sandbox, tmp_path: Path) -> None:
    """By sbatch's own parser, not by our idea of it."""
    names: dict[str, str] = {}
    for hostile in filter(None, NASTY):
        asked = ["baseline", "-o", "x.slurm", "--set", f"job_name={hostile}"]
        rendered = forked.workshop("render", *asked, cwd=tmp_path, **sandbox.environment())
        assert rendered.returncode == 0, rendered.stderr
        held = ["sbatch", "--parsable", "--hold", "x.slurm"]
        names[slurm(sandbox, *held, cwd=tmp_path).stdout.strip()] = hostile
        (tmp_path / "x.slurm").unlink()
    asked = ["squeue", "--noheader", "--format=%i:%j", f"--jobs={','.join(names)}"]
    shown = slurm(sandbox, *asked).stdout.removesuffix("\n").split("\n")
    slurm(sandbox, "scancel", *names)
    assert dict(line.split(":", 1) for line in shown) == names
    assert list(tmp_path.iterdir()) == []


def test_somebody_elses_reservation_is_explained(sandbox: Sandbox, workshop: Workshop) -> None:
    asked = ["Reservation=theirs", "StartTime=now", "Duration=60", "Users=daemon", "Nodes=sim01"]
    slurm(sandbox, "scontrol", "create", *asked[:1], *asked[1:])
    try:
        done = workshop("submit", "baseline", "--reservation", "theirs", check=False)
    finally:
        slurm(sandbox, "scontrol", "delete", "ReservationName=theirs")
    assert done.returncode == 1
    assert "the reservation theirs does not name you (it is for the users daemon)" in done.stderr


def test_a_reservation_that_is_over_is_left_out_when_asked_to(
    sandbox: Sandbox, workshop: Workshop
) -> None:
    gone = ["--reservation", "lastyear", "--drop-expired-reservation"]
    done = workshop("submit", *EAGER, *gone, "--json")
    assert "Notice: the reservation lastyear is over: submitting without it." in done.stderr
    shown = slurm(sandbox, "scontrol", "--oneliner", "show", "job", submitted(done)["job"]).stdout
    assert "Reservation=lastyear" not in shown
    workshop("cancel", "--all", "--yes")
    # A slip of the pen is no expired reservation.
    slip = workshop("submit", "baseline", *gone[:1], "edu2O", gone[2], check=False)
    assert slip.returncode == 1
    assert "did you mean edu20?" in slip.stderr


def test_an_account_that_is_not_mine_is_refused(
    accounting_sandbox: Sandbox, tmp_path: Path
) -> None:
    workshop = command_in(accounting_sandbox, tmp_path)
    done = workshop("submit", "baseline", "--account", "edu2", check=False)
    assert done.returncode == 1
    assert "the account 'edu2' is not yours" in done.stderr
