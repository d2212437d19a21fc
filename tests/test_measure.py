"""A run: what is timed, what is written, what is left when it dies."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from patience import HANG, wait_for

from workshop.llm.model import RMSNorm
from workshop.record.readers.ours import read_log
from workshop.record.results import PREFIX, Result, from_json
from workshop.record.runlog import RunLog
from workshop.runner.assemble import Place, assemble
from workshop.runner.launch import reserve_log, run_locally
from workshop.runner.measure import cut, measure, until
from workshop.stages import settings_of
from workshop.stages.settings import Settings

HERE = Place(torch.device("cpu"))
BASELINE = replace(settings_of("baseline"), model="tiny:1")  # as it is stored: small


def run(settings: Settings) -> tuple[Result, str]:
    """The record of a run, and its log."""
    out = io.StringIO()
    result = measure(settings, HERE, RunLog(out))
    return result, out.getvalue()


@pytest.fixture(scope="module")
def baseline() -> tuple[Result, str]:
    return run(replace(BASELINE, samples=3, new_tokens=24))


def test_every_number_follows_from_the_samples(baseline: tuple[Result, str]) -> None:
    result, _ = baseline
    assert result.status == "ok"
    assert len(result.samples) == 3
    speeds = [(len(s.tokens) - 1) / s.decode_seconds for s in result.samples]
    assert result.tokens_per_second == pytest.approx(sum(speeds) / 3)
    assert result.ttft_seconds == pytest.approx(sum(s.ttft_seconds for s in result.samples) / 3)
    assert result.new_tokens == 24
    assert result.prompt_tokens == len(result.prompt_ids or [])


def test_bandwidth_is_the_weights_read_over_the_time_of_decode(
    baseline: tuple[Result, str],
) -> None:
    result, _ = baseline
    assert result.model_bytes is not None
    assert result.device_bandwidth_gb_per_second is not None
    # bf16, and a tied head: every weight is read in every pass.
    assert result.model_bytes == 2 * (result.model_parameters or 0)
    passes = [23 * result.model_bytes / s.decode_seconds / 1e9 for s in result.samples]
    assert result.bandwidth_gb_per_second == pytest.approx(sum(passes) / 3)
    assert result.mbu == pytest.approx(
        (result.bandwidth_gb_per_second or 0) / result.device_bandwidth_gb_per_second
    )
    assert "measured" in (result.device_bandwidth_source or "")


def test_memory_is_the_weights_and_the_full_cache(baseline: tuple[Result, str]) -> None:
    result, _ = baseline
    config = assemble(BASELINE, HERE).model.config
    cache = config.kv_cache_bytes(1, 24 + (result.prompt_tokens or 0), 2)
    assert result.memory_gb == pytest.approx(((result.model_bytes or 0) + cache) / 1e9)


def test_the_log_ends_with_the_record(baseline: tuple[Result, str]) -> None:
    result, log = baseline
    assert log.endswith("\n")
    last = log.splitlines()[-1]
    assert last.startswith(PREFIX)
    assert from_json(last.removeprefix(PREFIX)) == result


@pytest.mark.parametrize(
    "line",
    [
        r"Using device=cpu.*",
        r"Loading model \.\.\.",
        r"Time to load model: \d+\.\d\d seconds",
        r"Time for inference 1: \d+\.\d\d sec total, \d+\.\d\d tokens/sec",
        r"Time for inference 3: \d+\.\d\d sec total, \d+\.\d\d tokens/sec",
        r"Bandwidth achieved: \d+\.\d\d GB/s",
        r"Average tokens/sec: \d+\.\d\d",
        r"Memory used: \d+\.\d+ GB",
    ],
)
def test_the_log_has_the_lines_that_gpt_fast_prints(
    baseline: tuple[Result, str], line: str
) -> None:
    assert any(re.fullmatch(line, found) for found in baseline[1].splitlines())


def test_float32_stands_beside_the_plain_baseline_and_nowhere_else(
    baseline: tuple[Result, str],
) -> None:
    reference = baseline[0].reference
    assert reference is not None
    assert reference.label == "baseline in float32"
    assert len(reference.samples) == 3
    changed, _ = run(replace(BASELINE, dtype="float32", samples=1, new_tokens=4))
    assert changed.status == "ok"
    assert changed.reference is None


def test_greedy_samples_are_equal_and_drawn_ones_differ_and_repeat() -> None:
    greedy = replace(BASELINE, dtype="float32", samples=2, new_tokens=40)
    first, second = run(greedy)[0].samples
    assert first.tokens == second.tokens
    drawn = replace(greedy, temperature=1.0, seed=3)
    one, two = run(drawn)[0].samples
    assert one.tokens != two.tokens
    assert [one.tokens, two.tokens] == [s.tokens for s in run(drawn)[0].samples]


def test_speculation_in_eager_mode_says_the_same_as_decoding_and_counts_its_guesses() -> None:
    plain = replace(BASELINE, dtype="float32", samples=1, new_tokens=60, ignore_eos=True)
    alone, _ = run(plain)
    guessed, log = run(replace(plain, speculate="draft"))
    assert guessed.status == "ok", guessed.reason
    assert guessed.samples[0].tokens == alone.samples[0].tokens
    sample = guessed.samples[0]
    assert sample.verify_passes is not None
    assert sample.accepted is not None
    assert 59 <= sample.verify_passes + sample.accepted <= 59 + 3
    assert guessed.mean_accepted == pytest.approx(sample.accepted / sample.verify_passes)
    assert guessed.acceptance_rate == pytest.approx(sample.accepted / sample.verify_passes / 3)
    assert sample.proposed_by_position == [sample.verify_passes] * 3
    assert guessed.acceptance_by_position is not None
    first, second, third = guessed.acceptance_by_position
    assert first + second + third == pytest.approx(guessed.mean_accepted)
    assert 1 >= first >= second >= third > 0
    assert "Mean Accepted" in log
    assert f"Acceptance by position: {first:.3f}, {second:.3f}, {third:.3f}" in log


def test_a_number_of_guesses_that_follows_the_acceptance_is_counted_as_it_was() -> None:
    """By the model's own int8 copy, of which the weights that are not linear exist once."""
    settings = replace(
        BASELINE,
        dtype="float32",
        speculate="self",
        draft_tokens=4,
        adaptive=True,
        samples=1,
        new_tokens=40,
        ignore_eos=True,
    )
    result, _ = run(settings)
    assert result.status == "ok", result.reason
    sample = result.samples[0]
    assert sample.verify_passes is not None
    assert sample.accepted is not None
    assert sample.proposed_by_position is not None
    assert sample.proposed_by_position[0] == sample.verify_passes
    assert sample.accepted <= sum(sample.proposed_by_position) <= 4 * sample.verify_passes
    assert result.acceptance_rate == sample.accepted / sum(sample.proposed_by_position)
    assert result.draft_bytes is not None
    assert result.model_bytes is not None
    engine = assemble(settings, HERE)
    read = sample.verify_passes * engine.bytes_per_pass + sample.proposed * engine.bytes_per_guess
    assert result.bandwidth_gb_per_second == pytest.approx(read / sample.decode_seconds / 1e9)
    shared = engine.model.embed_tokens.weight.nbytes + sum(
        norm.weight.nbytes for norm in engine.model.modules() if isinstance(norm, RMSNorm)
    )
    caches = 2 * engine.model.config.kv_cache_bytes(1, 64, 4)
    weights = result.model_bytes + result.draft_bytes - shared
    assert result.memory_gb == pytest.approx((weights + caches) / 1e9)


def test_top_k_and_top_p_are_what_a_run_draws_with() -> None:
    """The likeliest token alone is left by each of the two, so the greedy text is drawn."""
    greedy = replace(BASELINE, dtype="float32", samples=1, new_tokens=20)
    said = run(greedy)[0].samples[0].tokens
    for narrow in ({"top_k": 1}, {"top_p": 1e-6}):
        drawn = replace(greedy, temperature=5.0, **narrow)
        assert run(drawn)[0].samples[0].tokens == said
    assert run(replace(greedy, temperature=5.0))[0].samples[0].tokens != said


def test_text_ends_at_the_end_of_sequence_token_unless_told_otherwise() -> None:
    assert cut([5, 6, 2, 7], 10, stop=frozenset({2})) == [5, 6, 2]
    assert cut([5, 6, 2, 7], 2, stop=frozenset({2})) == [5, 6]
    assert cut([5, 6, 2, 7], 10, stop=frozenset({7, 6})) == [5, 6]  # whichever comes first
    assert cut([5, 6, 2, 7], 10, stop=frozenset()) == [5, 6, 2, 7]
    stops = frozenset({2, 4})
    assert list(until(iter([[[1]], [[2, 3]], [[4]]]), stops, [[0]])) == [[[1]], [[2, 3]]]
    assert list(until(iter([[[1]]]), stops, [[2]])) == []
    assert list(until(iter([[[1]], [[3]]]), frozenset(), [[2]])) == [[[1]], [[3]]]


def test_a_batch_ends_when_the_last_of_its_sequences_has_ended() -> None:
    parts = [[[2], [5]], [[6], [6]], [[7], [2]], [[8], [8]]]
    assert list(until(iter(parts), frozenset({2}), [[0], [0]])) == parts[:3]


def test_random_weights_run_without_a_checkpoint() -> None:
    result, _ = run(replace(BASELINE, model="random:15m", samples=1, new_tokens=4))
    assert result.status == "ok", result.reason
    assert result.model == "random:15m"
    assert result.model_parameters == 15_191_712


def started_run(log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-u", "-m", "workshop", "run", *arguments],
            stdout=out,
            stderr=subprocess.STDOUT,
            # Else it ignores SIGINT where these tests do: started in the background of a script.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )


def wait_for_line(process: subprocess.Popen[bytes], log: Path, start: str) -> None:
    def is_there() -> bool:
        assert process.poll() is None, log.read_text()
        return start in log.read_text(errors="replace")

    wait_for(is_there)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (signal.SIGINT, "interrupted from the keyboard"),
        (signal.SIGTERM, "interrupted from the keyboard"),
        (signal.SIGKILL, "the run did not finish"),
    ],
)
def test_a_run_that_dies_half_way_leaves_the_samples_that_it_finished(
    sent: signal.Signals, reason: str, tmp_path: Path
) -> None:
    log = tmp_path / "job-baseline-1.out"
    long = ["--model", "tiny:1", "--samples", "9999", "--new-tokens", "20"]
    process = started_run(log, "baseline", *long)
    try:
        wait_for_line(process, log, "Time for inference 3:")
        process.send_signal(sent)
        code = process.wait(HANG)
    finally:
        process.kill()
    assert code != 0
    (result,) = read_log(log)
    assert result.stage == "baseline"
    assert result.status == "incomplete"
    assert reason in (result.reason or "")
    assert 2 <= len(result.samples) < 9999
    assert result.tokens_per_second is not None
    assert "Traceback" not in log.read_text()


def test_without_a_compiler_a_compiled_stage_says_what_to_do(tmp_path: Path) -> None:
    log = reserve_log(tmp_path, "compile")
    before = dict(os.environ)
    os.environ["CXX"] = "/nonexistent/g++"
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(tmp_path / "cache")
    try:
        settings = replace(settings_of("compile"), model="tiny:1", samples=1, new_tokens=8)
        result = run_locally(settings, log)
    finally:
        os.environ.clear()
        os.environ.update(before)
    assert result.status == "failed"
    assert "no C++ compiler" in (result.reason or "")
    assert "g++" in (result.advice or "")
    assert result.tokens_per_second is None
    assert "Traceback" not in log.read_text()
    assert log.read_text().splitlines()[-1].startswith(PREFIX)
