"""The stage of another tool's run: by its log, by its file's name, by what the user says."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import record_line, result
from click.testing import CliRunner

from workshop.cli import cli
from workshop.figures.caption import caption_for
from workshop.figures.pooling import baseline_of, pooled
from workshop.record.readers import read_logs
from workshop.record.results import Result
from workshop.record.stage_evidence import stage_of_name
from workshop.stages import STAGES
from workshop.util.errors import UsageError

LOGS = Path(__file__).parent / "logs" / "original"
ORIGINAL = sorted(LOGS.glob("gpt-fast-*.out"))
HEAD = "Using device=cuda\nLoading model ...\n"
SAMPLE = "Time for inference 1: 2.00 sec total, 100.00 tokens/sec\nBandwidth achieved: 99.00 GB/s\n"
FOOT = "==========\nAverage tokens/sec: 100.00\nMemory used: 13.00 GB\n"
INT8 = "Using int8 weight-only quantization!\n"
LOADED = "Time to load model: 12.00 seconds\n"
COMPILED = "Compilation time: 45.00 seconds\n"
ACCEPTED = "==========\nAcceptance probs: [0.5, 0.5]\nMean Accepted: 0.50\n"


def read(path: Path, text: str) -> Result:
    path.write_text(text, encoding="utf-8")
    (reading,) = read_logs([path])
    return reading.result


def test_the_original_workshops_logs_are_its_stages() -> None:
    """What its slides say to type: plot gpt-fast-*.out."""
    results = [reading.result for reading in read_logs(ORIGINAL)]
    assert [(one.stage, one.stage_source) for one in results] == [
        ("baseline", "the file name"),
        ("compile", "the log"),
        ("speculative", "the log"),
    ]
    pools = pooled(results)
    assert [pool.label for pool in pools] == ["baseline", "compile", "speculative"]
    assert baseline_of(pools) is not None
    assert "stage from the file name: baseline" in "\n".join(caption_for(pools, []))


def test_the_table_says_what_told_the_stage() -> None:
    shown = CliRunner().invoke(cli, ["results", *map(str, ORIGINAL)]).output
    assert "stage from" in shown
    assert "the file name" in shown


@pytest.mark.parametrize(
    ("lines", "stage"),
    [
        (HEAD + LOADED + COMPILED + SAMPLE + FOOT, "compile"),
        (HEAD + INT8 + LOADED + COMPILED + SAMPLE + FOOT, "quantize"),
        (HEAD + LOADED + COMPILED + SAMPLE + ACCEPTED + FOOT[11:], "speculative"),
        (HEAD + LOADED + SAMPLE + FOOT, None),
    ],
)
def test_a_log_shows_its_stage(lines: str, stage: str | None, tmp_path: Path) -> None:
    found = read(tmp_path / "some.out", lines)
    assert found.stage == stage
    assert found.stage_source == (None if stage is None else "the log")


def test_an_example_line_comes_first(tmp_path: Path) -> None:
    found = read(
        tmp_path / "x.out", f"Example:= quantize + compile\n{HEAD}{LOADED}{COMPILED}{SAMPLE}{FOOT}"
    )
    assert (found.stage, found.stage_source) == ("quantize", "Example:=")


def test_a_contradiction_is_a_warning(tmp_path: Path) -> None:
    found = read(tmp_path / "gpt-fast-baseline-7.out", HEAD + LOADED + COMPILED + SAMPLE + FOOT)
    assert found.stage == "compile"
    assert "the file name says baseline, the log compile" in found.warnings


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("gpt-fast-compile-488364.out", "compile"),
        ("speculative-12.out", "speculative"),
        ("llama_tensor_parallel.12.log", "tp"),
        ("job-tp2-12.out", "tp"),
        ("quantize+compile-3.out", "quantize"),
        ("baseline-vs-compile-3.out", None),
        ("greedy-decoding-3.out", None),
        ("slurm-488364.out", None),
        ("recompiled-3.out", None),
        ("no-compile-3.out", None),
        ("gpt-fast-int4-3.out", "quantize"),
        ("gpt-fast-spec-3.out", "speculative"),
        ("quant-tp-spec-3.out", None),
    ],
)
def test_a_job_name_says_its_stage(name: str, stage: str | None) -> None:
    assert stage_of_name(name) == stage


def test_the_name_of_a_file_says_nothing_of_another_tools_run(tmp_path: Path) -> None:
    found = read(
        tmp_path / "vllm-baseline-3.out", "Throughput: 2.00 requests/s, 900.00 total tokens/s\n"
    )
    assert found.stage is None


def test_the_user_names_a_stage() -> None:
    (reading,) = read_logs([Path(f"tp={ORIGINAL[1]}")])
    assert reading.path == ORIGINAL[1]
    assert (reading.result.stage, reading.result.stage_source) == ("tp", "the command")


def test_the_user_names_the_stage_of_any_tools_log(tmp_path: Path) -> None:
    log = tmp_path / "server.out"
    log.write_text("Throughput: 2.00 requests/s, 900.00 total tokens/s\n", encoding="utf-8")
    (reading,) = read_logs([Path(f"quantize={log}")])
    assert reading.result.stage == "quantize"


def test_a_record_of_ours_keeps_its_stage_and_says_that_the_user_differs(tmp_path: Path) -> None:
    log = tmp_path / "job.out"
    log.write_text(record_line(result("compile", 100.0)) + "\n", encoding="utf-8")
    (reading,) = read_logs([Path(f"baseline={log}")])
    assert reading.result.stage == "compile"
    assert reading.result.warnings == ["the command says baseline, its record compile"]


def test_a_file_may_have_an_equals_sign_in_its_name(tmp_path: Path) -> None:
    log = tmp_path / "tp=2.out"
    log.write_text(HEAD + SAMPLE + FOOT, encoding="utf-8")
    (reading,) = read_logs([log])
    assert reading.path == log


def test_a_word_that_is_no_stage_is_refused_with_the_stages() -> None:
    with pytest.raises(UsageError, match=r"'fast' is no stage: .*" + ", ".join(STAGES)):
        read_logs([Path(f"fast={ORIGINAL[0].name}")])
