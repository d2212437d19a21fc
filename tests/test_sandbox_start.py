"""Where a private Slurm may be, and what it needs: where it cannot be, a sentence says why."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from patience import HANG
from sandbox_parts import NOBODY, SMALL, directory, naming, refusal
from slurm import require_slurm, slurm

from workshop.slurm.sandbox import (
    SandboxError,
    Shape,
    config,
    default_directory,
    down,
    lifecycle,
    network,
    place,
    programs,
    up,
)
from workshop.slurm.sandbox.daemons import Daemons, PortTakenError, telling

__all__ = ["directory"]  # a fixture

# Places that are refused


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


# Programs that are missing


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


def test_the_error_before_a_fatal_one_is_told_too(tmp_path: Path) -> None:
    """Slurm 26.05 names the plugin in the former only."""
    log(
        tmp_path,
        "[2026-11-30T09:42:53.867] slurmctld version 26.05.5 started on cluster sandbox(0)",
        "[2026-11-30T09:42:53.869] error: cannot create select context for select/nope",
        "[2026-11-30T09:42:53.869] fatal: failed to initialize node selection plugin",
    )
    assert telling(tmp_path, "slurmctld") == (
        "fatal: failed to initialize node selection plugin "
        "(error: cannot create select context for select/nope)"
    )


# Ports


@pytest.mark.parametrize("daemon", ["slurmctld", "slurmdbd", "sim01"])
def test_other_ports_are_taken_if_somebody_was_quicker(
    daemon: str, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = Shape(nodes=1, accounting=SMALL.accounting or daemon == "slurmdbd")
    require_slurm(shape)
    free = lifecycle.free_ports
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = {daemon: taken.getsockname()[1]}
        answers = iter([lambda names: free(names) | busy, free])
        monkeypatch.setattr(lifecycle, "free_ports", lambda names: next(answers)(names))
        sandbox = up(directory, shape)
    assert "idle" in slurm(sandbox, "sinfo").stdout


@pytest.mark.parametrize(
    "lines",
    [
        [  # 22.05
            "[2026-11-30T09:31:14.487] error: Error binding slurm stream socket: Address already "
            "in use",
            "[2026-11-30T09:31:14.487] fatal: slurm_init_msg_engine_port error Address already in "
            "use",
        ],
        [  # 24.11 and 26.05
            "[2026-11-30T09:32:24.812] error: Error binding slurm stream socket: Address already "
            "in use",
            "[2026-11-30T09:32:24.812] fatal: _open_ports: Unable to listen to file descriptors. "
            "Existing slurmctld process likely already is listening on the ports.",
        ],
        [  # the same, where another thread writes in between
            "[2026-11-30T09:32:24.812] error: Error binding slurm stream socket: Address already "
            "in use",
            "[2026-11-30T09:32:24.812] slurmscriptd: running",
            "[2026-11-30T09:32:24.812] fatal: _open_ports: Unable to listen to file descriptors. "
            "Existing slurmctld process likely already is listening on the ports.",
        ],
    ],
)
def test_a_taken_port_is_known_by_what_any_version_says(lines: list[str], tmp_path: Path) -> None:
    log(tmp_path, *lines)
    with pytest.raises(PortTakenError):
        Daemons(tmp_path, {}).fail("slurmctld", "slurmctld ended")


def log(directory: Path, *lines: str) -> None:
    """What slurmctld has written."""
    (directory / "log").mkdir()
    (directory / "log" / "slurmctld.log").write_text("\n".join(lines) + "\n")


def test_a_daemon_listens_if_it_does_so_itself() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert not network.listens(os.getpid(), port)
        taken.listen()
        assert network.listens(os.getpid(), port)
        assert not network.listens(os.getppid(), port)
    assert not network.listens(os.getpid(), port)
    assert not network.listens(2**22 + 1, port)  # no process has this number


# Networks


ALONE = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]


def test_a_machine_without_a_network_is_refused_at_once(directory: Path) -> None:
    """Where the loopback's is the only address, Slurm cannot even resolve 127.0.0.1."""
    if subprocess.run([*ALONE, "true"], capture_output=True).returncode:
        pytest.skip("no network namespace can be made here")
    command = [sys.executable, "-m", "workshop", "sandbox", "up", "--directory", str(directory)]
    done = subprocess.run([*ALONE, *command], text=True, capture_output=True, timeout=HANG)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Slurm needs an IPv4 address besides the loopback's, and")
    assert len(done.stderr.splitlines()) == 1
    assert list(directory.iterdir()) == []
    advice = done.stderr.split("'")[-2]
    assert advice.startswith("ip address add ")
    check = "from workshop.slurm.sandbox import network; network.check()"
    ask = f"{advice} && exec {sys.executable} -c '{check}'"
    subprocess.run([*ALONE, "sh", "-c", ask], check=True)


# Job numbers


def test_no_two_sandboxes_count_the_same() -> None:
    """The numbers have six digits, and go up by one a second."""
    now = time.time()
    assert lifecycle.first_job(now + 1) - lifecycle.first_job(now) in (1, -899_999)
    first = {lifecycle.first_job(now + day * 86_400) for day in range(10)}
    assert len(first) == 10
    assert all(len(str(number)) == 6 for number in first)
