"""Logs as evidence: an honest one says nothing against itself, an edited one does."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from grading_logs import (
    ANN,
    REAL,
    Change,
    faster,
    in_job,
    logs_of,
    noticed,
    of,
    path_of,
    record_changed,
    record_of,
    rewritten,
    seven_billion,
    with_times,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_corpus import EXPECTED, LOGS

from workshop.grading.evidence import examine, logs_below
from workshop.record.results import PREFIX, SAMPLE_PREFIX, Result, Sample, to_json, with_samples
from workshop.record.runlog import RunLog
from workshop.runner import machine
from workshop.runner.assemble import Place
from workshop.runner.measure import measure
from workshop.stages import STAGES, settings_of
from workshop.stages.settings import Settings

STAGE = st.sampled_from(list(STAGES))

DEMO = Path(__file__).parents[1] / "solutions" / "roofline"  # the newest run of the demo


# --- Honest logs ---


@pytest.mark.parametrize("folder", [REAL, DEMO, LOGS / "ours"])
def test_an_honest_log_gives_no_reason_to_ask(folder: Path) -> None:
    found = examine(logs_below(folder), ANN)
    assert {one.severity for one in found} <= {"note"}, found


@pytest.mark.parametrize(
    "tool", [one.name for one in LOGS.iterdir() if one.is_dir() and one.name != "ours"]
)
def test_a_log_of_another_tool_has_nothing_held_against_it(tool: str, tmp_path: Path) -> None:
    for path in (LOGS / tool).iterdir():
        if not path.name.endswith(EXPECTED):
            (tmp_path / f"{path.name}.out").write_bytes(path.read_bytes())
    found = examine(logs_below(tmp_path), ANN)
    assert {one.severity for one in found} <= {"note"}, found


SHORT = {"model": "tiny:1", "samples": 3, "new_tokens": 12}
OWN: dict[str, dict[str, Any]] = {
    "different prompts": {"stage": "baseline", "prompts": ("One day,",), "temperature": 1.0},
    "int8, five steps at once": {"stage": "quantize", "compile": False, "decode_steps": 5},
    "int4": {"stage": "quantize", "compile": False, "quantize": "int4"},
    "the widened model": {"stage": "compile", "compile": False, "model": "tiny"},
    "adaptive": {"stage": "speculative", "compile": False, "adaptive": True, "draft_tokens": 5},
    "self-draft": {"stage": "speculative", "compile": False, "speculate": "self"},
    "prompt lookup": {"stage": "speculative", "compile": False, "speculate": "prompt-lookup"},
    "one token, random weights": {"stage": "baseline", "model": "random:15m", "new_tokens": 1},
}


@pytest.fixture
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", OWN)
def test_a_log_of_our_own_run_does_not_contradict_itself(
    name: str, tmp_path: Path, one_thread: None
) -> None:
    options = {**SHORT, **OWN[name]}
    wanted: Settings = replace(settings_of(options.pop("stage")), **options, device="cpu")
    out = io.StringIO()
    run = measure(wanted, Place(machine.pick_device("cpu")), RunLog(out))
    assert run.status == "ok", run.reason
    found = noticed(tmp_path, out.getvalue())
    assert of("contradiction", found) == []
    # A run without its stage's change says so. Whether its times were steady, the machine that the
    # tests run on decides: a busy one is warned of, or has a first sample that looks cold.
    honest = ("lacks", "no plain baseline", "the run warned", "may not have been warm", "slow work")
    doubts = [one for one in of("doubt", found) if not any(words in one for words in honest)]
    assert doubts == []


@given(stage=STAGE, factors=st.lists(st.floats(0.9, 1.1), min_size=5, max_size=5, unique=True))
@settings(max_examples=15)
def test_other_times_on_another_day_are_as_honest(
    stage: str, factors: list[float], tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = rewritten(with_times(record_of(stage), factors))
    found = noticed(tmp_path_factory.mktemp("log"), text)
    assert of("contradiction", found) == []


def test_a_log_that_others_wrote_into_is_honest(tmp_path: Path) -> None:
    lines = path_of("compile").read_text().splitlines()
    torn = [*lines[:9], "srun: warning", lines[9][:40], *lines[10:], "", "slurmstepd: done"]
    found = noticed(tmp_path, "\r\n".join(torn))
    assert of("contradiction", found) == []


def test_a_gpus_honest_log_stays_below_its_data_sheet(tmp_path: Path) -> None:
    assert of("contradiction", noticed(tmp_path, rewritten(seven_billion(95.0)))) == []


# --- What is edited ---


@given(stage=STAGE, times=st.floats(0.2, 5).filter(lambda x: abs(x - 1) > 1e-4))
@settings(max_examples=15)
def test_a_mean_that_is_scaled_is_not_its_samples_mean(
    stage: str, times: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def scaled(run: Result) -> Result:
        return replace(run, tokens_per_second=(run.tokens_per_second or 0.0) * times)

    (folder,) = [tmp_path_factory.mktemp("log")]
    assert of("contradiction", noticed(folder, record_changed(stage, scaled)))


@given(stage=STAGE, times=st.floats(0.2, 5).filter(lambda x: abs(x - 1) > 1e-4))
@settings(max_examples=15)
def test_samples_that_are_scaled_are_not_those_that_were_written_during_the_run(
    stage: str, times: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = record_changed(stage, lambda run: faster(run, times))
    found = noticed(tmp_path_factory.mktemp("log"), text)
    assert any("written during the run" in one for one in of("contradiction", found))
    assert any("a line says" in one for one in of("contradiction", found))


@given(stage=STAGE, place=st.integers(0, 4), times=st.floats(1.01, 10))
@settings(max_examples=10)
def test_one_sample_that_is_made_faster_does_not_fit_the_means(
    stage: str, place: int, times: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def one_faster(run: Result) -> Result:
        samples = list(run.samples)
        seconds = samples[place].decode_seconds / times
        samples[place] = replace(samples[place], decode_seconds=seconds)
        return replace(run, samples=samples)

    text = rewritten(one_faster(record_of(stage)))
    assert of("contradiction", noticed(tmp_path_factory.mktemp("log"), text))


def quicker_sample(run: Result) -> Result:
    """Bandwidth and its spread are forgotten: only what samples alone give is worked out anew."""
    first = replace(run.samples[0], decode_seconds=run.samples[0].decode_seconds / 3)
    return with_samples(run, [first, *run.samples[1:]])


def sample_copied(run: Result) -> Result:
    return with_samples(run, [run.samples[0]] * len(run.samples))


def renamed(stage: str) -> Change:
    """A run that is given out for another stage's, in the record and wherever else it is said."""

    def change(run: Result) -> Result:
        plain = settings_of(stage)
        return replace(run, stage=stage, settings=plain, dtype=plain.dtype)

    return change


def fewer_passes(sample: Sample) -> Sample:
    return replace(sample, verify_passes=20)


EDITS: dict[str, tuple[str, Change, str]] = {
    "a sample that the bandwidth does not know": ("compile", quicker_sample, "bandwidth"),
    "one sample five times": ("compile", sample_copied, "the same time to the last digit"),
    "a sample left out": (
        "quantize",
        lambda run: with_samples(run, run.samples[1:]),
        "5 samples has 4",
    ),
    "more tokens than asked for": (
        "compile",
        lambda run: replace(run, settings=replace(settings_of("compile"), new_tokens=100)),
        "at most 100 were to be made",
    ),
    "bandwidth above its bytes": (
        "baseline",
        lambda run: replace(run, bandwidth_gb_per_second=50.0, mbu=50.0 / 178.11135478722295),
        "all weights together make",
    ),
    "another MBU": ("compile", lambda run: replace(run, mbu=0.8), "MBU is given as 0.8"),
    "less memory than weights": (
        "compile",
        lambda run: replace(run, memory_gb=0.001),
        "GB of memory",
    ),
    "a slower reference": (
        "baseline",
        lambda run: replace(run, reference=run.reference and replace(
            run.reference, tokens_per_second=100.0)),
        "its samples give",
    ),
    "fewer passes than tokens": (
        "speculative",
        lambda run: with_samples(run, [fewer_passes(one) for one in run.samples]),
        "cannot have given 200 tokens",
    ),
    "another acceptance": (
        "speculative",
        lambda run: replace(run, acceptance_rate=0.9),
        "acceptance rate is 0.9",
    ),
    "bf16 called int8": (
        "compile", renamed("quantize"), f"weights have {record_of('compile').model_bytes} bytes",
    ),
    "eager called compiled": ("baseline", renamed("compile"), "no time for compiling"),
    "compiled called eager": ("compile", renamed("baseline"), "a time for compiling"),
    "plain called speculative": ("quantize", renamed("speculative"), "have no passes"),
    "one rank called two": ("quantize", renamed("tp"), "number of ranks is 1"),
    "another dtype": ("compile", lambda run: replace(run, dtype="float32"), "dtype is float32"),
    "another model's name": (
        "compile",
        lambda run: replace(run, model="llama-2-7b"),
        "its model is llama-2-7b",
    ),
    "parameters of another model": (
        "compile",
        lambda run: replace(run, model_parameters=7_000_000_000),
        "tiny is given with 7000000000 parameters and has 108806400",
    ),
    "a prompt of another length": (
        "compile",
        lambda run: replace(run, prompt_tokens=600),
        "its length is given as 600",
    ),
    "a negative time": ("compile", lambda run: replace(run, ttft_seconds=-1.0), "which no run"),
    "a number beyond all": (
        "compile",
        lambda run: replace(run, tokens_per_second=1e300),
        "which no run",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_log_contradicts_itself(name: str, tmp_path: Path) -> None:
    """Also where whoever edits it writes all lines anew."""
    stage, change, sentence = EDITS[name]
    found = of("contradiction", noticed(tmp_path, rewritten(change(record_of(stage)))))
    assert any(sentence in one for one in found), found


LINES: dict[str, tuple[Callable[[str], str], str]] = {
    "a faster time in a line": (
        lambda text: re.sub(r"(inference 1: )[\d.]+( sec total)", r"\g<1>0.09\2", text),
        "says 0.09 as seconds of sample",
    ),
    "another average in a line": (
        lambda text: re.sub(r"(Average tokens/sec: )[\d.]+", r"\g<1>907.71", text),
        "says 907.71 as average",
    ),
    "another bandwidth in the lines": (
        lambda text: text.replace("Bandwidth achieved: ", "Bandwidth achieved: 9"),
        "after its samples",
    ),
    "another processor in a line": (
        lambda text: text.replace("AMD EPYC, 2 threads", "AMD EPYC, 64 threads"),
        "with 64 threads",
    ),
    "another sample in a line": (
        lambda text: text.replace(SAMPLE_PREFIX + '{"ttft_seconds":0.', SAMPLE_PREFIX
                                  + '{"ttft_seconds":7.', 1),
        "not in its record",
    ),
    "other settings in a line": (
        lambda text: text.replace('"new_tokens":200', '"new_tokens":300', 1),
        "other settings",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LINES)
def test_a_line_that_is_edited_is_not_the_records(name: str, tmp_path: Path) -> None:
    change, sentence = LINES[name]
    text = path_of("compile").read_text()
    assert change(text) != text
    found = of("contradiction", noticed(tmp_path, change(text)))
    assert any(sentence in one for one in found), found


def test_a_second_record_is_asked_about(tmp_path: Path) -> None:
    better = PREFIX + to_json(faster(record_of("compile"), 2))
    found = noticed(tmp_path, path_of("compile").read_text() + better + "\n")
    assert any("2 records come after one line of settings" in one for one in of("doubt", found))


def test_a_job_script_of_another_node_is_asked_about(tmp_path: Path) -> None:
    text = "Nodelist:= sim04\n" + rewritten(in_job(record_of("compile"), "12"))
    assert any("sim04" in one for one in of("doubt", noticed(tmp_path, text)))


def test_a_file_that_is_named_after_another_job_is_noted(tmp_path: Path) -> None:
    texts = {"job-compile-13": rewritten(in_job(record_of("compile"), "12"))}
    (found,) = examine(logs_of(tmp_path, **texts), ANN)
    assert (found.severity, "named after job 13" in found.sentence) == ("note", True)
