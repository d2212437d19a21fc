"""A misspelt name of a stage, device or exercise is answered with the nearest that exists."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from workshop.cli import cli
from workshop.util.errors import UsageError


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("run complie", "compile"),
        ("submit quantise --dry-run", "quantize"),
        ("render basline", "baseline"),
        ("doctor speculate", "speculative"),
        ("profile complie", "compile"),
        ("predict llama-2-7b --gpu a1000", "a100"),
        ("predict llama-2-7b --gpu h10O", "h100"),
        ("predict llama-2-7b --gpu a100-smx-40gb", "a100-sxm-40gb"),
        ("predict lama-2-7b --gpu a100", "llama-2-7b"),
        ("check quantise", "quantize"),
        ("check napkin/", "napkin"),
        ("reset tensor_parallel", "tensor-parallel"),
        ("solution roofing", "roofline"),
        ("submit exercise quantise", "quantize"),
        ("exercises verify mesure", "measure"),
        ("grade . --roster r.csv -o ../grades --exercise quantise", "quantize"),
        ("cluster show cyclon", "cyclone"),
        ("submit tp --cluster lummi", "lumi"),
        ("plto before.out", "plot"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_nearest(
    words: str, meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.csv").write_text("id,name\ns1,Ada Lovelace\n")
    done = CliRunner().invoke(cli, words.split())
    said = str(done.exception) if isinstance(done.exception, UsageError) else done.stderr
    assert isinstance(done.exception, UsageError) or done.exit_code == 2
    assert f"(did you mean {meant}?)" in said
