"""The documentation site builds without a warning, with every command and every figure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from patience import HANG

from workshop.cli import cli

pytest.importorskip("mkdocs", reason="mkdocs is not installed: pip install -e '.[docs]'")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG)
    assert built.returncode == 0, built.stderr
    return folder


def test_every_page_of_docs_is_in_the_site(site: Path) -> None:
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")} - {"index"}
    assert {name for name in pages if not (site / name / "index.html").exists()} == set()


def test_every_command_has_its_help_on_the_page_of_the_command_line(site: Path) -> None:
    page = (site / "cli" / "index.html").read_text()
    names = cli.list_commands(click.Context(cli))
    assert names
    for name in [*names, "cluster-detect", "predict-sweep"]:
        assert f'id="workshop-{name}"' in page
        words = name if name in names else name.replace("-", " ")
        assert f"Usage: workshop {words}" in page


@pytest.mark.parametrize("name", ["run", "read", "plot", "predict", "compare"])
def test_every_function_is_on_the_page_of_python(site: Path, name: str) -> None:
    assert f'id="workshop.{name}"' in (site / "api" / "index.html").read_text()


def test_figures_are_in_the_site_and_sources_are_named(site: Path) -> None:
    assert 'src="plots/ladder.png"' in (site / "index.html").read_text()
    assert (site / "plots" / "ladder.png").exists()
    page = (site / "isolation" / "index.html").read_text()
    assert "<code>workshop/judge/plain.py</code>" in page
    assert 'href="../workshop' not in page
