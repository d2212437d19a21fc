"""``workshop submit --dry-run`` creates nothing, without a Slurm as well."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from workshop.cli import cli


@pytest.mark.parametrize("stage", ["baseline", "tp", "all"])
def test_a_dry_run_creates_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKSHOP_RUNS", str(tmp_path / "runs"))
    new = tmp_path / "new" / "logs"
    done = CliRunner().invoke(cli, ["submit", stage, "--dry-run", "--output-dir", str(new)])
    assert done.exit_code == 0, done.output
    assert f"--output={new}/job-" in done.output
    assert list(tmp_path.iterdir()) == []


def test_a_run_with_wrong_settings_creates_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wrong = ["submit", "baseline", "--output-dir", "new", "--set", "mem"]
    assert CliRunner().invoke(cli, wrong).exit_code != 0
    assert list(tmp_path.iterdir()) == []


def test_a_rendered_script_has_the_directory_that_slurm_writes_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["render", "baseline", "--output-dir", "new"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "new").is_dir()
