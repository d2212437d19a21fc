"""A sandbox whose Slurm comes from the root of another system, here made of this one's files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import HANG, wait_for
from sandbox_parts import directory, naming, submit
from slurm import short_directory, slurm, state

from workshop.slurm.sandbox import Sandbox, SandboxError, Shape, programs, root, up

__all__ = ["directory"]  # a fixture

SHAPE = Shape(nodes=2, gpus_per_node=2)
COMMANDS = ("srun", "scancel")


@pytest.fixture(scope="module")
def copied() -> Iterator[Path]:
    """A root with this machine's Slurm in it, and nothing of the rest of this machine."""
    plugins = next(iter(Path("/usr").glob("lib*/**/slurm*/auth_munge.so")), None)
    try:
        tools = programs.find(SHAPE, programs.search_path())
    except SandboxError as error:
        pytest.skip(str(error).splitlines()[0])
    assert plugins
    folder = short_directory()
    for name, file in {**tools, **{name: str(shutil.which(name)) for name in COMMANDS}}.items():
        copy(file, folder / "usr" / "bin" / name)
        for library in libraries(file):
            copy(library, folder / "usr" / "lib64" / Path(library).name)
    shutil.copytree(plugins.parent, folder / plugins.parent.relative_to("/"))
    for library in libraries(plugins):
        copy(library, folder / "usr" / "lib64" / Path(library).name)
    yield folder
    shutil.rmtree(folder)


def copy(file: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, target)


def libraries(program: str | Path) -> list[str]:
    """The libraries of a program and its loader, as ldd finds them."""
    shown = subprocess.run(["ldd", program], text=True, capture_output=True, check=True).stdout
    return re.findall(r"(/\S+) \(0x", shown)


def test_its_slurm_runs_this_machines_programs_in_jobs(
    copied: Path, directory: Path, tmp_path: Path
) -> None:
    sandbox = up(directory, SHAPE, slurm_root=copied)
    output = tmp_path / "job"
    script = f"command -v srun; srun {sys.executable} -c 'import sys; print(sys.prefix)'"
    job = submit(sandbox, script, f"--output={output}", "--reservation=edu20")
    wait_for(lambda: state(sandbox, job) == "COMPLETED")
    assert output.read_text().split() == [f"{directory}/usr/bin/srun", sys.prefix]
    for name in ("munged", "slurmctld", "sim01"):
        assert loaded(sandbox, name, "libc.so.6") == {str(copied / "usr/lib64/libc.so.6")}


def test_a_login_shell_in_a_job_finds_its_commands(
    copied: Path, directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What /etc/profile makes of PATH is mended, and what BASH_ENV named before is done too."""
    (tmp_path / "mine").write_text("FROM_MINE=1\n")
    monkeypatch.setenv("BASH_ENV", str(tmp_path / "mine"))
    sandbox = up(directory, SHAPE, slurm_root=copied)
    script = tmp_path / "script"
    script.write_text(
        "#!/bin/bash -l\nPATH=/usr/bin:/bin bash -c 'command -v srun; echo $FROM_MINE'\n"
    )
    output = tmp_path / "job"
    slurm(sandbox, "sbatch", "--wait", f"--output={output}", script)
    assert output.read_text().split()[-2:] == [f"{directory}/usr/bin/srun", "1"]


def loaded(sandbox: Sandbox, daemon: str, library: str) -> set[str]:
    """The files of this name that a daemon has in its memory."""
    pid = (sandbox.directory / "run" / f"{daemon}.pid").read_text().strip()
    files = {line.split()[-1] for line in Path(f"/proc/{pid}/maps").read_text().splitlines()}
    return {file for file in files if Path(file).name == library}


def test_its_daemons_reconfigure_themselves_and_end_jobs(copied: Path, directory: Path) -> None:
    sandbox = up(directory, SHAPE, slurm_root=copied)
    job = submit(sandbox, "sleep 1234", "--nodelist=sim01")
    wait_for(lambda: state(sandbox, job) == "RUNNING")
    slurm(sandbox, "scontrol", "reconfigure")
    wait_for(lambda: not slurm(sandbox, "scontrol", "ping", check=False).returncode)
    slurm(sandbox, "scancel", job)
    wait_for(lambda: state(sandbox, job) == "CANCELLED")


def test_the_command_takes_it_from_an_option_or_the_environment(
    copied: Path, directory: Path
) -> None:
    command = [sys.executable, "-m", "workshop", "sandbox", "shell", "--nodes=1"]
    where = ["--directory", str(directory)]
    script = "command -v sinfo squeue; squeue --noheader; sinfo --noheader --format=%D\n"
    for option, variable in (
        (["--slurm-root", str(copied)], {}),
        ([], {root.VARIABLE: str(copied)}),
    ):
        done = subprocess.run(
            [*command, *where, *option],
            input=script,
            env={**os.environ, "SHELL": "/bin/bash", **variable},
            text=True,
            capture_output=True,
            timeout=HANG,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == [
            *(f"{directory}/usr/bin/{n}" for n in ("sinfo", "squeue")),
            "1",
        ]
        assert naming(str(directory)) == []


def test_the_command_says_how_to_find_its_programs(copied: Path, directory: Path) -> None:
    command = [sys.executable, "-m", "workshop", "sandbox", "up", "--directory", str(directory)]
    command += ["--nodes=1", "--slurm-root", str(copied)]
    done = subprocess.run(command, text=True, capture_output=True, timeout=HANG)
    assert done.returncode == 0, done.stderr
    exports = next(line for line in done.stdout.splitlines() if "export " in line)
    script = f"{exports.strip()} && command -v sinfo && command -v sh"
    shown = subprocess.run(["sh", "-c", script], text=True, capture_output=True, check=True)
    assert shown.stdout.split() == [f"{directory}/usr/bin/sinfo", shutil.which("sh")]
    assert f' PATH={directory}/usr/bin:"$PATH"' in exports
    wrong = subprocess.run([*command[:-1], str(copied / "none")], text=True, capture_output=True)
    assert wrong.returncode == 2
    assert "does not exist" in wrong.stderr


# Roots that cannot be used


def test_a_folder_without_a_system_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="no dynamic loader"):
        root.opened(tmp_path)
    with pytest.raises(SandboxError, match="not a directory"):
        root.opened(tmp_path / "none")
    (tmp_path / "a b").mkdir()
    with pytest.raises(SandboxError, match="plain letters"):
        root.opened(tmp_path / "a b")


def test_a_system_without_slurm_is_refused_with_what_to_install(tmp_path: Path) -> None:
    system(tmp_path, "slurmctld", plugin=False)
    with pytest.raises(SandboxError, match=f"chroot {tmp_path} apt-get install .* slurmctld"):
        root.opened(tmp_path)
    system(tmp_path, "slurmctld", "slurmd", "munged")
    with pytest.raises(SandboxError) as error:
        root.find(root.opened(tmp_path), Shape())
    assert "lacks programs that a sandbox needs: slurmstepd, sbatch, " in str(error.value)
    assert str(error.value).endswith("--no-install-recommends slurmd slurm-client")


def test_a_system_of_another_architecture_is_refused(tmp_path: Path) -> None:
    system(tmp_path, *programs.needed(Shape()))
    (tmp_path / "usr/lib64/ld-linux-x.so.2").write_bytes(b"\x7fELF\2\1\1" + bytes(100))
    with pytest.raises(SandboxError, match=r"do not run on this machine.*architecture"):
        root.find(root.opened(tmp_path), Shape())


def test_links_lead_to_the_roots_own_files(tmp_path: Path) -> None:
    """As Debian's alternatives do: /usr/sbin/slurmctld -> /etc/alternatives/slurmctld -> ..."""
    system(tmp_path, "slurmctld-wlm")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/slurmctld").symlink_to("/usr/bin/slurmctld-wlm")
    (tmp_path / "usr/bin/slurmctld").symlink_to("../../etc/slurmctld")
    (tmp_path / "bin").symlink_to("/usr/bin")
    for name in ("usr/bin/slurmctld", "bin/slurmctld"):
        assert root.inside(tmp_path, tmp_path / name) == tmp_path / "usr/bin/slurmctld-wlm"
    (tmp_path / "usr/bin/above").symlink_to("../../../../../usr/bin/slurmctld-wlm")
    assert root.inside(tmp_path, tmp_path / "bin/above") == tmp_path / "usr/bin/slurmctld-wlm"
    (tmp_path / "usr/bin/loop").symlink_to("loop")
    assert root.located(root.opened(tmp_path), "loop") is None


def test_without_a_root_nothing_is_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(root.VARIABLE, raising=False)
    assert root.chosen(None) is None
    monkeypatch.setenv(root.VARIABLE, "")
    assert root.chosen(None) is None
    monkeypatch.setenv(root.VARIABLE, str(tmp_path))
    with pytest.raises(SandboxError, match="no dynamic loader"):
        root.chosen(None)


def system(folder: Path, *names: str, plugin: bool = True) -> None:
    """What looks like a system with these programs."""
    files = [folder / "usr/bin" / name for name in names]
    files += [folder / "usr/lib64/ld-linux-x.so.2"]
    files += [folder / "usr/lib64/slurm/auth_munge.so"] if plugin else []
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o755)
