"""Modules really load in a job, whatever the submitting shell had loaded."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from patience import HANG

from workshop.slurm.job.request import Request
from workshop.slurm.job.template import render

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose login shell has modules of its own and resets PATH, as Debian's does."""
    command = ["bash", "-lc", 'type -t module; echo "${MODULES_CMD-}"']
    shown = subprocess.run(command, capture_output=True, text=True, env={"PATH": PATH}).stdout
    if not shown.startswith("function\n/"):
        pytest.skip("Environment Modules is not installed")
    modules = tmp_path / "modules"
    for name in ("std/1", "tool/1", "other/1"):
        file = modules / name
        file.parent.mkdir(parents=True)
        file.write_text(f"#%Module\nprepend-path PATH /opt/{name}\n")
    (tmp_path / ".bash_profile").write_text(
        f"PATH={PATH}\nmodule use {modules}\nmodule load std/1\n"
    )
    return tmp_path


def loaded_at_login(home: Path, *names: str) -> dict[str, str]:
    """The environment of a login shell that has loaded modules, as sbatch hands it on."""
    command = ["bash", "-lc", f"module load {' '.join(names)}; env -0"]
    done = subprocess.run(
        command, env={"PATH": PATH, "HOME": str(home)}, capture_output=True, timeout=HANG
    )
    entries = done.stdout.decode().split("\0")
    variables = dict(entry.split("=", 1) for entry in entries if "=" in entry)
    return {name: value for name, value in variables.items() if not name.startswith("BASH_FUNC")}


def path_in_a_job(home: Path, environment: dict[str, str], **fields: object) -> str:
    """PATH where the ranks start, in a job submitted from a shell with this environment."""
    request = Request(stage="baseline", job_name="x", output="/x", **fields)  # type: ignore[arg-type]
    script = home / "script"
    script.write_text(
        render(request, ["true"]).replace("srun --export", 'echo "PATH=$PATH" ; true --export')
    )
    done = subprocess.run(
        ["bash", "-l", script], env=environment, capture_output=True, text=True, timeout=HANG
    )
    assert done.returncode == 0, done.stderr
    return next(line for line in done.stdout.splitlines() if line.startswith("PATH="))


@pytest.mark.parametrize("names", [("tool/1",), ("other/1", "tool/1"), ()])
def test_a_module_that_was_loaded_where_the_job_is_submitted_is_loaded_in_the_job(
    home: Path, names: tuple[str, ...]
) -> None:
    environment = loaded_at_login(home, *names) if names else {"PATH": PATH, "HOME": str(home)}
    path = path_in_a_job(home, environment, modules=("tool/1",))
    assert "/opt/tool/1" in path
    assert "/opt/std/1" in path  # the site's own default


def test_a_module_that_the_setup_loads_is_loaded_as_well(home: Path) -> None:
    environment = loaded_at_login(home, "tool/1")
    path = path_in_a_job(home, environment, setup=("module load tool/1",))
    assert "/opt/tool/1" in path


@pytest.mark.parametrize("broken", ["gone", "inconsistent"])
def test_a_list_of_modules_that_cannot_be_loaded_again_is_forgotten(
    home: Path, broken: str
) -> None:
    environment = loaded_at_login(home, "other/1", "tool/1")
    if broken == "gone":
        shutil.rmtree(home / "modules" / "other")
    else:
        del environment["_LMFILES_"]
    assert "/opt/tool/1" in path_in_a_job(home, environment, modules=("tool/1",))


def test_lmod_is_left_to_itself(home: Path) -> None:
    script = render(
        Request(stage="baseline", job_name="x", output="/x", modules=("tool/1",)), ["true"]
    )
    functions = 'module() { echo "module $*"; }; srun() { :; }\n'
    environment = {**os.environ, "LMOD_CMD": "/opt/lmod", "LOADEDMODULES": "tool/1"}
    done = subprocess.run(
        ["bash"], input=functions + script, env=environment, capture_output=True, text=True
    )
    assert [line for line in done.stdout.splitlines() if line.startswith("module ")] == [
        "module load tool/1"
    ]
