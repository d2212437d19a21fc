"""Relatives of gpt-fast, runs that print no footer, and the settings that a log tells."""

from __future__ import annotations

import io
from typing import Any

import pytest

from workshop.record.readers import gpt_fast
from workshop.record.readers.lines import blocks
from workshop.record.results import Result

HEADER = ["Using device=cuda", "Loading model ..."]
LOADED = "Time to load model: 1.00 seconds"
SAMPLE = [
    "Time for inference 1: 2.00 sec total, 100.00 tokens/sec",
    "Bandwidth achieved: 1348.00 GB/s",
]
FOOTER = ["==========", "Average tokens/sec: 100.00", "Memory used: 13.90 GB"]
LITGPT = [
    "Loading model 'lit_model.pth' with {'name': 'tiny', 'block_size': 512}",
    "Time to instantiate model: 0.02 seconds.",
    "Time to load the model weights: 0.03 seconds.",
]


def run(*lines: str) -> Result:
    """The one run of a log, which both ways of reading agree on but for how the log ends."""
    log = "".join(line + "\n" for line in lines).encode()
    (found,) = gpt_fast.results_in_blocks(blocks(io.BytesIO(log)), "some.log")
    return found


def test_an_excerpt_is_incomplete_and_has_its_numbers() -> None:
    found = run("text of the model", *SAMPLE)
    assert (found.status, found.speeds, found.bandwidth_gb_per_second) == (
        "incomplete",
        [100.0],
        1348.0,
    )


def test_an_excerpt_may_begin_with_any_sample() -> None:
    lines = [line.replace("inference 1", "inference 3") for line in SAMPLE]
    more = [line.replace("inference 1", "inference 4") for line in SAMPLE]
    assert run(*lines, *more).speeds == [100.0, 100.0]


def test_what_stands_before_sample_1_is_no_excerpt() -> None:
    imitated = [line.replace("inference 1", "inference 7") for line in SAMPLE]
    assert run(*imitated, *SAMPLE).speeds == [100.0]


# What is 0 on a CPU, and what is not printed there


def test_memory_that_cuda_has_not_reserved_is_not_known() -> None:
    found = run(*HEADER, LOADED, *SAMPLE, *FOOTER[:-1], "Memory used: 0.00 GB")
    assert (found.status, found.memory_gb) == ("ok", None)


def test_litgpts_run_is_complete_without_a_footer() -> None:
    found = run(*LITGPT, SAMPLE[0])
    assert (found.status, found.load_seconds, found.model) == ("ok", 0.03, "tiny")


CHAT = [
    "Time for inference: 1.05 sec total, 47.60 tokens/sec, 50 tokens",
    "",
    "Time for inference: 1.00 sec total, 50.00 tokens/sec, 50 tokens",
]


def test_litgpts_chat_is_complete_without_a_footer() -> None:
    found = run("Now chatting with tiny.", *CHAT)
    assert (found.status, found.speeds) == ("ok", [47.6, 50.0])


def test_litgpts_chat_that_an_error_ends_is_not() -> None:
    assert run(*CHAT, "Killed").status == "incomplete"


def test_a_chats_line_in_a_models_text_ends_no_run() -> None:
    assert run(*HEADER, LOADED, CHAT[0], *SAMPLE).status == "incomplete"


WHOLE = [*HEADER, "Using int8 weight-only quantization!", LOADED, "text", *SAMPLE, *FOOTER]


@pytest.mark.parametrize(
    "prefix",
    [
        "llm-1  | ",
        "llama-server-1  | ",
        "(RayWorkerWrapper pid=1234, ip=10.0.0.7) ",
        "\x1b[36m(Worker pid=1234)\x1b[0m ",
        "node07: ",
        "gpu-a-01: ",
        "node07.cluster.local: ",
        "1784479233.622123 ",
        "[prterun-node07-1234@1,0]<stdout>: ",
        "[pod/llm-0/main] ",
        "llm-1  | 2026-07-13T18:42:28.765123456Z ",
        "[default0]:[rank0]:",
        "Dec 03 14:58:42 node07 llm[937]: ",
        "[2026-07-13 18:42:28,765][__main__][INFO] - ",
        "2026-07-13 18:42:28,765 INFO main.py:12 ",
    ],
)
def test_a_run_is_read_behind_any_known_prefix(prefix: str) -> None:
    assert run(*(prefix + line for line in WHOLE)) == run(*WHOLE)


def test_runs_of_two_containers_are_told_apart() -> None:
    other = [line.replace("100.00 tokens", "50.00 tokens") for line in WHOLE]
    other = [line.replace("tokens/sec: 100.00", "tokens/sec: 50.00") for line in other]
    pairs = zip(WHOLE, other, strict=True)
    log = "".join(f"llm-1  | {one}\nllm-2  | {two}\n" for one, two in pairs).encode()
    found = gpt_fast.results_in_blocks(blocks(io.BytesIO(log)), "some.log")
    assert [(one.status, one.tokens_per_second) for one in found] == [("ok", 100.0), ("ok", 50.0)]


def test_a_models_words_before_a_bar_are_no_container() -> None:
    imitated = [f"word | {line}" for line in SAMPLE]
    assert run(*HEADER, LOADED, *imitated, *SAMPLE, *FOOTER).speeds == [100.0]


@pytest.mark.parametrize(
    "end",
    [
        "Traceback (most recent call last):",
        "slurmstepd: error: *** JOB 4711 ON node01 CANCELLED AT 2025-01-01T00:00:00 ***",
        "srun: error: node01: task 0: Killed",
        "Killed",
    ],
)
def test_litgpts_run_that_an_error_ends_is_not(end: str) -> None:
    assert run(*LITGPT, SAMPLE[0], end).status == "incomplete"


def test_an_error_that_the_model_writes_of_before_the_last_sample_is_none() -> None:
    assert run(*LITGPT, "Killed", SAMPLE[0]).status == "ok"


def test_torchtunes_run_is_complete_without_memory() -> None:
    log = ["INFO:torchtune:Model was initialized with precision torch.float32."]
    log += [f"INFO:torchtune:{line}" for line in SAMPLE]
    found = run(*log)
    assert (found.status, found.dtype) == ("ok", "float32")


@pytest.mark.parametrize(
    ("line", "gigabytes"),
    [
        ("Max memory allocated: 15.72 GB", 15.72),
        ("Max memory allocated: 14.00 GiB", 14 * 2**30 / 1e9),
        ("Peak Memory Usage: 13.88 GB", 13.88),
    ],
)
def test_relatives_call_memory_otherwise(line: str, gigabytes: float) -> None:
    without_number = SAMPLE[0].replace("inference 1", "inference")
    assert run(without_number, SAMPLE[1], line).memory_gb == pytest.approx(gigabytes)


# Settings


@pytest.mark.parametrize(
    ("lines", "conditions"),
    [
        ([], {}),
        (["Using int8 weight-only quantization!"], {"quantisation": "int8"}),
        (
            ["Using int4 weight-only quantization!", "Applying tensor parallel to model ..."],
            {"quantisation": "int4", "tensor parallel": True},
        ),
        (
            ["Using int8 weight-only quantization!", "Using int4 weight-only quantization!"],
            {"quantisation": "int8", "draft quantisation": "int4"},
        ),
        (
            ["a warning of Python", "Using int8 weight-only quantization!"],
            {"quantisation": "int8"},
        ),
    ],
)
def test_what_is_said_while_a_model_is_loaded_is_a_condition(
    lines: list[str], conditions: dict[str, Any]
) -> None:
    assert run(*HEADER, *lines, LOADED, *SAMPLE, *FOOTER).conditions == conditions


def test_what_the_model_says_of_its_weights_is_none() -> None:
    imitated = "Using int8 weight-only quantization!"
    assert run(*HEADER, LOADED, imitated, *SAMPLE, *FOOTER).conditions == {}


def test_torchaos_arguments_are_conditions() -> None:
    arguments = (
        "Namespace(prefill_size=None, prompt='a, batch_size=9, b', num_samples=2,"
        " max_new_tokens=200, batch_size=4, temperature=0.8, quantization='int4wo-64',"
        " compile=True, precision=torch.bfloat16, checkpoint_path=PosixPath('model.pth'))"
    )
    found = run(arguments, *HEADER, LOADED, *SAMPLE, *FOOTER)
    assert (found.batch_size, found.new_tokens, found.dtype) == (4, 200, "bfloat16")
    assert found.conditions == {
        "temperature": 0.8,
        "quantization": "int4wo-64",
        "compile": True,
    }


# Acceptance


def accepted(probs: str, mean: str) -> Result:
    footer = [FOOTER[0], f"Acceptance probs: [{probs}]", f"Mean Accepted: {mean}", *FOOTER[1:]]
    return run(*HEADER, LOADED, *SAMPLE, *footer)


def test_acceptance_counts_guesses_without_the_token_that_each_pass_adds() -> None:
    found = accepted("0.5, 0.25, 0.25", "0.75")
    assert (found.mean_accepted, found.acceptance_rate) == (0.75, 0.375)
    assert found.acceptance_by_position == [0.5, 0.25]
    assert found.conditions == {"draft tokens": 2}


@pytest.mark.parametrize("probs", ["", "0.5, 0.25", "0.5, 0.5, 0.5", "0.5, e, 0.5", "1.0"])
def test_shares_that_do_not_have_the_mean_are_not_taken(probs: str) -> None:
    found = accepted(probs, "0.75")
    assert (found.mean_accepted, found.acceptance_rate) == (0.75, None)


def test_litgpts_acceptance_is_that_of_a_single_sample() -> None:
    one = ["Acceptance rate: 83.33%", SAMPLE[0]]
    two = ["Acceptance rate: 50.00%", SAMPLE[0].replace("inference 1", "inference 2")]
    assert run(*LITGPT, *one).acceptance_rate == pytest.approx(0.8333)
    assert run(*LITGPT, *one, *two).acceptance_rate is None


def test_litgpts_draft_is_a_condition() -> None:
    models = [
        f"Loading {kind} model 'lit_model.pth' with {{'name': '{kind} 1B', 'hf_config': {{}}}}"
        for kind in ("draft", "target")
    ]
    load = "Time to load the models weights: 0.50 seconds."
    found = run(*models, load, "Acceptance rate: 83.33%", SAMPLE[0])
    assert (found.status, found.model, found.load_seconds) == ("ok", "target 1B", 0.5)
    assert found.conditions == {"draft model": "draft 1B"}


# torchchat


def torchchat(nth: int, first: str, speed: str) -> list[str]:
    return [
        f"Time for inference {nth}: 5.0354 sec total                 ",
        f"Time to first token: {first} sec with sequential prefill.                ",
        "",
        f"      Total throughput: {speed} tokens/sec, 0.1007 s/token                 ",
        f"First token throughput: {speed} tokens/sec, 2.0772 s/token                 ",
        "Bandwidth achieved: 159.48 GB/s",
    ]


def test_a_first_sample_with_compilation_is_not_in_the_average() -> None:
    found = run(
        *HEADER,
        *torchchat(1, "40.0000", "1.0000"),
        "just-in-time compilation time (incl run time): 4.4e+01 seconds",
        *torchchat(2, "0.5000", "10.0000"),
        "      Average tokens/sec (total): 10.00                 ",
        "Memory used: 16.30 GB",
    )
    assert (found.speeds, found.ttft_seconds, found.compile_seconds) == ([10.0], 0.5, 44.0)
    assert found.conditions == {"prefill": "sequential"}
