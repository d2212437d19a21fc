"""A private Slurm: real daemons come up, run a job, and leave nothing, however they end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from slurm import require_slurm, short_directory, slurm, state, wait_for

import workshop
from workshop.slurm.sandbox import (
    Sandbox,
    SandboxError,
    Shape,
    cgroups,
    config,
    default_directory,
    down,
    lifecycle,
    place,
    processes,
    programs,
    up,
)
from workshop.slurm.sandbox.config import Host

SMALL = Shape(nodes=2, gpus_per_node=2)
NOBODY = 65534


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory for a sandbox of the test's own, which need not be taken down."""
    require_slurm()
    path = short_directory()
    yield path
    if place.is_sandbox(path):
        down(path)
    shutil.rmtree(path, ignore_errors=True)


def submit(sandbox: Sandbox, script: str, *options: str) -> str:
    command = ("sbatch", "--parsable", "--output=/dev/null", *options, f"--wrap={script}")
    return slurm(sandbox, *command).stdout.strip()


def run_workshop(*arguments: str | Path, **kw: object) -> subprocess.CompletedProcess[str]:
    """The command line, as a process of its own."""
    command = [sys.executable, "-m", "workshop", *map(str, arguments)]
    return subprocess.run(command, text=True, capture_output=True, timeout=60, **kw)  # type: ignore[call-overload]


def naming(text: str) -> list[int]:
    """Processes that have the text in their environment or their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        for name in ("environ", "cmdline"):
            try:
                if text.encode() in (entry / name).read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def daemon(sandbox: Sandbox, name: str) -> int:
    return int((sandbox.directory / "run" / f"{name}.pid").read_text())


def step_daemons(sandbox: Sandbox) -> list[int]:
    """The slurmstepds of running jobs."""
    return [pid for pid in processes.find(sandbox.directory) if "slurmstepd" in program(pid)]


def program(pid: int) -> str:
    """What a process runs; nothing where it has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""


# A sandbox that runs.


def test_a_job_runs_and_nothing_is_left(directory: Path) -> None:
    sandbox = up(directory, SMALL)
    job = submit(sandbox, "test $CUDA_VISIBLE_DEVICES = 0,1", "--gpus-per-node=2")
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


def test_a_job_that_depends_on_another_starts_soon_after_it(sandbox: Sandbox) -> None:
    first = submit(sandbox, "sleep 1")
    second = submit(sandbox, "true", f"--dependency=afterok:{first}")
    assert state(sandbox, second) == "PENDING"
    wait_for(lambda: state(sandbox, second) == "COMPLETED", 10)


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
        os.chown(home, NOBODY, NOBODY)
        subprocess.run(["chmod", "--recursive", "a+rX", folder], check=True)
        script = (
            "import os, subprocess; from pathlib import Path\n"
            "from workshop.slurm.sandbox import Shape, down, up\n"
            "sandbox = up(Path('sandbox').absolute(), Shape(nodes=2))\n"
            "environment = {**os.environ, **sandbox.environment()}\n"
            "subprocess.run(['sbatch', '--wait', '--output=out', '--reservation=edu20',\n"
            "                '--wrap=srun id --user'], env=environment, check=True)\n"
            "subprocess.run(['sbatch', '--wrap=sleep 1234'], env=environment, check=True)\n"
            "down(sandbox.directory)\n"
            "print(Path('out').read_text(), os.listdir())\n"
        )
        done = as_nobody(python_of_nobody(), "-B", "-c", script, cwd=home, PYTHONPATH=str(folder))
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-2:] == [str(NOBODY), " ['out']"]
        assert naming(str(folder)) == []
    finally:
        shutil.rmtree(folder)


def as_nobody(*command: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(cwd), **variables}
    return subprocess.run(
        [*user, *command], cwd=cwd, env=environment, text=True, capture_output=True, timeout=60
    )


def python_of_nobody() -> str:
    """A Python new enough that everybody may run."""
    question = "import sys; sys.exit(sys.version_info < (3, 11))"
    for python in (os.path.realpath(sys.executable), "/usr/bin/python3", "/usr/local/bin/python3"):
        if as_nobody(python, "-c", question, cwd=Path("/")).returncode == 0:
            return python
    return pytest.fail("no Python 3.11 that an ordinary user may run")


# One that is killed.


def test_nothing_survives_the_death_of_its_daemons(directory: Path) -> None:
    sandbox = up(directory, SMALL)
    job = submit(sandbox, "/bin/sleep 1234", "--nodelist=sim01", "--export=NONE")
    wait_for(lambda: state(sandbox, job) == "RUNNING" and step_daemons(sandbox))
    for pid in (*step_daemons(sandbox), daemon(sandbox, "slurmctld"), daemon(sandbox, "sim01")):
        os.kill(pid, signal.SIGKILL)
    assert "already up" in refusal(directory)
    down(directory)
    assert not directory.exists()
    assert naming(str(directory)) == []


def test_what_is_left_without_any_process_is_removed_too(directory: Path) -> None:
    sandbox = up(directory, SMALL)
    processes.stop(sandbox.directory)
    assert "does not run any more" in refusal(directory)
    down(directory)
    assert not directory.exists()


def test_daemons_are_ended_even_without_their_directory(directory: Path) -> None:
    sandbox = up(directory, SMALL)
    shutil.rmtree(sandbox.directory)
    assert processes.find(directory)
    down(directory)
    assert naming(str(directory)) == []


def test_it_ends_with_the_process_that_it_was_made_for(directory: Path) -> None:
    with subprocess.Popen(["sleep", "1234"]) as guarded:
        sandbox = up(directory, SMALL, guard=guarded.pid)
        job = submit(sandbox, "sleep 1234")
        wait_for(lambda: state(sandbox, job) == "RUNNING")
        guarded.kill()
        wait_for(lambda: not directory.exists(), 5)
    wait_for(lambda: naming(str(directory)) == [], 5)


def test_a_command_killed_on_the_way_leaves_nothing(directory: Path) -> None:
    command = [sys.executable, "-m", "workshop", "sandbox", "shell", "--directory", str(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as shell:
        wait_for(lambda: (directory / "etc").exists())
        shell.kill()
    wait_for(lambda: not directory.exists() and naming(str(directory)) == [], 10)


def test_what_a_user_runs_beside_it_is_never_killed(directory: Path) -> None:
    """Such as a shell in the sandbox, which has its variables, or the shell of salloc."""
    sandbox = up(directory, SMALL)
    inside = {**os.environ, **sandbox.environment()}
    with (
        subprocess.Popen(["sleep", "1234"], env=inside) as shell,
        subprocess.Popen(["sleep", "1234"], env={**inside, "SLURM_JOB_ID": "1"}) as allocation,
    ):
        down(directory)
        assert shell.poll() is None
        assert allocation.poll() is None
        shell.kill()
        allocation.kill()


# Places that are refused.


def refusal(directory: Path) -> str:
    with pytest.raises(SandboxError) as error:
        up(directory, SMALL)
    return str(error.value)


def test_a_second_one_in_the_same_place_is_refused(sandbox: Sandbox) -> None:
    message = refusal(sandbox.directory)
    assert "already up" in message
    assert f"workshop sandbox shell --directory {sandbox.directory}" in message
    assert "idle" in slurm(sandbox, "sinfo").stdout


def test_a_directory_with_other_things_is_left_alone(directory: Path) -> None:
    (directory / "thesis.tex").write_text("mine")
    assert "not empty" in refusal(directory)
    with pytest.raises(SandboxError, match="not a sandbox"):
        down(directory)
    assert [path.name for path in directory.iterdir()] == ["thesis.tex"]


def test_a_link_or_a_file_is_no_place(directory: Path) -> None:
    (directory / "real").mkdir()
    (directory / "link").symlink_to(directory / "real")
    (directory / "file").touch()
    assert "symbolic link" in refusal(directory / "link")
    assert "file" in refusal(directory / "file")
    assert "file" in refusal(directory / "file" / "below")
    with pytest.raises(SandboxError, match="not a sandbox"):
        down(directory / "file")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_another_user_is_left_alone(directory: Path) -> None:
    theirs = directory / "theirs"
    theirs.mkdir()
    (theirs / place.MARKER).touch()
    os.chown(theirs, NOBODY, NOBODY)
    with pytest.raises(SandboxError, match="not a sandbox of yours"):
        down(theirs)
    (theirs / place.MARKER).unlink()
    assert "another user" in refusal(theirs)
    assert theirs.exists()


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    assert "too long for Slurm's sockets" in refusal(Path("/tmp") / ("x" * 80))
    assert "plain letters" in refusal(Path("/tmp/a b"))


def test_the_usual_place_is_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/scratch")
    assert default_directory() == Path(f"/scratch/workshop-sandbox-{os.getuid()}")
    monkeypatch.delenv("TMPDIR")
    assert default_directory() == Path(f"/tmp/workshop-sandbox-{os.getuid()}")


# Programs that are missing.


def test_missing_programs_are_named_with_their_packages(tmp_path: Path) -> None:
    for name in ("sbatch", "scontrol", "sinfo", "squeue", "munged"):
        program = tmp_path / name
        program.touch(mode=0o755)
    with pytest.raises(SandboxError) as error:
        programs.find(Shape(), str(tmp_path))
    message = str(error.value)
    assert message.splitlines()[0].endswith(": slurmctld, slurmd, slurmstepd")
    assert "apt-get install --no-install-recommends slurmctld slurmd\n" in message
    assert "dnf install slurm-slurmctld slurm-slurmd" in message
    assert "mariadb" not in message
    with pytest.raises(SandboxError, match=r"mariadbd.*mariadb-server-core"):
        programs.find(Shape(accounting=True), str(tmp_path))


def test_daemons_are_found_where_the_path_of_a_user_does_not_lead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require_slurm()
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert programs.find(Shape(), programs.search_path())["slurmctld"].endswith("slurmctld")


def test_a_daemon_that_does_not_start_is_one_sentence_and_leaves_nothing(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = config.slurm_conf
    monkeypatch.setattr(config, "slurm_conf", lambda *a: broken(*a) + "SelectType=select/nope\n")
    message = refusal(directory)
    assert message.startswith("slurmctld ended: fatal: ")
    assert "select/nope" in message
    assert "\n" not in message
    assert not directory.exists()
    assert naming(str(directory)) == []


def test_other_ports_are_taken_if_somebody_was_quicker(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = dict.fromkeys(("slurmctld", *SMALL.node_names), taken.getsockname()[1])
        free = lifecycle.free_ports
        answers = iter([lambda names: busy, free])
        monkeypatch.setattr(lifecycle, "free_ports", lambda names: next(answers)(names))
        sandbox = up(directory, SMALL)
    assert "idle" in slurm(sandbox, "sinfo").stdout


# The command line.


def test_the_command_says_what_to_type_next(directory: Path) -> None:
    where = ("--directory", directory)
    done = run_workshop("sandbox", "up", *where, "--nodes", "2", "--gpus", "1")
    assert done.returncode == 0, done.stderr
    assert f"export SLURM_CONF={directory}/etc/slurm.conf WORKSHOP_CLUSTER=" in done.stdout
    assert f"workshop sandbox shell --directory {directory}" in done.stdout
    assert "workshop submit compile --reservation edu20" in done.stdout
    again = run_workshop("sandbox", "up", *where)
    assert again.returncode == 1
    assert again.stderr.startswith("Error: a sandbox is already up")
    assert len(again.stderr.splitlines()) == 1
    assert "is down" in run_workshop("sandbox", "down", *where).stdout
    none = run_workshop("sandbox", "down", *where)
    assert (none.returncode, none.stdout) == (0, f"No sandbox is up in {directory}.\n")


def test_the_command_gives_its_environment_to_programs(directory: Path) -> None:
    done = run_workshop("sandbox", "up", "--directory", directory, "--nodes=1", "--json")
    answer = json.loads(done.stdout)
    assert answer == {
        "directory": str(directory),
        "environment": Sandbox(directory).environment(),
    }
    assert "edu20" in slurm(Sandbox(directory), "scontrol", "show", "reservation").stdout


def test_a_wrong_option_is_a_matter_of_usage() -> None:
    assert run_workshop("sandbox", "up", "--nodes", "0").returncode == 2


@pytest.mark.parametrize(
    "last", ["exit 3", f"{sys.executable} -m workshop sandbox down --directory $D; exit 3"]
)
def test_a_shell_has_a_sandbox_while_it_runs(directory: Path, last: str) -> None:
    script = f"squeue\nenv | grep SLURM\n{last}\n"
    environment = {**os.environ, "SHELL": "/bin/bash", "SLURM_JOB_ID": "7", "D": str(directory)}
    command = ("sandbox", "shell", "--nodes=1", "--directory", directory)
    done = run_workshop(*command, input=script, env=environment)
    assert done.returncode == 3, done.stderr
    assert "JOBID PARTITION" in done.stdout
    assert f"SLURM_CONF={directory}/etc/slurm.conf" in done.stdout
    assert "SLURM_JOB_ID" not in done.stdout  # of a job on a real cluster
    assert not directory.exists()
    assert naming(str(directory)) == []


def test_a_shell_joins_a_sandbox_that_is_up_and_leaves_it_up(directory: Path) -> None:
    up(directory, SMALL)
    environment = {**os.environ, "SHELL": "/bin/bash"}
    command = ("sandbox", "shell", "--directory", directory)
    done = run_workshop(*command, input="kill -9 $$\n", env=environment)
    assert done.returncode == 128 + signal.SIGKILL
    assert "idle" in slurm(Sandbox(directory), "sinfo").stdout


# What is written for Slurm.


def host_for(shape: Shape) -> Host:
    names = ["slurmctld", "slurmdbd", *shape.node_names]
    ports = {name: 20000 + number for number, name in enumerate(names)}
    return Host("login1", True, "ada", ports)


@pytest.mark.parametrize(
    ("nodes", "reserved"),
    [
        (1, ["sim01"]),
        (2, ["sim02"]),
        (3, ["sim03"]),
        (5, ["sim03", "sim04", "sim05"]),
    ],
)
def test_all_nodes_but_two_are_reserved(nodes: int, reserved: list[str]) -> None:
    assert Shape(nodes=nodes).reserved_nodes == reserved


def test_every_node_has_a_line_and_a_port_of_its_own() -> None:
    shape = Shape(nodes=12, gpus_per_node=3)
    text = config.slurm_conf(Path("/d"), shape, host_for(shape))
    lines = [line for line in text.splitlines() if line.startswith("NodeName=")]
    assert len(lines) == 12
    assert len({word for line in lines for word in line.split() if word.startswith("Port=")}) == 12
    assert all("Gres=gpu:3" in line for line in lines)
    assert "File=/d/dev/nvidia[0-2]" in config.gres_conf(Path("/d"), shape)


def test_accounting_and_limits_are_there_only_if_asked_for() -> None:
    plain = config.slurm_conf(Path("/d"), Shape(), host_for(Shape()))
    assert "accounting_storage/none" in plain
    assert "cgroup" not in plain
    assert "Constrain" not in config.cgroup_conf(Shape())
    shape = Shape(accounting=True, enforce_memory=True)
    full = config.slurm_conf(Path("/d"), shape, host_for(shape))
    assert "AccountingStorageEnforce=associations" in full
    assert "TaskPlugin=task/cgroup" in full
    assert "ConstrainRAMSpace=yes" in config.cgroup_conf(shape)


def test_the_cluster_is_described_for_submit() -> None:
    described = tomllib.loads(config.workshop_toml(Path("/d"), Shape()))
    assert described.pop("description").startswith("A simulated cluster on this machine")
    assert described == {
        "name": "sandbox",
        "slurm": {"partition": "a100", "time": "00:30:00", "cpus_per_task": 2},
        "gpus": {"request": "gpus", "per_node": 4, "kind": "simulated"},
        "paths": {"runs": "/d/runs"},
    }
