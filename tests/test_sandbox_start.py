"""Where a private Slurm may be, and what it needs: where it cannot be, a sentence says why."""

from __future__ import annotations

import os
import socket
from contextlib import closing
from pathlib import Path

import pytest
from sandbox_parts import NOBODY, SMALL, directory, naming, refusal
from slurm import require_slurm, slurm

from workshop.slurm.sandbox import (
    SandboxError,
    Shape,
    config,
    default_directory,
    down,
    lifecycle,
    place,
    programs,
    up,
)

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
