"""Logs of gpt-fast and its relatives: what they say is read, and what a model says is not."""

from __future__ import annotations

import io
import json
import re
import statistics
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_corpus import EXPECTED, logs_of

from workshop.record.readers import gpt_fast, read_logs
from workshop.record.readers import lines as lines_module
from workshop.record.readers.entries import entry
from workshop.record.readers.gpt_fast import stage_of
from workshop.record.readers.gpt_fast_lines import STARTS
from workshop.record.readers.lines import blocks, needle_lines
from workshop.record.readers.units import deviation
from workshop.record.results import Definition, Result

LOGS = logs_of("gpt-fast")
quick = settings(max_examples=200, deadline=None)


def read(path: Path) -> list[dict[str, Any]]:
    return [entry(reading) for reading in read_logs([path])]


@pytest.mark.parametrize("log", LOGS, ids=lambda path: path.stem)
def test_a_log_says_what_stands_beside_it(log: Path) -> None:
    expected = json.loads(log.with_name(log.name + EXPECTED).read_text())
    found = read(log)
    assert len(found) == len(expected)
    for one, wanted in zip(found, expected, strict=True):
        for key, value in wanted.items():
            told = isinstance(value, (float, list)) and one[key] is not None
            assert one[key] == (pytest.approx(value, rel=1e-5) if told else value), key


@pytest.mark.parametrize("log", LOGS, ids=lambda path: path.stem)
def test_a_log_cut_off_anywhere_gives_no_number_that_it_does_not_hold(
    log: Path, tmp_path: Path
) -> None:
    content = log.read_bytes()
    cut = tmp_path / "cut.out"
    for end in range(0, len(content), 97):
        cut.write_bytes(content[:end])
        for reading in read_logs([cut]):
            assert 9999.0 not in reading.result.sample_speeds[1:]
            assert numbers_of(reading.result) <= numbers_in(content)


def numbers_in(content: bytes) -> set[float]:
    text = content.decode(errors="replace").replace(",", "")
    return {float(found) for found in re.findall(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", text)}


def numbers_of(result: Result) -> set[float]:
    """What was read and not computed."""
    single = (result.load_seconds, result.compile_seconds, result.mean_accepted, result.batch_size)
    return {one for one in (*single, *result.sample_speeds) if one is not None}


# One line


def lines(*more: str) -> list[str]:
    return [
        "Using device=cuda",
        "Time for inference 1: 2.00 sec total, 100.00 tokens/sec",
        "Bandwidth achieved: 1348.00 GB/s",
        *more,
        "==========",
        "Average tokens/sec: 100.00",
        "Memory used: 13.90 GB",
    ]


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "  ",
        "INFO: ",
        "INFO:root:",
        "[rank0]: ",
        "0: ",
        "[2024-05-02 11:20:31,123][torchtune][INFO] - ",
        "2024-05-02 11:20:31 INFO     ",
        "INFO 05-02 11:20:31 generate.py:112] ",
        "I0502 11:20:31.000 4711 generate.py:112] ",
        "(worker pid=4711) INFO: ",
    ],
)
def test_a_loggers_or_a_launchers_prefix_hides_nothing(prefix: str) -> None:
    (found,) = gpt_fast.results([prefix + line for line in lines()], "some.log")
    assert (found.tokens_per_second, found.speeds, found.memory_gb) == (100.0, [100.0], 13.9)


@pytest.mark.parametrize(
    "prefix",
    ["He said: ", "> ", "| ", "  | ", "# ", "In 2023: ", "My log of today, rank 1, says: "],
)
def test_a_sentence_is_no_prefix(prefix: str) -> None:
    assert gpt_fast.results([prefix + line for line in lines()], "some.log") == []


@pytest.mark.parametrize(
    "unit",
    ["tokens/sec", "tokens/second", "token/s", "tok/s", "toks/sec", "t/s", "tokens per second"],
)
def test_the_unit_may_be_spelt_another_way(unit: str) -> None:
    log = [f"Time for inference 1: 2.00 sec total, 12.50 {unit}", "Memory used: 1.00 GB"]
    (found,) = gpt_fast.results(log, "some.log")
    assert found.speeds == [12.5]


@pytest.mark.parametrize(
    "line",
    [
        "Time for inference 1: fast, 9999 tokens/sec",
        "Time for inference 1: 2 sec total, 9999 tokens/sec, 8888 tokens/sec",
        "Time for inference one: 2 sec total, 9999 tokens/sec",
        "Time for inference 1: 2 sec total, 9999 tokens/sec" + " " * 1000 + "!",
        "Time for inference 1: 0.83",
    ],
)
def test_a_line_that_says_something_else_is_no_sample(line: str) -> None:
    assert gpt_fast.results([line, "Memory used: 1.00 GB"], "some.log") == []


def test_a_sample_without_a_speed_is_one_without_a_number() -> None:
    log = ["Time for inference 1: 3.69 sec total", "Average tokens/sec (total): 48.69"]
    (found,) = gpt_fast.results(log, "some.log")
    assert (found.speeds, found.tokens_per_second) == ([], 48.69)


def test_its_tokens_per_second_count_prefill_and_one_sequence_of_a_batch() -> None:
    (found,) = gpt_fast.results([*lines()[:-1], "Batch Size: 8"], "some.log")
    assert found.batch_size == 8
    assert found.definition == Definition("new", "prefill and decode", "sequence")


def test_an_average_that_is_not_that_of_the_samples_is_left_out() -> None:
    log = [line.replace("Average tokens/sec: 100", "Average tokens/sec: 9999") for line in lines()]
    (found,) = gpt_fast.results(log, "some.log")
    assert found.tokens_per_second == 100.0
    assert "9999" in found.warnings[0]


def test_our_own_lines_without_our_record_are_not_read_as_gpt_fasts() -> None:
    ours = "First token after 3.34 ms, then 1.974 ms per token"
    assert gpt_fast.results(lines(ours), "some.log") == []


@pytest.mark.parametrize(
    ("example", "stage"),
    [
        ("baseline", "baseline"),
        ("compile", "compile"),
        ("quantize + compile", "quantize"),
        ("quantize + compile + speculative", "speculative"),
        ("Tensor Parallelism + quantize + compile", "tp"),
        ("tp + speculative", None),
        ("baseline + compile", None),
        ("turbo compile", None),
        ("something", None),
    ],
)
def test_the_stage_is_taken_from_the_example_where_that_is_clear(
    example: str, stage: str | None
) -> None:
    assert stage_of(example) == stage


# Whatever is said


said = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.sampled_from(lines()),
        st.builds("{} {}".format, st.sampled_from(list(STARTS)), st.text(max_size=30)),
        st.builds(
            "Time for inference {}: {} sec total, {} tokens/sec".format,
            st.integers(0, 4),
            st.floats(),
            st.floats(),
        ),
        st.builds("Average tokens/sec: {}".format, st.floats()),
    ),
    max_size=30,
)


@quick
@given(said)
def test_no_number_is_invented(log: list[str]) -> None:
    numbers = numbers_in("\n".join(log).encode())
    for found in gpt_fast.results(log, "some.log"):
        assert numbers_of(found) <= numbers
        if found.tokens_per_second is not None and found.speeds:
            most = max(*found.speeds, found.tokens_per_second)
            assert 0 <= found.tokens_per_second <= most < 1e12


@quick
@given(
    st.lists(st.text(max_size=60), max_size=4),
    st.lists(st.floats(0.1, 1e4), min_size=1, max_size=4),
)
def test_whatever_the_model_says_the_samples_are_read(text: list[str], speeds: list[float]) -> None:
    log = ["Using device=cuda", "Time to load model: 1.00 seconds"]
    for number, speed in enumerate(speeds, start=1):
        log += text
        log.append(f"Time for inference {number}: 2.00 sec total, {speed:.2f} tokens/sec")
        log.append("Bandwidth achieved: 100.00 GB/s")
    average = sum(speeds) / len(speeds)
    log += ["==========", f"Average tokens/sec: {average:.2f}", "Memory used: 1.00 GB"]
    (found,) = gpt_fast.results(log, "some.log")
    assert found.speeds == [round(speed, 2) for speed in speeds]
    assert found.tokens_per_second == round(average, 2)


@pytest.mark.parametrize("log", LOGS, ids=lambda path: path.stem)
def test_a_log_in_blocks_says_what_its_lines_say(log: Path) -> None:
    content = log.read_bytes()
    assert in_blocks(content) == line_by_line(content)


def in_blocks(content: bytes) -> list[Result]:
    return gpt_fast.results_in_blocks(blocks(io.BytesIO(content)), "some.log")


def line_by_line(content: bytes) -> list[Result]:
    """The slow way, which looks at each line alone."""
    return gpt_fast.results(needle_lines(io.BytesIO(content), gpt_fast.NEEDLES), "some.log")


SHAPES = [
    *lines("FLOPS achieved: 0.50 TF/s"),
    "Time for inference 0: 2.00 sec total, 50.00 tokens/sec",
    "Time for inference 2: 2.00 sec total, 50.00 tokens/sec",
    "Time for inference 2: 2.00 sec total, nan tokens/sec",
    "Time for inference: 2.00 sec total, 50.00 tokens/sec",
    "Time for inference 000001: 2 sec total, 50.00 tok/s",
    "[rank1]: Time for inference 1: 2.00 sec total, 60.00 tokens/sec",
    "[rank1]: Bandwidth achieved: 7.00 GB/s",
    "Bandwidth achieved: 1.00 TB/s",
    "Bandwidth achieved: 99999999999999.00 GB/s",
    "\x1b[32mBandwidth achieved: 2.00 GB/s\x1b[0m",
    "Time to load model: 12.71 seconds",
    "Time to load model: 9.00 sec",
    "Compilation time: 45.80 seconds",
    "Loading model ...",
    "Using int8 weight-only quantization!",
    "Using int4 weight-only quantization!",
    "Time to load the model weights: 0.03 seconds.",
    "Model was initialized with precision torch.bfloat16.",
    "Loading model 'lit_model.pth' with {'name': 'tiny', 'block_size': 512}",
    "Acceptance rate: 83.33%",
    "Time to first token: 2.0772 sec with parallel prefill.",
    "      Total throughput: 9.9296 tokens/sec, 0.1007 s/token",
    "just-in-time compilation time (incl run time): 4.4e+01 seconds",
    "Sample 1 | overall time 1.8600 s 107.53 tokens/sec | prefill time 0.0210 s decode 108.70 tokens/sec",  # noqa: E501
    "Average TTFT: 0.0209 s",
    "Peak Memory Usage: 13.88 GB",
    "Namespace(prompt='a, b=1', num_samples=2, max_new_tokens=200, batch_size=1)",
    "Applying tensor parallel to model ...",
    "Using device=cuda:1",
    "====================",
    "Acceptance probs: [0.1, 0.9]",
    "Mean Accepted: 3.75",
    "Batch Size: 4",
    "Prompt Length: 6",
    "Generated tokens: 200",
    "Average tokens/sec: 75.00",
    "Average tokens/sec (decode only): 50.00",
    "Example:= quantize + compile",
    "Example:= baseline",
    "a = b: c",
    "he said: Memory used: 3.00 GB",
    "",
]


@settings(max_examples=600, deadline=None)
@given(
    st.lists(st.sampled_from(SHAPES) | st.text(max_size=20), max_size=40),
    st.sampled_from(["\n", "\r\n", "\r", "\n\0"]),
    st.integers(2, 300),
    st.booleans(),
)
def test_blocks_say_what_lines_say_whatever_there_is(
    log: list[str], end: str, block: int, ended: bool
) -> None:
    content = (end.join(log) + (end if ended else "")).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines_module, "BLOCK", block)
        assert in_blocks(content) == line_by_line(content)


@quick
@given(st.lists(st.floats(0.0, 1e12) | st.floats(99.9, 100.0), min_size=2, max_size=8))
def test_the_deviation_is_that_of_the_samples(speeds: list[float]) -> None:
    expected = pytest.approx(statistics.stdev(speeds), rel=1e-9, abs=1e-14 * max(speeds))
    assert deviation(speeds) == expected
    assert deviation([speeds[0]] * 5) == 0.0
    assert deviation(speeds[:1]) is None


@quick
@given(st.lists(st.sampled_from([*lines(), "Time for inference 2: 1.00 sec total, 9 tokens/sec"])))
def test_what_a_model_imitates_before_a_sample_does_not_count(imitated: list[str]) -> None:
    """The lines of a sample, and all that a header says, come after what the model said of it."""
    imitated = [line for line in imitated if not line.startswith("Using device")]
    log = ["Using device=cpu", "Time to load model: 1.00 seconds", *imitated, *lines()[1:]]
    (found,) = gpt_fast.results(log, "some.log")
    assert found.speeds[0] == 100.0
    assert (found.device, found.memory_gb) == ("cpu", 13.9)
