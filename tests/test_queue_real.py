"""How jobs stand, in a real Slurm."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from patience import wait_for
from slurm import ACCOUNTING, shared, slurm

from workshop.slurm.queue.jobstate import GONE, JobState
from workshop.slurm.queue.reasons import outcome, why_pending
from workshop.slurm.queue.squeue import QueueError, run_command, states
from workshop.slurm.sandbox import Sandbox, Shape

UNKNOWN = "slurm_load_jobs error: Invalid job id specified\n"


@dataclass
class Cluster:
    """A sandbox to submit to; what is left of its jobs is cancelled in the end."""

    sandbox: Sandbox
    jobs: list[str] = field(default_factory=list)

    def submit(self, *options: str, script: str = "true", output: str = "/dev/null") -> str:
        command = ("sbatch", "--parsable", f"--output={output}", *options, "--wrap", script)
        self.jobs.append(slurm(self.sandbox, *command).stdout.strip())
        return self.jobs[-1]

    def tell(self, *command: str) -> None:
        slurm(self.sandbox, *command)


@pytest.fixture
def cluster(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    yield from entered(sandbox, monkeypatch)


@pytest.fixture
def with_accounting(
    accounting_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cluster]:
    yield from entered(accounting_sandbox, monkeypatch)


def entered(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)
    cluster = Cluster(sandbox)
    yield cluster
    slurm(sandbox, "scancel", *cluster.jobs, check=False)


def state_of(job_id: str) -> JobState:
    return states([job_id])[job_id]


def ended(job_id: str) -> JobState:
    return wait_for(lambda: state if (state := state_of(job_id)).ended else None)


def waiting_for(job_id: str, reason: str) -> JobState:
    """The job, once Slurm gives this reason for its waiting."""
    return wait_for(lambda: state if (state := state_of(job_id)).reason == reason else None)


def test_a_job_is_followed_from_waiting_to_its_end(cluster: Cluster) -> None:
    job = cluster.submit("--hold")
    held = state_of(job)
    assert (held.state, held.reason) == ("PENDING", "JobHeldUser")
    cluster.tell("scontrol", "release", job)
    done = ended(job)
    assert done.succeeded
    assert done.nodes in ("sim01", "sim02")
    assert done.elapsed_seconds is not None


def test_a_job_that_fails_has_failed(cluster: Cluster) -> None:
    failed = ended(cluster.submit(script="exit 7"))
    assert (failed.state, failed.reason) == ("FAILED", "NonZeroExitCode")
    assert outcome(failed)[0] == "the job's script ended with an error"


def test_a_log_in_a_directory_that_is_missing_is_told_apart(cluster: Cluster) -> None:
    failed = ended(cluster.submit(output="/proc/no-such-directory/x.out"))
    assert failed.state == "FAILED"
    assert "directory is missing" in outcome(failed)[0]


def test_a_running_job_is_cancelled(cluster: Cluster) -> None:
    job = cluster.submit(script="sleep 1234")
    running = wait_for(lambda: state if (state := state_of(job)).state == "RUNNING" else None)
    assert running.nodes
    assert not running.ended
    cluster.tell("scancel", job)
    assert ended(job).state == "CANCELLED"


def test_what_a_job_waits_for_is_known(cluster: Cluster) -> None:
    first = cluster.submit("--nodes=2", "--exclusive", script="sleep 1234")
    wait_for(lambda: state_of(first).state == "RUNNING")
    second = cluster.submit("--nodes=2", "--exclusive")
    third = cluster.submit(f"--dependency=afterok:{first}")
    waiting_for(second, "Resources")
    assert "expected at 20" in wait_for(
        lambda: state_of(second).start and why_pending(state_of(second))
    )
    assert waiting_for(third, "Dependency").state == "PENDING"
    reserved = cluster.submit("--nodelist=sim05")
    waiting = wait_for(lambda: state if (state := state_of(reserved)).reason != "None" else None)
    assert waiting.state == "PENDING"


def test_a_reservation_that_has_not_begun_is_waited_for(cluster: Cluster) -> None:
    cluster.tell(
        *("scontrol", "create", "reservation", "ReservationName=later", "StartTime=now+1hour"),
        *("Duration=10", "Users=root", "Nodes=sim01"),
    )
    job = cluster.submit("--reservation=later")
    try:
        waiting = waiting_for(job, "Reservation")
        assert "has not begun" in why_pending(waiting)
    finally:
        cluster.tell("scancel", job)
        wait_for(lambda: state_of(job).ended)
        cluster.tell("scontrol", "delete", "ReservationName=later")


def test_a_dependency_that_failed_is_never_satisfied(cluster: Cluster) -> None:
    first = cluster.submit(script="exit 1")
    stays = cluster.submit(f"--dependency=afterok:{first}")
    goes = cluster.submit(f"--dependency=afterok:{first}", "--kill-on-invalid-dep=yes")
    assert "never start" in why_pending(waiting_for(stays, "DependencyNeverSatisfied"))
    cancelled = ended(goes)
    assert cancelled.state == "CANCELLED"
    assert "depended on had failed" in outcome(cancelled)[0]


def test_the_tasks_of_an_array_are_jobs_of_their_own(cluster: Cluster) -> None:
    array = cluster.submit("--array=0-3%1", script="exit $((SLURM_ARRAY_TASK_ID % 2))")
    ids = [f"{array}_{task}" for task in range(4)]
    assert set(states(ids)) == set(ids)
    wait_for(lambda: all(state.ended for state in states(ids).values()))
    assert [state.state for state in states(ids).values()] == ["COMPLETED", "FAILED"] * 2


def test_two_hundred_jobs_are_one_call(cluster: Cluster) -> None:
    array = cluster.submit("--array=0-149", "--hold")
    ids = [f"{array}_{task}" for task in range(150)]
    ids += [cluster.submit("--hold") for _ in range(50)]
    asked: list[list[str]] = []

    def run(command: list[str]) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return run_command(command)

    found = states(ids, run)
    assert {state.state for state in found.values()} == {"PENDING"}
    assert len(found) == 200
    assert len(asked) == 1


def test_jobs_that_slurm_never_had_are_gone(cluster: Cluster) -> None:
    job = cluster.submit("--hold")
    assert state_of("9999999").state == GONE
    found = states(["9999999", job, "9999998"])
    assert [state.state for state in found.values()] == [GONE, "PENDING", GONE]
    assert {state.state for state in states(["9999999", "9999998"]).values()} == {GONE}


def test_a_filter_of_the_users_hides_no_job(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQUEUE_PARTITION", "another")
    assert state_of(cluster.submit("--hold")).state == "PENDING"


def test_a_controller_that_is_down_is_said_to_be(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = cluster.sandbox.directory / "etc" / "slurm.conf"
    lines = configured.read_text().splitlines()
    away = {"SlurmctldPort": "1", "MessageTimeout": "1"}  # nobody listens on port 1
    kept = [line for line in lines if line.partition("=")[0] not in away]
    for name in ("cgroup.conf", "plugstack.conf", "gres.conf"):
        (tmp_path / name).write_text((configured.parent / name).read_text())
    dead = tmp_path / "slurm.conf"
    dead.write_text("\n".join([*kept, *(f"{key}={value}" for key, value in away.items())]))
    monkeypatch.setenv("SLURM_CONF", str(dead))
    with pytest.raises(QueueError, match="connect failure"):
        states(["1"])


def forgetful(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Slurm five minutes later: squeue knows no job any more, sacct answers as it does."""
    if command[0] == "squeue":
        return subprocess.CompletedProcess(command, 1, "", UNKNOWN)
    return run_command(command)


@pytest.mark.skipif(ACCOUNTING, reason="the shared Slurm has accounting")
def test_without_accounting_a_job_that_squeue_forgot_is_gone(cluster: Cluster) -> None:
    job = cluster.submit()
    ended(job)
    assert states([job], forgetful)[job] == JobState(job, GONE)


def test_with_accounting_a_job_that_squeue_forgot_is_known(with_accounting: Cluster) -> None:
    done = with_accounting.submit()
    failed = with_accounting.submit(script="exit 7")
    no_log = with_accounting.submit(output="/proc/no-such-directory/x.out")
    held = with_accounting.submit("--hold", "--array=0-3")
    with_accounting.tell("scancel", held)
    ids = [done, failed, no_log, f"{held}_0", f"{held}_3"]
    for job in ids:
        ended(job)
    # What ended reaches the database a moment later.
    names = ["COMPLETED", "FAILED", "FAILED", "CANCELLED", "CANCELLED"]
    wait_for(lambda: [state.state for state in states(ids, forgetful).values()] == names)
    found = states(ids, forgetful)
    assert found[done].nodes in ("sim01", "sim02")
    assert found[failed].reason == "NonZeroExitCode"
    assert "could not open its log" in outcome(found[no_log])[0]


@pytest.fixture
def short_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A Slurm of its own with accounting, whose controller forgets a job at once."""
    for sandbox in shared(Shape(nodes=2, accounting=True)):
        configured = sandbox.directory / "etc" / "slurm.conf"
        configured.write_text(configured.read_text().replace("MinJobAge=300", "MinJobAge=2"))
        slurm(sandbox, "scontrol", "reconfigure")
        yield from entered(sandbox, monkeypatch)


def test_what_the_controller_forgets_accounting_knows(short_memory: Cluster) -> None:
    failed = short_memory.submit(script="exit 7")
    lost = short_memory.submit(f"--dependency=afterok:{failed}", "--kill-on-invalid-dep=yes")
    queued = ("squeue", "--noheader", "--states=all")
    wait_for(lambda: not slurm(short_memory.sandbox, *queued).stdout.strip())
    found = states([failed, lost])
    assert [state.state for state in found.values()] == ["FAILED", "CANCELLED"]
    assert "depended on had failed" in outcome(found[lost])[0]
