"""What becomes of jobs on a real Slurm, and what is said of it: always something, never for ever.

Most of these jobs end before Python starts: a line of the cluster's setup is what happens to them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from click import ClickException
from patience import wait_for
from slurm import require_slurm, short_directory, slurm, state
from test_submit import EAGER, SMALL, Workshop, command_in, status, submitted

from workshop.cli.follow import stop
from workshop.slurm import runs
from workshop.slurm.queue.follow import PATIENCE, SubmittedJob, wait
from workshop.slurm.queue.jobstate import JobState
from workshop.slurm.queue.squeue import QueueError
from workshop.slurm.sandbox import Sandbox, Shape, down, up
from workshop.stages import STAGES, settings_of

RUN = runs.Run(settings_of("baseline"), "x", "/nowhere/x-%j", runs.now(), "x", ("7",))


@pytest.fixture
def workshop(sandbox: Sandbox, tmp_path: Path) -> Workshop:
    return command_in(sandbox, tmp_path)


@pytest.fixture
def breakable() -> Iterator[Sandbox]:
    """A Slurm of its own, for tests that damage it."""
    require_slurm()
    directory = short_directory()
    try:
        yield up(directory, Shape(nodes=2), guard=os.getpid())
    finally:
        down(directory)


def configure(sandbox: Sandbox, name: str, value: int) -> None:
    """Change a line of slurm.conf, which commands read; daemons must be told to."""
    conf = sandbox.directory / "etc" / "slurm.conf"
    conf.write_text(re.sub(f"(?m)^{name}=.*$", f"{name}={value}", conf.read_text()))


def described(place: Path, *setup: str, **environment: Any) -> str:
    """A description of a cluster whose jobs run ``setup``; the option that chooses it."""
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in environment.items())
    path = place / "described.toml"
    path.write_text(
        f"[gpus]\nper_node = 4\n[environment]\nsetup = {json.dumps(list(setup))}\n{lines}"
    )
    return f"--cluster={path}"


def outcome(workshop: Workshop, *options: str, stage: str = "baseline") -> dict[str, Any]:
    """Submit a job, wait for its end, and give what ``status`` has to say."""
    job = submitted(workshop("submit", stage, "--json", *options))
    workshop("wait", job["job"], check=False)
    (view,) = status(workshop, job["job"])
    return view


def test_a_module_that_is_not_there_stops_the_job_and_is_named(
    workshop: Workshop, tmp_path: Path
) -> None:
    view = outcome(workshop, described(tmp_path, modules=["CUDA/99.9"]))
    assert (view["state"], view["ok"]) == ("FAILED", False)
    assert "CUDA/99.9" in view["words"]
    assert "module" in view["advice"]
    assert "Stage:" not in Path(view["log"]).read_text()


def test_a_setup_line_that_fails_stops_the_job_and_is_shown(
    workshop: Workshop, tmp_path: Path
) -> None:
    view = outcome(workshop, described(tmp_path, "true", "ls /nowhere/at/all", "touch late"))
    assert view["state"] == "FAILED"
    assert "ls /nowhere/at/all" in view["words"]
    assert not (tmp_path / "late").exists()
    assert "workshop: setup failed" in workshop("logs", view["job_id"]).stdout


@pytest.mark.parametrize(
    ("line", "end"), [("exit 7", "FAILED"), ("kill -9 $$", "FAILED"), ("exit 0", "COMPLETED")]
)
def test_a_script_that_ends_by_itself_has_no_result_and_is_not_called_well(
    workshop: Workshop, tmp_path: Path, line: str, end: str
) -> None:
    view = outcome(workshop, described(tmp_path, line))
    assert (view["state"], view["ok"]) == (end, False)
    assert view["words"]


def test_python_that_is_not_there_is_said(workshop: Workshop, tmp_path: Path) -> None:
    view = outcome(workshop, described(tmp_path, python="/nowhere/python"))
    assert view["state"] == "FAILED"
    assert "/nowhere/python" in view["words"]


def test_a_cancelled_job_is_told_as_cancelled(
    sandbox: Sandbox, workshop: Workshop, tmp_path: Path
) -> None:
    slow = described(tmp_path, "sleep 1234")
    job = submitted(workshop("submit", "baseline", slow, "--json"))
    wait_for(lambda: status(workshop, job["job"])[0]["state"] == "RUNNING")
    asked = workshop("cancel", job["job"], check=False)  # nobody is there to say yes
    assert asked.returncode == 1
    assert status(workshop, job["job"])[0]["state"] == "RUNNING"
    told = workshop("cancel", "--yes", job["job"]).stdout
    assert told == f"Cancelled: {job['job']} (baseline)\n"
    assert workshop("wait", job["job"], check=False).returncode == 1
    (view,) = status(workshop, job["job"])
    assert (view["state"], view["ok"]) == ("CANCELLED", False)
    assert "cancelled" in view["words"]
    assert "Nothing to cancel" in workshop("cancel", "--yes", "--all").stdout


def test_jobs_of_others_are_never_cancelled(
    sandbox: Sandbox, workshop: Workshop, tmp_path: Path
) -> None:
    foreign = slurm(
        sandbox, "sbatch", "--parsable", "--output=/dev/null", "--wrap=sleep 1234"
    ).stdout.strip()
    wait_for(lambda: state(sandbox, foreign) == "RUNNING")
    refused = workshop("cancel", "--yes", foreign, check=False)
    assert refused.returncode == 2
    assert f"no job {foreign!r} was submitted from here" in refused.stderr
    # Numbers come round again: a run of last year may have had that number.
    record = runs.Run(
        settings_of("baseline"),
        "workshop-baseline",
        f"{tmp_path}/x-%j",
        runs.now(),
        "x",
        (foreign,),
    )
    directory = runs.new_directory(tmp_path / "runs", "baseline")
    runs.save(directory, record)
    workshop("cancel", "--yes", foreign, check=False)
    assert state(sandbox, foreign) == "RUNNING"
    slurm(sandbox, "scancel", foreign)


def test_the_time_limit_is_told_with_what_was_measured(
    sandbox: Sandbox, workshop: Workshop
) -> None:
    """Slurm warns a minute before; submitit's handler ends the run, and the record is written."""
    long = ["baseline", "--dtype", "float32", "--samples", "9999", "--new-tokens", "20"]
    job = submitted(workshop("submit", *long, "--time", "2", "--restarts", "1", "--json"))
    log = Path(job["logs"][0])
    for run in (1, 2):  # it may start again once
        wait_for(lambda run=run: log.exists() and started(log, run))  # type: ignore[misc]
        slurm(sandbox, "scancel", "--signal=USR2", job["job"])  # what Slurm does a minute before
    workshop("wait", job["job"], check=False)
    (view,) = status(workshop, job["job"])
    assert (view["state"], view["ok"]) == ("FAILED", False)
    assert "the job's time limit was about to end the run" in view["words"]
    assert "--time" in view["advice"]
    assert view["tokens_per_second"] > 0


def started(log: Path, runs: int) -> bool:
    """Whether that many runs in a log have finished a sample."""
    parts = log.read_text().split("Stage: baseline")
    return len(parts) > runs and "Time for inference 1:" in parts[runs]


def test_waiting_survives_a_controller_that_is_restarted(tmp_path: Path) -> None:
    job = SubmittedJob("7", RUN, tmp_path)
    answers = [None, None, "RUNNING", None, None, None, None, "COMPLETED"]
    pauses: list[float] = []

    def ask(ids: Collection[str]) -> dict[str, JobState]:
        answer = answers.pop(0)
        if answer is None:
            raise QueueError("Slurm does not answer")
        return {"7": JobState("7", answer)}

    (view,) = wait([job], ask=ask, pause=pauses.append)
    assert view.state == "COMPLETED"
    assert len(pauses) == 7
    answers += [None] * PATIENCE
    with pytest.raises(QueueError):
        wait([SubmittedJob("8", RUN, tmp_path)], ask=ask, pause=pauses.append)


def test_a_job_that_is_killed_by_the_time_limit_is_told_so(
    sandbox: Sandbox, workshop: Workshop, tmp_path: Path
) -> None:
    job = submitted(workshop("submit", "baseline", described(tmp_path, "sleep 1234"), "--json"))
    wait_for(lambda: status(workshop, job["job"])[0]["state"] == "RUNNING")
    slurm(sandbox, "scontrol", "update", f"jobid={job['job']}", "EndTime=now+1")
    workshop("wait", job["job"], check=False)
    (view,) = status(workshop, job["job"])
    assert (view["state"], view["ok"]) == ("TIMEOUT", False)
    assert "time limit" in view["words"]
    assert "--time" in view["advice"]


def test_python_killed_with_9_is_told_and_its_samples_are_kept(workshop: Workshop) -> None:
    long = ["baseline", *SMALL, "--dtype", "float32", "--samples", "9999", "--new-tokens", "20"]
    job = submitted(workshop("submit", *long, "--json"))
    log = Path(job["logs"][0])
    wait_for(lambda: log.exists() and "Time for inference 1:" in log.read_text())
    for pid in processes_with(f"SLURM_JOB_ID={job['job']}", "submitit.core._submit"):
        os.kill(pid, signal.SIGKILL)
    workshop("wait", job["job"], check=False)
    (view,) = status(workshop, job["job"])
    assert (view["state"], view["ok"]) == ("FAILED", False)
    assert "kill" in view["words"].lower()
    assert view["tokens_per_second"] > 0


def processes_with(variable: str, command: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
        except OSError:
            continue
        if variable.encode() in environment and b"python" in line and command.encode() in line:
            found.append(int(entry.name))
    return found


def test_a_chain_whose_first_job_fails_ends_and_says_why(
    workshop: Workshop, tmp_path: Path
) -> None:
    broken = described(tmp_path, "exit 3")
    jobs = submitted(workshop("submit", "all", broken, "--json"))
    assert workshop("wait", check=False).returncode == 1
    views = {view["stage"]: view for view in status(workshop)}
    assert views["baseline"]["state"] == "FAILED"
    for stage in list(STAGES)[1:]:
        assert views[stage]["state"] == "CANCELLED"
        assert "wait" in views[stage]["words"] or "depend" in views[stage]["words"]
    assert len(jobs) == len(STAGES)


def test_an_output_directory_that_is_gone_is_told(workshop: Workshop, tmp_path: Path) -> None:
    go = tmp_path / "go"
    waiting = described(tmp_path, f"until test -e {go}; do sleep 0.1; done", "exit 0")
    first = submitted(workshop("submit", "baseline", waiting, "--json"))
    out = tmp_path / "out"
    waits = ["--dependency", f"afterany:{first['job']}", "--output-dir", str(out), "--no-requeue"]
    second = submitted(workshop("submit", "baseline", waiting, *waits, "--json"))
    out.rmdir()
    out.touch()  # Slurm 23.02 and newer would make the directory
    go.touch()
    workshop("wait", second["job"], check=False)
    (view,) = status(workshop, second["job"])
    assert (view["state"], view["ok"]) == ("FAILED", False)
    assert str(out) in view["words"] or "directory" in view["words"]


@pytest.mark.parametrize(
    ("said", "fails"),
    [
        ("Invalid job id specified", False),
        ("Job/step already completing or completed", False),
        ("Access/permission denied", True),
    ],
)
def test_a_job_that_has_ended_by_itself_needs_no_cancelling(
    said: str, fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slurm ends a job whose dependency was cancelled, maybe before scancel asks for it."""
    scancel = tmp_path / "scancel"
    scancel.write_text(
        f"#!/bin/sh\necho 'scancel: error: Kill job error on job id 7: {said}' >&2\nexit 1\n"
    )
    scancel.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    expected = pytest.raises(ClickException, match="permission denied")
    with expected if fails else contextlib.nullcontext():
        stop(SubmittedJob("7", RUN, tmp_path))


def test_a_pending_job_says_why_it_waits(workshop: Workshop, tmp_path: Path) -> None:
    slow = described(tmp_path, "sleep 1234")
    first = submitted(workshop("submit", "baseline", slow, "--json"))
    second = submitted(workshop("submit", "baseline", slow, "--after", first["job"], "--json"))
    (view,) = wait_for(
        lambda: [v for v in status(workshop, second["job"]) if "None" not in v["words"]]
    )
    assert view["state"] == "PENDING"
    assert view["ok"] is None
    assert "wait" in view["words"]
    no_log = workshop("logs", second["job"], check=False)
    assert no_log.returncode == 1
    assert "there is no log yet" in no_log.stderr
    workshop("cancel", "--all", "--yes")


def test_logs_follows_to_the_end(workshop: Workshop) -> None:
    job = submitted(workshop("submit", *EAGER, "--json"))
    followed = workshop("logs", "-f", job["job"])
    assert followed.stdout.splitlines()[-1].startswith("WORKSHOP-RESULT")
    by_stage = workshop("logs", "baseline")
    assert by_stage.stdout == followed.stdout


def test_a_node_that_goes_down_ends_the_job_or_starts_it_again(
    breakable: Sandbox, tmp_path: Path
) -> None:
    workshop = command_in(breakable, tmp_path)
    slow = described(tmp_path, "sleep 1234")
    once = submitted(workshop("submit", "baseline", slow, "--no-requeue", "--json"))
    again = submitted(workshop("submit", "baseline", slow, "--requeue", "--json"))
    wait_for(lambda: {v["state"] for v in status(workshop)} == {"RUNNING"})
    for view in status(workshop):
        node = ["scontrol", "update", f"nodename={view['nodes']}", "state=down", "reason=test"]
        slurm(breakable, *node)
    views = wait_for(
        lambda: [
            v for v in [status(workshop)] if {x["state"] for x in v} == {"NODE_FAIL", "PENDING"}
        ]
    )[0]
    by_job = {view["job_id"]: view for view in views}
    failed = by_job[once["job"]]
    assert (failed["state"], failed["ok"]) == ("NODE_FAIL", False)
    assert "node" in failed["words"]
    assert by_job[again["job"]]["ok"] is None


def test_a_node_whose_slurmd_dies_ends_the_job(breakable: Sandbox, tmp_path: Path) -> None:
    workshop = command_in(breakable, tmp_path)
    asked = ["submit", "baseline", described(tmp_path, "sleep 1234"), "--no-requeue", "--json"]
    job = submitted(workshop(*asked))
    (view,) = wait_for(lambda: [v for v in status(workshop) if v["state"] == "RUNNING"])
    for pid in pids_of(breakable, "slurmd"):
        if view["nodes"] in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGKILL)
    assert workshop("wait", job["job"], check=False).returncode == 1
    (view,) = status(workshop)
    assert (view["state"], view["ok"]) == ("NODE_FAIL", False)
    assert "--exclude" in view["advice"] or "again" in view["advice"]


def test_a_controller_that_does_not_answer_is_one_sentence_everywhere(
    breakable: Sandbox, tmp_path: Path
) -> None:
    workshop = command_in(breakable, tmp_path)
    slow = described(tmp_path, "sleep 1234")
    job = submitted(workshop("submit", "baseline", slow, "--json"))
    os.kill(int((breakable.directory / "run" / "slurmctld.pid").read_text()), signal.SIGKILL)
    configure(breakable, "MessageTimeout", 2)
    for command in (["submit", "baseline", slow], ["status"], ["doctor", slow]):
        done = workshop(*command, check=False)
        assert done.returncode == 1
        assert "does not answer" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
    ((_, stored),) = runs.every(tmp_path / "runs")
    assert stored.jobs == (job["job"],)


def pids_of(sandbox: Sandbox, daemon: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if Path(os.fsdecode(words[0])).name == daemon and any(
            os.fsencode(sandbox.directory) in word for word in words
        ):
            found.append(int(entry.name))
    return found


def test_a_job_that_slurm_forgot_before_we_looked_is_told_from_its_log(
    breakable: Sandbox, tmp_path: Path
) -> None:
    configure(breakable, "MinJobAge", 2)
    slurm(breakable, "scontrol", "reconfigure")
    workshop = command_in(breakable, tmp_path)
    good = submitted(workshop("submit", *EAGER, "--json"))
    bad = submitted(workshop("submit", "baseline", described(tmp_path, "exit 4"), "--json"))

    def forgotten() -> bool:
        return not slurm(breakable, "squeue", "--noheader", "--states=all").stdout.strip()

    wait_for(forgotten)
    views = {view["job_id"]: view for view in status(workshop)}
    assert (views[good["job"]]["state"], views[good["job"]]["ok"]) == ("GONE", True)
    assert (views[bad["job"]]["state"], views[bad["job"]]["ok"]) == ("GONE", False)
    assert workshop("wait", good["job"]).returncode == 0


def test_status_of_200_jobs_is_one_question_to_slurm(sandbox: Sandbox, tmp_path: Path) -> None:
    """A program in front of the real squeue and sacct notes every call."""
    notes = tmp_path / "calls"
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name in ("squeue", "sacct", "scontrol", "sinfo"):
        real = slurm(sandbox, "which", name).stdout.strip()
        wrapper = bin_folder / name
        wrapper.write_text(f'#!/bin/sh\necho {name} >> {notes}\nexec {real} "$@"\n')
        wrapper.chmod(0o755)
    many = slurm(
        sandbox, "sbatch", "--parsable", "--hold", "--array=0-199", "--output=/dev/null",
        "--job-name=x", "--wrap=true",
    ).stdout.strip()  # fmt: skip
    for i in range(200):
        directory = runs.new_directory(tmp_path / "runs", "baseline")
        runs.save(
            directory,
            runs.Run(settings_of("baseline"), "x", f"{tmp_path}/x-%j", runs.now(), "x",
                     (f"{many}_{i}",)),
        )  # fmt: skip
    workshop = command_in(sandbox, tmp_path)
    path = f"{bin_folder}:{os.environ['PATH']}"
    views = json.loads(workshop("status", "--json", PATH=path).stdout)
    slurm(sandbox, "scancel", many)
    assert len(views) == 200
    assert {view["state"] for view in views} == {"PENDING"}
    assert notes.read_text().split() == ["squeue"]


def test_a_finished_job_is_remembered_and_slurm_is_not_asked_again(
    sandbox: Sandbox, workshop: Workshop, tmp_path: Path
) -> None:
    view = outcome(workshop, described(tmp_path, "exit 5"))
    (again,) = json.loads(workshop("status", "--json", SLURM_CONF="/nowhere/slurm.conf").stdout)
    assert again == view


def test_status_is_a_table_for_people(workshop: Workshop, tmp_path: Path) -> None:
    outcome(workshop, described(tmp_path, modules=["CUDA/99.9"]))
    text = workshop("status").stdout
    assert text.split("\n")[0].split() == [
        "stage", "job", "state", "elapsed", "node", "tokens/s", "why",
    ]  # fmt: skip
    assert "FAILED" in text
    assert "What to do, baseline: " in text


def test_out_of_memory_is_told(tmp_path: Path) -> None:
    """Where control groups can be written, which takes root."""
    require_slurm()
    from workshop.slurm.sandbox import SandboxError

    directory = short_directory()
    try:
        try:
            small = up(directory, Shape(nodes=2, enforce_memory=True), guard=os.getpid())
        except SandboxError as error:
            pytest.skip(str(error))
        workshop = command_in(small, tmp_path)
        hungry = described(tmp_path, "head -c 300M /dev/zero | tail > /dev/null")
        view = outcome(workshop, hungry, "--set", "mem=50M")
        assert (view["state"], view["ok"]) == ("OUT_OF_MEMORY", False)
        assert "memory" in view["words"]
        assert "--set mem=" in view["advice"]
    finally:
        down(directory)
