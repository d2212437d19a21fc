"""A private Slurm: its user's alone, it runs jobs as a cluster does, and leaves nothing."""

from __future__ import annotations

import datetime
import os
import pwd
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from patience import HANG, wait_for
from sandbox_parts import SMALL, directory, naming, refusal, step_daemons, submit
from slurm import require_slurm, short_directory, slurm, state

import workshop
from workshop.slurm.sandbox import Sandbox, SandboxError, Shape, cgroups, down, up
from workshop.slurm.sandbox.root import VARIABLE

__all__ = ["directory"]  # a fixture


def test_a_job_runs_and_nothing_is_left(directory: Path) -> None:
    sandbox = up(directory, SMALL)
    job = submit(sandbox, "test $CUDA_VISIBLE_DEVICES = 0,1", "--gpus-per-node=2")
    assert int(job) >= 100_000  # no earlier sandbox's
    wait_for(lambda: state(sandbox, job) == "COMPLETED")
    seconds = 1_000_000 + os.getpid()  # no other run's
    script = f"env --ignore-environment setsid sleep {seconds} & sleep {seconds}"
    endless = submit(sandbox, script)
    wait_for(lambda: state(sandbox, endless) == "RUNNING" and naming(f"sleep\0{seconds}"))
    down(directory)
    assert not directory.exists()
    assert naming(str(directory)) == []
    assert naming(f"sleep\0{seconds}") == []


def test_everything_is_for_its_user_only(sandbox: Sandbox) -> None:
    assert sandbox.directory.stat().st_mode & 0o777 == 0o700
    ports = config_value(sandbox, "Port") + config_value(sandbox, "SlurmctldPort")
    listening = [
        line.split()[1]
        for line in Path("/proc/net/tcp").read_text().splitlines()
        if line.split()[3] == "0A"
    ]
    addresses = {row.split(":")[0] for row in listening if str(int(row.split(":")[1], 16)) in ports}
    if socket.gethostbyname(socket.gethostname()) == "127.0.0.1":
        assert addresses == {"0100007F"}  # the same


def config_value(sandbox: Sandbox, key: str) -> list[str]:
    words = Path(sandbox.environment()["SLURM_CONF"]).read_text().split()
    return [word.partition("=")[2] for word in words if word.partition("=")[0] == key]


def test_a_job_of_the_course_spans_the_reserved_nodes(sandbox: Sandbox, tmp_path: Path) -> None:
    output = tmp_path / "nodes"
    script = "srun sh -c 'echo $SLURMD_NODENAME $CUDA_VISIBLE_DEVICES'"
    options = ("--reservation=edu20", "--nodes=3", "--gpus-per-node=4", "--wait")
    submit(sandbox, script, *options, f"--output={output}")
    assert sorted(output.read_text().splitlines()) == [f"sim0{n} 0,1,2,3" for n in (3, 4, 5)]


def test_a_job_without_the_reservation_runs_beside_it(sandbox: Sandbox, tmp_path: Path) -> None:
    output = tmp_path / "nodes"
    submit(
        sandbox,
        "srun hostname; scontrol show hostnames",
        "--nodes=2",
        "--wait",
        f"--output={output}",
    )
    assert output.read_text().split()[-2:] == ["sim01", "sim02"]
    three = submit(sandbox, "true", "--nodes=3")
    wait_for(lambda: slurm(sandbox, "squeue", "-h", "-o%r", "-j", three).stdout.strip() != "None")
    assert state(sandbox, three) == "PENDING"
    slurm(sandbox, "scancel", three)


def test_a_time_beyond_the_partition_is_refused(sandbox: Sandbox) -> None:
    done = slurm(sandbox, "sbatch", "--time=25:00:00", "--wrap=true", check=False)
    assert done.returncode != 0
    assert "Requested time limit is invalid" in done.stderr


def test_a_job_that_depends_on_another_starts_soon_after_it(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """By Slurm's own clock; where nothing is set, it looks for jobs to start once a minute."""
    go = tmp_path / "go"
    first = submit(sandbox, f"until test -e {go}; do sleep 0.1; done")
    second = submit(sandbox, "true", f"--dependency=afterok:{first}")
    assert state(sandbox, second) == "PENDING"
    go.touch()
    wait_for(lambda: state(sandbox, second) == "COMPLETED")
    assert moment(sandbox, second, "StartTime") - moment(sandbox, first, "EndTime") < SOON


SOON = datetime.timedelta(seconds=30)


def moment(sandbox: Sandbox, job: str, what: str) -> datetime.datetime:
    """A time that Slurm knows of a job, to the second."""
    shown = slurm(sandbox, "scontrol", "--oneliner", "show", "job", job).stdout
    return datetime.datetime.fromisoformat(shown.split(f" {what}=")[1].split()[0])


def test_accounting_knows_jobs_and_refuses_other_accounts(accounting_sandbox: Sandbox) -> None:
    sandbox = accounting_sandbox
    job = submit(sandbox, "exit 3")
    command = ("sacct", "-X", "-n", "-P", "--format=State,ExitCode,Account", f"--jobs={job}")
    wait_for(lambda: slurm(sandbox, *command).stdout.strip() == "FAILED|3:0|edu20")
    done = slurm(sandbox, "sbatch", "--account=other", "--wrap=true", check=False)
    assert "Invalid account" in done.stderr
    assert 'account = "edu20"' in Path(sandbox.environment()["WORKSHOP_CLUSTER"]).read_text()


def test_memory_limits_end_a_job_and_leave_no_control_group(directory: Path) -> None:
    try:
        cgroups.check(SMALL.node_names)
    except SandboxError as error:
        pytest.skip(str(error))
    sandbox = up(directory, Shape(nodes=2, enforce_memory=True))
    job = submit(sandbox, f"{sys.executable} -c 'print(len(bytearray(200_000_000)))'", "--mem=50M")
    wait_for(lambda: state(sandbox, job) == "OUT_OF_MEMORY")
    submit(sandbox, "sleep 1234")
    wait_for(lambda: step_daemons(sandbox))
    down(directory)
    assert not any(cgroups.groups(node) for node in SMALL.node_names)


def test_two_sandboxes_know_nothing_of_each_other(directory: Path, sandbox: Sandbox) -> None:
    other = up(directory, SMALL)
    job = submit(sandbox, "sleep 1234")
    mine = submit(other, "sleep 1234")
    wait_for(lambda: state(other, mine) == "RUNNING")
    assert "sim05" not in slurm(other, "sinfo", "-N").stdout
    down(directory)
    wait_for(lambda: state(sandbox, job) == "RUNNING")
    slurm(sandbox, "scancel", job)


def test_a_second_one_in_the_same_place_is_refused(sandbox: Sandbox) -> None:
    message = refusal(sandbox.directory)
    assert "already up" in message
    assert f"workshop sandbox shell --directory {sandbox.directory}" in message
    assert "idle" in slurm(sandbox, "sinfo").stdout


# Slurm 26.05 takes 65534, nobody, for no user at all.
ORDINARY = next(user.pw_uid for user in pwd.getpwall() if 0 < user.pw_uid < 65534)


def test_an_ordinary_user_has_one_too() -> None:
    """Our own files and Python may be closed to that user, so both are chosen anew."""
    require_slurm()
    if os.getuid() != 0:
        pytest.skip("all other tests run as an ordinary user here")
    folder = short_directory()
    try:
        package = folder / "workshop"
        shutil.copytree(Path(workshop.__file__).parent / "slurm/sandbox", package / "slurm/sandbox")
        (package / "__init__.py").touch()
        (package / "slurm" / "__init__.py").touch()
        home = folder / "home"
        home.mkdir()
        os.chown(home, ORDINARY, ORDINARY)
        subprocess.run(["chmod", "--recursive", "a+rX", folder], check=True)
        script = (
            "import os, subprocess; from pathlib import Path\n"
            "from workshop.slurm.sandbox import Shape, down, up\n"
            "sandbox = up(Path('sandbox').absolute(), Shape(nodes=2))\n"
            "environment = {**os.environ, **sandbox.environment()}\n"
            "subprocess.run(['sbatch', '--wait', '--output=out', '--reservation=edu20',\n"
            "                '--wrap=srun id --user'], env=environment, check=True)\n"
            "subprocess.run(['sbatch', '--output=/dev/null', '--wrap=sleep 1234'],\n"
            "               env=environment, check=True)\n"
            "down(sandbox.directory)\n"
            "print(Path('out').read_text(), os.listdir())\n"
        )
        done = as_ordinary(ordinary_python(), "-B", "-c", script, cwd=home, PYTHONPATH=str(folder))
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-2:] == [str(ORDINARY), " ['out']"]
        assert naming(str(folder)) == []
    finally:
        shutil.rmtree(folder)


def as_ordinary(*command: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    user = ["setpriv", f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups"]
    root = {name: os.environ[name] for name in (VARIABLE,) if name in os.environ}
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(cwd), **root, **variables}
    return subprocess.run(
        [*user, *command], cwd=cwd, env=environment, text=True, capture_output=True, timeout=HANG
    )


def ordinary_python() -> str:
    """A Python new enough that everybody may run."""
    question = "import sys; sys.exit(sys.version_info < (3, 11))"
    for python in (os.path.realpath(sys.executable), "/usr/bin/python3", "/usr/local/bin/python3"):
        if as_ordinary(python, "-c", question, cwd=Path("/")).returncode == 0:
            return python
    return pytest.fail("no Python 3.11 that an ordinary user may run")
