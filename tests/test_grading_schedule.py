"""Workers: one that dies takes nothing along, and a Slurm array comes to the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from grading_parts import SOLUTION, sums_order, write
from patience import wait_for

from workshop.grading import store
from workshop.grading.array import done_by, missing, on_slurm, request_on
from workshop.grading.attempt import Done, GradingJob, Order, Ran, code_digests, digests
from workshop.grading.records import Participant
from workshop.grading.schedule import Lost, in_processes
from workshop.judge.isolation import strongest
from workshop.slurm.cluster.description import Cluster, Environment
from workshop.slurm.job.request import Wishes
from workshop.slurm.sandbox import Sandbox

KILLS = SOLUTION.replace("2 * x", "'kill the judge'")


def job(order: Order, folder: Path, name: str, code: str) -> GradingJob:
    write(folder / name, {"sums/exercise.py": code})
    named = digests(folder / name, 1, order, code_digests(order))
    return GradingJob(Participant(name), folder / name, 1, named)


def passed(order: Order, job: GradingJob) -> int:
    ran = store.stored(order.work, job.exercises["sums"], Ran)
    return sum(one.status == "passed" for one in ran.checks) if ran else -1


@pytest.fixture(autouse=True)
def among_hostile_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the command may do so in a folder of submissions."""
    names = ("socket.py", "pickle.py", "multiprocessing.py", "submitit.py", "torch.py")
    folder = write(tmp_path / "in", dict.fromkeys(names, "raise SystemExit('hostile')\n"))
    monkeypatch.chdir(folder)


def test_a_worker_that_dies_loses_only_its_own_job_and_that_not_at_once(tmp_path: Path) -> None:
    order = sums_order(tmp_path)
    codes = {"eve": KILLS, "ada": SOLUTION}
    jobs = [job(order, tmp_path, name, code) for name, code in codes.items()]
    became = [(done.participant.id, what) for done, what in in_processes(jobs, order, 1)]
    assert [name for name, _ in became] == ["ada", "eve"]  # who was tried once more, at the end
    assert isinstance(became[0][1], Done)
    assert became[1][1] == Lost("the process that graded it ended by SIGKILL")
    assert [passed(order, one) for one in jobs] == [-1, 5]


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    program = """
        import sys
        from pathlib import Path
        from grading_parts import sums_order
        from test_grading_schedule import job
        from workshop.grading.schedule import in_processes

        if __name__ == "__main__":
            place = Path(sys.argv[1])
            order = sums_order(place)
            jobs = [job(order, place, str(i), f"import time\\ntime.sleep(99)  # {i}") for i in "ab"]
            list(in_processes(jobs, order, 1))
    """
    file = tmp_path / "program.py"
    file.write_text(textwrap.dedent(program))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    process = subprocess.Popen([sys.executable, file, str(tmp_path)], env=environment)
    below = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    workers = wait_for(lambda: below.read_text().split())
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for(lambda: not any(is_at_work(pid) for pid in workers))


def is_at_work(pid: str) -> bool:
    """Whether a process is there and has not ended, even if nobody has asked how."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def test_a_share_that_is_started_again_goes_on_where_it_was(tmp_path: Path) -> None:
    order = sums_order(tmp_path)
    one = job(order, tmp_path, "ada", SOLUTION)
    assert (missing(one, order.work), done_by(one, order.work)) == (one, None)
    store.keep(order.work, one.exercises["sums"], Ran("sums", True, [], 0.5))
    assert missing(one, order.work).exercises == {}
    assert done_by(one, order.work) == Done({"sums": 0.5})


def test_an_array_on_slurm_grades_into_the_same_store_behind_the_same_walls(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)
    order = sums_order(tmp_path, strongest())
    neighbour = tmp_path / "ada" / "sums" / "exercise.py"
    codes = {
        "ada": SOLUTION,
        "bob": f"{SOLUTION}# bob\n",
        "eve": f"exec(open({str(neighbour)!r}).read())\n",
    }
    jobs = [job(order, tmp_path, name, code) for name, code in codes.items()]
    cluster = Cluster(environment=Environment(python=sys.executable))
    request = request_on(cluster, Wishes(time="5"), order.work)
    became = {
        done.participant.id: what for done, what in on_slurm(jobs, order, 1, cluster, request)
    }
    assert {name: type(what) for name, what in became.items()} == dict.fromkeys(codes, Done)
    can_read = order.isolation == "process"  # which docs/isolation.md says
    assert [passed(order, one) for one in jobs] == [5, 5, 5 if can_read else 0]
