"""Logs of no format that is read are called unknown, and not a run of ours that failed."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import result, settings_line
from click.testing import CliRunner

from workshop.cli import cli
from workshop.record.readers import CUT_OFF, read_logs
from workshop.record.readers.unknown import formats
from workshop.record.results import Result, to_json

# Whole logs of tools that do not exist, so that no reader ever reads them
UNKNOWN = {
    "lines": "warming up\nround 1 of 2: 41.2 words each second\nround 2 of 2: 43.9 words each "
    "second\nAll done.\n",
    "banner": "****** Throughput Report ******\nwords in all:      2048\nwords a second:    "
    "457.86\n*******************************\n",
    "logger": "INFO 08-28 22:41:28 [main.py:24] Detected a device.\n(Server pid=77) INFO 08-28 "
    "22:42:28 [meter.py:12] it goes at 700.6 words/s\n",
    "json": '{\n  "words_n": 200,\n  "words_ms": 11082.606\n}\n',
    "csv": "name,words,speed\nfirst,200,18.04\n",
    "chat": "> a prompt\nThe answer is a RuntimeError, an error: and a Killed process.\n\n"
    "Exiting...\n",
    "bytes": "\0\1\2\3",
}
PLAIN = "round 2 of 2: 43.9 words each second"
TIME_LIMIT = "[2026-07-13T18:42:28] error: *** JOB 7 ON n01 CANCELLED AT x DUE TO TIME LIMIT ***"


def one(path: Path, *lines: str, name: str = "some.out") -> Result:
    log = path / name
    log.write_text("".join(f"{line}\n" for line in lines))
    (reading,) = read_logs([log])
    return reading.result


@pytest.mark.parametrize("text", UNKNOWN.values(), ids=UNKNOWN)
def test_a_log_of_no_known_format_is_called_that(text: str, tmp_path: Path) -> None:
    log = tmp_path / "some.log"
    log.write_text(text)
    (reading,) = read_logs([log])
    found = reading.result
    assert (found.format, found.status, found.tokens_per_second) == ("unknown", "failed", None)
    assert found.reason
    assert found.reason.startswith("no format that workshop reads: ")
    assert "gpt-fast, " in found.reason
    assert "docs/reading.md" in found.reason
    assert len(found.reason) < 400
    assert "did not finish" not in f"{found.reason} {found.advice}"


@pytest.mark.parametrize("command", ["results", "plot", "report"])
def test_every_command_says_so(command: str, tmp_path: Path) -> None:
    log = tmp_path / "some.log"
    log.write_text(UNKNOWN["banner"])
    out = [] if command == "results" else ["-o", str(tmp_path / f"out.{_SUFFIX[command]}")]
    shown = CliRunner().invoke(cli, [command, str(log), *out])
    page = tmp_path / "out.html"
    text = shown.output + (page.read_text() if page.exists() else "")
    assert "o format that workshop reads: it reads " in text
    assert "did not finish" not in text


_SUFFIX = {"plot": "png", "report": "html"}


# What tells that a log is ours, or what ended its job


GPT_FAST = ["Using device=cuda", "Loading model ...", "Time to load model: 12.71 seconds"]


@pytest.mark.parametrize(
    "lines",
    [
        ["Stage: compile", "Changes against baseline: compile", PLAIN],
        ["0: Stage: tp", "0: Using device=cuda", PLAIN],
        ["Example:= quantize + compile", "Nodelist:= n01", PLAIN],
        ["Nodelist:= n01", "Using device=cuda", PLAIN],
        GPT_FAST,
        [f"llm-1  | {line}" for line in GPT_FAST],
        [*GPT_FAST, "Compilation time: 45.80 seconds"],
        [settings_line(), PLAIN],
        ["workshop: setup failed (exit code 1): x", PLAIN],
    ],
)
def test_a_run_that_began_did_not_finish(lines: list[str], tmp_path: Path) -> None:
    found = one(tmp_path, *lines)
    assert found.format == "workshop"
    assert (found.reason or "").startswith("the run did not finish")


@pytest.mark.parametrize(
    "line",
    [
        "Stage: compile",
        "0: Stage: tp",
        "Nodelist:= n01",
        "Using device=cuda",
        "Time to load model: 12.71 seconds",
        "Compilation time: 12.3 s",
    ],
)
def test_one_line_that_other_programs_print_too_is_no_run_of_ours(
    line: str, tmp_path: Path
) -> None:
    assert one(tmp_path, line, PLAIN).format == "unknown"
    assert one(tmp_path, PLAIN, line).format == "unknown"
    killed = one(tmp_path, line, PLAIN, TIME_LIMIT)
    assert "the job reached its time limit" in (killed.reason or "")


@pytest.mark.parametrize(
    "rest",
    [
        ["Time to run eval: 300.00 seconds.", "hellaswag: {'acc': 0.5}"],
        ["Time to run eval: 50.2s.", "For model /x/model.pth", "wikitext:", " word_perplexity: 9"],
        ["Exporting model using AOT Inductor to /x/m.so", "The generated DSO model is at /x/m.so"],
    ],
)
def test_gpt_fasts_other_programs_are_no_unfinished_runs(rest: list[str], tmp_path: Path) -> None:
    assert one(tmp_path, *GPT_FAST, *rest).format == "unknown"


def test_a_log_that_our_job_script_named_did_not_finish(tmp_path: Path) -> None:
    found = one(tmp_path, PLAIN, name="job-compile-12.out")
    assert (found.format, found.stage) == ("workshop", "compile")
    assert (found.reason or "").startswith("the run did not finish")


@pytest.mark.parametrize("line", ["Stage: turbo", "The Stage: tp", "a workshop: in Paris"])
def test_a_line_that_only_looks_so_is_none_of_ours(line: str, tmp_path: Path) -> None:
    assert one(tmp_path, line, PLAIN).format == "unknown"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([TIME_LIMIT], "the run did not finish: the job reached its time limit"),
        (["Traceback (most recent call last):", "ValueError: 3"], "Python ended with ValueError"),
        (["0: Killed"], "a process was killed"),
        (["slurm_script: line 2: nosuch: command not found"], "there is no nosuch"),
    ],
)
def test_what_ended_a_job_is_told_of_any_tools_log(
    lines: list[str], reason: str, tmp_path: Path
) -> None:
    found = one(tmp_path, PLAIN, *lines)
    assert found.format == "unknown"
    assert reason in (found.reason or "")


def test_noise_before_a_whole_log_does_not_tell_an_end(tmp_path: Path) -> None:
    noise = "/etc/profile.d/x.sh: line 3: nosuch: command not found"
    assert "no format" in (one(tmp_path, noise, PLAIN).reason or "")


def test_an_empty_log_is_ours(tmp_path: Path) -> None:
    found = one(tmp_path)
    assert found.format == "workshop"
    assert "empty" in (found.reason or "")


def test_json_that_is_cut_off_keeps_its_reason(tmp_path: Path) -> None:
    ours = one(tmp_path, to_json(result("tp", 30)).replace(",", ",\n")[:300])
    assert (ours.format, ours.reason) == ("workshop", CUT_OFF)
    theirs = one(tmp_path, '{\n  "predicted_n": 200,\n  "predicted_ms"')
    assert (theirs.format, theirs.reason) == ("unknown", CUT_OFF)


def test_variants_of_a_format_are_named_once() -> None:
    names = ["site", "workshop-json", "vllm", "vllm-json", "vllm-server", "llama-server-json"]
    assert formats(names) == ["workshop", "site", "vllm", "llama-server"]
