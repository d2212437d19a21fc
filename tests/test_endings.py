"""What ended a job, in the words of Slurm and of programs, behind whatever stands before them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from builders import START, only, settings_line
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_corpus import EXPECTED, logs_of
from test_last_words import LINES as EARLIER

from workshop.record.readers import read_logs
from workshop.record.readers.endings import RULES
from workshop.record.readers.entries import entry
from workshop.record.readers.last_words import LastWords, Listener, last_words
from workshop.record.readers.prefixes import layers, without_prefixes

AT = "ON n01 CANCELLED AT 2026-07-13T18:42:28"
TIME_LIMIT = f"slurmstepd: error: *** JOB 101 {AT} DUE TO TIME LIMIT ***"
REASON = (
    "slurmstepd: error: *** REASON: Reservation cls, which this job was running under, has ended "
    "***"
)
LAUNCH = "srun: error: Task launch for StepId=20.0 failed on node n33: "
GPU_FULL = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."
DUPLICATE = "Duplicate GPU detected : rank 1 and rank 0 both on CUDA device 1000"
INVALID_USAGE = (
    "torch.distributed.DistBackendError: NCCL error in: ../torch/csrc/distributed/c10d/"
    "ProcessGroupNCCL.cpp:1691, invalid usage (run with NCCL_DEBUG=WARN for details), NCCL version "
    "2.19.3"
)
KILLED = "srun: error: n01: task 0: Killed"

# A line, what its reason says, and what its advice says.
LINES = [
    # Slurm
    (f"slurmstepd: error: *** JOB 7 {AT} DUE to SIGNAL Terminated ***", "scancel", "submit"),
    (f"slurmstepd: error: *** JOB 7 {AT} DUE to SIGNAL Killed ***", "scancel", "submit"),
    (f"slurmstepd: error: *** STEP 7.0 {AT} DUE to SIGNAL Terminated ***", "by a signal", "submit"),
    (f"slurmstepd: error: *** STEP 7.0 {AT} DUE TO TASK FAILURE ***", "one of them failed", None),
    (f"slurmstepd: error: *** JOB 7 {AT} DUE TO A NEW CAUSE ***", "A NEW CAUSE", "sacct"),
    (
        "slurmstepd: error: *** JOB 7 STEPD TERMINATED ON n01 AT 2026-07-13T18:42:28 DUE TO JOB "
        "NOT ENDING WITH SIGNALS ***",
        "on n01 did not end",
        "--exclude n01",
    ),
    (
        "slurmstepd: error: *** JOB 7 ON n01 FAILED (non-zero exit code or other failure mode) ***",
        "failed",
        None,
    ),
    (REASON, "the reservation cls ended", "without --reservation"),
    ("slurmstepd: error: *** REASON: out of credit ***", "ended the job: out of credit", "sacct"),
    (
        "slurmstepd: error: *** REASON: Job is at or exceeds QOS edu's group max TRES(cpu) minutes "
        "of 100 with 120 ***",
        r"\(QOS edu\) has used up its time",
        "--qos",
    ),
    (
        "slurmstepd: error: *** REASON: Job is at or exceeds association (acc=edu20/user=/part="
        "(null)) group wall limit 100 with 120 ***",
        r"\(edu20\) has used up its time",
        "--account",
    ),
    (
        "slurmstepd: error: *** REASON: Job is at or exceeds QOS edu's max TRES(gres/gpu) minutes "
        "of 10 with 12 ***",
        "as many gres/gpu minutes as one job may",
        "fewer GPUs",
    ),
    (
        "salloc: Job 1 has exceeded its time limit and its allocation has been revoked.",
        "reached its time limit",
        "--time",
    ),
    ("salloc: Job allocation 1 has been revoked.", "allocation ended", "sacct"),
    ("srun: error: Job allocation 1 has been revoked", "allocation ended", "submit"),
    ("srun: forcing job termination", "by a signal", "submit"),
    ("srun: Job step aborted: Waiting up to 32 seconds for job step to finish.", "stopped", None),
    (
        "srun: error: CPU binding outside of job step allocation, allocated CPUs are: 0x000F.",
        "refused the CPU binding",
        "unset SLURM_CPU_BIND",
    ),
    (f"{LAUNCH}Unable to satisfy cpu bind request", "refused the CPU binding", "SLURM_CPU_BIND"),
    (
        "srun: error: Application launch failed: Unable to layout tasks on given cpus",
        "refused the CPU binding",
        "SLURM_CPU_BIND",
    ),
    (f"{LAUNCH}Job prolog failed", "the prolog.*failed on n33", "--exclude"),
    ("srun: error: Application launch failed: Job prolog failed", "the prolog", "support"),
    ("slurmstepd: error: TaskProlog failed status=1", "a prolog", "support"),
    (f"{LAUNCH}Socket timed out on send/recv operation", "on n33: Socket timed out", "--exclude"),
    ("srun: error: task 0 launch failed: Slurmd could not connect IO", "could not launch", None),
    (
        "slurmstepd: error: couldn't chdir to `/scratch/ada': No such file or directory: going to "
        "/tmp instead",
        "/scratch/ada cannot be used on the node: No such file",
        "nodes see too",
    ),
    # The GPU and its driver
    (
        "torch.AcceleratorError: CUDA error: no kernel image is available for execution on the "
        "device",
        "no code for this kind of GPU",
        "get_arch_list",
    ),
    (
        "CUDA error: no kernel image is available for execution on the device",  # llama.cpp's
        "no code for this kind of GPU",
        "another GPU",
    ),
    ("RuntimeError: CUDA error: invalid device ordinal", "the job does not have", "--gpus"),
    (
        "RuntimeError: CUDA error: device-side assert triggered",
        "index out of range",
        "CUDA_LAUNCH_BLOCKING=1",
    ),
    (
        "RuntimeError: CUDA error: CUDA driver version is insufficient for CUDA runtime version",
        "driver is too old",
        "nvidia-smi",
    ),
    (
        "RuntimeError: The NVIDIA driver on your system is too old (found version 12080). Please "
        "update your GPU driver by downloading and installing a new version from the URL: "
        "http://www.nvidia.com/Download/index.aspx",
        "driver is too old",
        "nvidia-smi",
    ),
    ("CUDA error: out of memory", "the GPU's memory is full", "smaller"),
    ("CUDA out of memory. Tried to allocate 2.00 GiB.", "the GPU's memory is full", "smaller"),
    (
        "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 4096.00 MiB on device 0: "
        "cudaMalloc failed: out of memory",
        "the GPU's memory is full",
        "-ngl",
    ),
    ("ggml_vulkan: Device memory allocation of size 1037832192 failed.", "memory is full", "-ngl"),
    ("ggml_vulkan: vk::Device::allocateMemory: ErrorOutOfDeviceMemory", "memory is full", "-ngl"),
    (f"[rank1]: {DUPLICATE}", "ranks 1 and 0 use the same GPU", "--gpus"),
    (
        f"n01:29880:30398 [0] init.cc:497 NCCL WARN {DUPLICATE}",
        "ranks 1 and 0 use the same GPU",
        "local rank",
    ),
    ("ncclInvalidUsage: This usually reflects invalid usage of NCCL library.", "NCCL", "DEBUG"),
    # Programs of another system
    (
        "python: /lib64/libc.so.6: version `GLIBC_2.34' not found (required by python)",
        "GLIBC_2.34 is missing",
        "module",
    ),
    (
        "ImportError: /lib64/libstdc++.so.6: version `GLIBCXX_3.4.29' not found (required by "
        "/home/ada/env/lib/python3.11/site-packages/x.so)",
        "GLIBCXX_3.4.29 is missing",
        "module",
    ),
    (
        "python: error while loading shared libraries: libpython3.11.so.1.0: cannot open shared "
        "object file: No such file or directory",
        "library libpython3.11.so.1.0 is not found",
        "LD_LIBRARY_PATH",
    ),
    (
        "ImportError: libcudart.so.12: cannot open shared object file: No such file or directory",
        "library libcudart.so.12 is not found",
        "module",
    ),
    (
        "slurm_script: line 5: /opt/arm/python: cannot execute binary file: Exec format error",
        "/opt/arm/python is no program that this node can run",
        "uname -m",
    ),
    ("OSError: [Errno 8] Exec format error: './tool'", "./tool is no program", "#!"),
    ("OSError: [Errno 8] Exec format error", "a file is no program", "#!"),
    ("bash: ./tool: cannot execute binary file", "./tool is no program", "uname -m"),
    ("/bin/sh: 1: ./tool: Exec format error", "./tool is no program", "uname -m"),
    (
        "slurm_script: line 3: ./tool: cannot execute: required file not found",
        "./tool cannot be run.*loader",
        "file ./tool",
    ),
    ("bash: ./tool: /no/bash: bad interpreter: No such file or directory", "./tool cannot", "#!"),
    ("exec /usr/bin/python3: exec format error", "/usr/bin/python3 is no program", "uname -m"),
    ("slurmstepd: error: execve(): /home/ada/x: Exec format error", "/home/ada/x is no", "#!"),
    ("srun: error: n01: task 0: Illegal instruction (core dumped)", "other processors", "constr"),
    (
        "srun: error: n2: task 0: Floating point exception (core dumped)",
        "Floating point exception",
        "PYTHONFAULTHANDLER",
    ),
    ("slurm_script: line 3: 77 Floating point exception(core dumped) ./x", "divided", None),
    ("Floating point exception (core dumped)", "divided", None),
    ("srun: error: n2: task 0: Trace/breakpoint trap (core dumped)", "breakpoint trap", None),
    # Containers
    (
        "FATAL:   could not open image /home/ada/llm.sif: failed to retrieve path for "
        "/home/ada/llm.sif: lstat /home/ada/llm.sif: no such file or directory",
        "image /home/ada/llm.sif is not there",
        "nodes can read",
    ),
    (
        "FATAL:   could not open image llm.sif: SIF image llm.sif is corrupted: wrong partition "
        "size",
        "cannot be used: SIF image llm.sif is corrupted",
        None,
    ),
    ("slurmstepd: error: pyxis: failed to import docker image", "could not be fetched", "name"),
    ("pyxis: failed to import docker image: llm:9", "image llm:9 could not be fetched", "name"),
    (
        "slurmstepd: error: pyxis:     [ERROR] URL https://registry-1.docker.io/v2/library/llm/"
        "manifests/latest returned error code: 401 Unauthorized",
        "refused https.*401 Unauthorized",
        "log in",
    ),
    ("[ERROR] No such file or directory: /home/ada/llm.sqsh", "llm.sqsh is not there", "path"),
    # The disk
    ("OSError: [Errno 116] Stale file handle: '/home/ada/x'", "stale file handle", "--exclude"),
    ("slurm_script: line 3: cd: /home/ada: Stale file handle", "stale file handle", "anew"),
    (
        "safetensors_rust.SafetensorError: Error while serializing: IoError(Os { code: 28, kind: "
        'StorageFull, message: "No space left on device" })',
        "disk is full",
        "space",
    ),
    # Modules
    ("  Module ERROR: invalid command name \"x\"", "module is broken: invalid", "support"),
    ('    HINT: Might try "module unload openmpi" first.', "beside openmpi", "unload openmpi"),
]  # fmt: skip
ALL = [line for line, _, _ in (*LINES, *EARLIER)]


def understood(line: str) -> LastWords:
    words = last_words([line])
    assert words is not None, line
    return words


@pytest.mark.parametrize(("line", "reason", "advice"), LINES)
def test_a_line_that_tells_why_is_understood(line: str, reason: str, advice: str | None) -> None:
    words = understood(line)
    assert re.search(reason, words.reason)
    assert re.search(advice or "", words.advice or "")
    assert "{" not in f"{words.reason}{words.advice}"


@pytest.mark.parametrize("line", [line for line, _, _ in LINES])
def test_the_models_own_text_never_tells_why(line: str) -> None:
    for before in ("  | ", "0:   | ", "llm-1  |   | ", "Once upon a time, ", 'She wrote: "', "> "):
        assert last_words([before + line]) is None


def test_every_rule_has_a_line_here_and_is_asked_about_it() -> None:
    """A line is only held against the rules if it has certain words: none may lack them."""
    reached = set()
    for line in (*ALL, *MORE):
        fits = (
            rule
            for layer in layers(line)[1]
            for rule in RULES
            if re.fullmatch(rule.pattern, layer.lstrip())
        )
        if (first := next(fits, None)) is not None:
            understood(line)
            reached.add(first)
    assert [rule.reason for rule in RULES if rule not in reached] == []


# Lines for the rules that no other test has one for
MORE = [
    "torch.OutOfMemoryError: Allocation on device 0 would exceed allowed memory. (out of memory)",
    "slurmstepd: error: *** STEP 7.0 ON n01 UNCORRECTABLE MEMORY ERROR AT 2026-07-13T18:42:28 ***",
    "ERROR: Module cannot be loaded due to a conflict.",
    "ERROR: Module cannot be loaded due to missing prereq.",
    "    HINT: the following module must be loaded first: openmpi",
    "    HINT: at least one of the following modules must be loaded first: openmpi",
    "ERROR: Access to module forb/1 is denied",
    "  ERROR: Module evaluation aborted",
    "slurm_script: line 6: /no/bin/python3: Permission denied",
    "/opt/bin/python3: can't open file '/no/x.py': [Errno 2] No such file or directory",
    'slurmstepd: error: pyxis: error: a container with name "pyxis_llm" does not exist, and '
    "--container-image is not set",
    "slurmstepd: error: pyxis: couldn't start container",
    "docker: Error response from daemon: pull access denied for llm, repository does not exist or "
    "may require 'docker login'",
    "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): "
    "{}",
    "No complete result: rank 0 ended without a message",
    "No complete result: rank 0 ended without a word",  # of older versions
    "[E1102 10:00:01.123 ProcessGroupNCCL.cpp:616] [Rank 0] Watchdog caught collective operation "
    "timeout: WorkNCCL(SeqNum=3)",
    "/opt/env/torch/cuda/__init__.py:180: UserWarning: CUDA initialization: The NVIDIA driver on "
    "your system is too old (found version 12020). Please update your GPU driver",
]


# What stands before a line: each of these says the same with it as without

STAMPS = [  # Slurm's LogTimeFormat: iso8601_ms, iso8601, rfc5424_ms, rfc5424, rfc3339, short, ...
    "[2026-07-13T18:42:28.765] ",
    "[2026-07-13T18:42:28] ",
    "[2026-07-13T18:42:28.765+02:00] ",
    "[2026-07-13T18:42:28+02:00] ",
    "[2026-07-13T18:42:28Z] ",
    "[Jul 13 18:42:28] ",
    "[Jul 13 18:42:28.977597 28168 worker[6]    0x7fbbc9b156c0] ",  # thread_id
    "[13895] ",  # clock
    "[1783968148] ",  # unix
    "",  # omit
]
PREFIXES = [
    "0: ",
    " 12: ",
    "[rank0]: ",
    "[rank 3] ",
    "[default0]:",
    "[1,0]<stderr>:",
    "(EngineCore pid=12) ",
    "(EngineCore_DP0 pid=4711) ERROR 11-29 20:02:43 [core.py:1] ",
    "ERROR 11-29 20:02:43 [v1/engine/core.py:1] ",
    "(APIServer pid=11)  INFO 11-29 20:02:43 [api.py:1] ",
    "(Worker pid=4711, ip=10.0.0.7) ",
    "(VllmWorker rank=1 pid=99) ERROR 11-29 20:02:43 [multiproc.py:9] ",
    "Nov 29 20:02:43 n01 ollama[123]: ",
    "2026-11-29T20:02:43+0100 n01 python3[77]: ",
    "llm-1  | ",
    "vllm_server_1  | ",
    "[pod/llm-7d9f/server] ",
    "2026-11-29T20:02:43.123456789Z ",
    "2026-11-29T20:02:43.123456789Z stderr F ",
    "2026-11-29 20:02:43,123 - vllm.engine - ERROR - ",
    "2026-11-29 20:02:43.123 | ERROR    | app.main:run:12 - ",
    "[2026-11-29 20:02:43 TP0] ",
    "[2026-11-29 20:02:43] [ERROR] ",
    "E1129 20:02:43.123000 4711 site-packages/torch/x.py:869] ",
    "ERROR:vllm.engine:",
    "worker-0: ",
    "node07.cluster.local: ",
    "[prterun-node07-1234@1,0]<stdout>: ",
    "[2026-07-13 18:42:28,765][__main__][INFO] - ",
    "[2026-07-13 18:42:28,765][ERROR] - ",
    "2026-07-13 18:42:28,765 INFO main.py:12 ",
    "[2026-07-13 18:42:28] INFO main.py:12: ",
    "[2026-07-13 18:42:28,765] [INFO] [main.py:12:main] ",
    "Jul 13 18:42:28 ",
    "Dec 03 14:58:42 node07 llama-server: ",
    "1784479233.622123 ",
    "0.02.468.179 E ",
    "[INFO] ",
]
BARS = [
    "Loading checkpoint shards:  33%|###3      | 1/3 [00:21<00:43, 21.9s/it]",
    "  0%|          | 0/50 [00:00<?, ?it/s] 22%|##2       | 11/50 [1:56:30<6:52:17, 634.30s/it]",
    "Map: 45%|\u2588\u2588\u2588\u2588\u258c     | 450/1000 [02:12<02:59, 3.28 examples/s]",
    "model.safetensors:  45%|####5     | 2.1G/4.9G [00:10<00:12, 210MB/s] ",
    "epoch 1:  45%|####5     | 450/1000 [02:12<02:59,  3.28it/s, loss=0.123, lr=1e-4]",
]
TAGGED = [line for line in ALL if re.match(r"slurmstepd(-\S+)?: error: ", line)]


def stamped(line: str, stamp: str) -> str:
    """The line as Slurm 25.05 and later write it."""
    return stamp + re.sub(r"^slurmstepd(-\S+)?: ", "", line)


@pytest.mark.parametrize("stamp", STAMPS)
@pytest.mark.parametrize("line", TAGGED)
def test_slurms_newer_lines_say_what_its_older_lines_say(line: str, stamp: str) -> None:
    assert understood(stamped(line, stamp)).reason == understood(line).reason


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_line_says_the_same_behind_any_prefix(prefix: str) -> None:
    for line in ALL:
        plain, behind = understood(line), understood(prefix + line)
        assert (behind.reason, behind.advice) == (plain.reason, plain.advice)


@settings(max_examples=300)
@given(
    st.sampled_from(ALL),
    st.lists(st.sampled_from(PREFIXES), max_size=3),
    st.sampled_from(STAMPS),
    st.sampled_from(["", *BARS]),
)
def test_any_known_line_stays_known_behind_prefixes_stamps_and_bars(
    line: str, prefixes: list[str], stamp: str, bar: str
) -> None:
    plain = understood(line)
    shown = stamped(line, stamp) if line in TAGGED else line
    words = understood(bar + "".join(prefixes) + shown)
    assert (words.reason, words.advice) == (plain.reason, plain.advice)


@pytest.mark.parametrize("bar", [*BARS, "Loading ... ", "Downloading: 45% ", "The quick brown fox"])
@pytest.mark.parametrize("stamp", [None, *STAMPS[:-1]])
def test_slurms_line_is_found_behind_what_had_no_newline(bar: str, stamp: str | None) -> None:
    line = TIME_LIMIT if stamp is None else stamped(TIME_LIMIT, stamp)
    assert understood(bar + line).reason == "the job reached its time limit"


def test_slurms_line_is_found_behind_thousands_of_bars() -> None:
    assert "time limit" in understood(BARS[0] * 2000 + TIME_LIMIT).reason


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_leaves_the_line_and_names_the_process(prefix: str) -> None:
    name, line = without_prefixes(f"{prefix}The line | and 1: [2] (more) ")
    assert line == "The line | and 1: [2] (more) "
    assert name in prefix


@pytest.mark.parametrize(
    "line",
    [
        "Once upon a time",
        "llama_print_timings:        eval time =    6400.00 ms /   395 runs",
        "| model | size | params | backend |",
        "============ Serving Benchmark Result ============",
        "Throughput: 1.97 requests/s, 1018.95 total tokens/s, 504.89 output tokens/s",
        "12.5 tokens/s",
        '{"a": 1}',
        "",
    ],
)
def test_a_line_without_a_prefix_is_left_as_it_is(line: str) -> None:
    assert without_prefixes(line) == ("", line)


ROWS = [
    "| model                |       size |     params | backend    |          test |      t/s |",
    "| -------------------- | ---------: | ---------: | ---------- | ------------: | -------: |",
    "| llama 8B Q4_K - Med  |   4.58 GiB |     8.03 B | CUDA       |         tg128 | 100 ± 1 |",
    "| llama 8B Q4_K - Med  |   4.58 GiB |     8.0",
    "|a|b|",
]


@pytest.mark.parametrize("prefix", [*PREFIXES, "00:00:12 ", "2026-07-13 18:42:28 ", "INFO:    "])
@pytest.mark.parametrize("row", ROWS)
def test_the_bar_that_begins_a_row_of_a_table_is_no_part_of_a_prefix(prefix: str, row: str) -> None:
    assert without_prefixes(prefix + row)[1] == row
    assert without_prefixes("llm-1  | " + prefix + row)[1] == row


@pytest.mark.parametrize(
    "line",
    [
        "total duration:       4.5s",
        "eval rate:            69.30 tokens/s",
        "Prefill. latency: 0.02265 s, throughput:   2648.96 token/s",
        "Decode.  median latency: 0.00585 s",
        "slot print_timing: id  0 | task 0 |",
        "Inter-token latency: 3 ms",
    ],
)
def test_a_line_behind_a_time_stamp_is_not_a_host_and_a_program(line: str) -> None:
    assert without_prefixes(f"Jul 13 18:42:28 {line}") == ("", line)


@pytest.mark.parametrize(
    "before",
    [
        "model.gguf      45%[=======>     ]   2.10G  110MB/s    eta 12s    ",
        "\u280b Loading model ",
        "step 5 loss 2.31 ",
    ],
)
@pytest.mark.parametrize("stamp", [None, *STAMPS[:3]])
def test_slurms_whole_line_is_found_behind_what_ends_in_a_blank(
    before: str, stamp: str | None
) -> None:
    line = TIME_LIMIT if stamp is None else stamped(TIME_LIMIT, stamp)
    assert understood(before + line).reason == "the job reached its time limit"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("The log ends with: ", ""),
        ('"It was ', '"'),
        ('He wrote "the line ', ""),
        ("a line such as ", " in the log"),
        ("see ", " ..."),
    ],
)
def test_slurms_line_in_a_sentence_tells_nothing(before: str, after: str) -> None:
    assert last_words([before + TIME_LIMIT + after]) is None


# Of several lines the most telling wins


@pytest.mark.parametrize(
    ("cause", "consequences"),
    [
        (REASON, [TIME_LIMIT, "srun: error: n01: task 0: Terminated"]),
        (DUPLICATE, [INVALID_USAGE, "ncclInvalidUsage: This usually reflects invalid usage."]),
        (stamped(LINES[0][0], STAMPS[0]), [LINES[2][0], KILLED, "srun: forcing job termination"]),
        (
            "salloc: Job 1 has exceeded its time limit and its allocation has been revoked.",
            ["srun: forcing job termination", KILLED, LINES[2][0]],
        ),
        (LINES[2][0], [KILLED, "srun: error: n01: task 0: Exited with exit code 1"]),
        ("srun: error: n01: task 1: Exited with exit code 3", [LINES[3][0]]),
        (f"{LAUNCH}Job prolog failed", ["srun: error: Application launch failed: anything"]),
        (GPU_FULL, ["RuntimeError: Engine core initialization failed. See root cause above."]),
    ],
)
def test_a_cause_beats_its_consequences(cause: str, consequences: list[str]) -> None:
    alone = understood(cause)
    assert last_words([cause, *consequences]) == alone
    assert last_words([*consequences, cause]) == alone


def test_ranks_killed_after_their_step_was_stopped_are_not_short_of_memory() -> None:
    stopped = f"slurmstepd: error: *** STEP 7.0 {AT} ***"
    for lines in ([stopped, KILLED], [stamped(LINES[2][0], STAMPS[0]), KILLED]):
        words = last_words(lines)
        assert words is not None
        assert "memory" not in words.reason
    before = last_words([KILLED, stopped])
    assert before is not None
    assert "memory" in before.reason


def test_each_process_has_its_own_traceback() -> None:
    log = [
        "(EngineCore pid=12) ERROR 11-29 20:02:43 [core.py:1] Traceback (most recent call last):",
        '(EngineCore pid=12) ERROR 11-29 20:02:43 [core.py:1]   File "x.py", line 3, in f',
        "(APIServer pid=11) INFO 11-29 20:02:43 [api.py:1] still waiting",
        "(EngineCore pid=12) ERROR 11-29 20:02:43 [core.py:1]",
        "(EngineCore pid=12) ERROR 11-29 20:02:43 [core.py:1] ValueError: no room for the KV cache",
        "Traceback (most recent call last):",
        "RuntimeError: Engine core initialization failed. See root cause above.",
    ]
    words = last_words(log)
    assert words is not None
    assert words.reason == "Python ended with ValueError: no room for the KV cache"


# Programs of this very machine


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("printf '\\177ELF\\2\\1\\1' > x; chmod +x x; ./x", "./x is no program"),
        ("printf '#!/no/sh\\n' > x; chmod +x x; ./x", "./x cannot be run on the node"),
        (
            f'touch x; chmod +x x; {sys.executable} -c \'import os; os.execv("./x", ["x"])\'',
            "a file is no program",
        ),
    ],
)
def test_what_really_fails_here_is_understood(script: str, reason: str, tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    words = last_words(done.stderr.splitlines())
    assert words is not None, done.stderr
    assert reason in words.reason


# Real logs


REAL = [*logs_of("endings"), *logs_of("endings-slurm")]


@pytest.mark.parametrize("log", REAL, ids=lambda path: path.stem)
def test_a_real_log_is_explained(log: Path) -> None:
    (want,) = json.loads(log.with_name(log.name + EXPECTED).read_text())
    (found,) = [entry(reading) for reading in read_logs([log])]
    reason = re.sub(r"^the run did not finish(?: after \d+ of \d+ samples)?: ", "", found["reason"])
    assert reason.startswith(want.pop("reason") + " ('")
    assert {name: found[name] for name in want} == want


# Any text


@settings(max_examples=200)
@given(st.lists(st.text() | st.sampled_from([*PREFIXES, *BARS, *STAMPS, *ALL]), max_size=6))
def test_any_line_has_a_process_and_a_rest_and_one_safe_sentence(parts: list[str]) -> None:
    line = "".join(parts)
    name, left = layers(line)
    assert left[0] == line
    assert left[-1] in line
    assert "\n" not in name or "\n" in line
    listener = Listener()
    listener.hear(line)
    if listener.words is not None:
        assert listener.words.reason.isprintable()
        assert len(listener.words.reason) < 400


def test_our_own_run_killed_by_a_newer_slurm_keeps_its_advice() -> None:
    found = only(*START, settings_line(), stamped(TIME_LIMIT, STAMPS[0]))
    assert found.advice == "ask for more time: --time 01:00:00"


@pytest.mark.parametrize("stamp", STAMPS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "reason",
    [
        "Reservation cls, which this job was running under, has ended",
        "Job is at or exceeds QOS edu's group wall limit of 100 with 120",
        "Job is at or exceeds association (acc=edu/user=/part=) max TRES(cpu) minutes of 9 with 8",
        "something that a site's own plugin says",
    ],
)
def test_slurms_reason_for_an_end_beats_the_time_limit_it_is_carried_out_as(
    reason: str, end: str, stamp: str, tmp_path: Path
) -> None:
    lines = [
        f"slurmstepd-n01: error: *** STEP 7.0 {AT} DUE TO TIME LIMIT ***",
        f"slurmstepd-n01: error: *** REASON: {reason} ***",
        f"slurmstepd-n01: error: *** JOB 7 {AT} DUE TO TIME LIMIT ***",
        f"slurmstepd-n01: error: *** REASON: {reason} ***",
    ]
    after = ["srun: Job step aborted: Waiting up to 32 seconds for job step to finish.",
             "srun: error: n01: task 0: Terminated"]  # fmt: skip
    log = tmp_path / "job-baseline-7.out"
    for written in (lines, [stamped(line, stamp) for line in lines]):
        log.write_text(end.join(["Stage: baseline", *written, *after, ""]), newline="")
        (reading,) = read_logs([log])
        assert reading.result.reason is not None
        assert "time limit" not in reading.result.reason
        assert "more time" not in (reading.result.advice or "")
