"""Why a log has no result: the lines are as Slurm, the shell, modules or Python wrote them."""

from __future__ import annotations

import re
import subprocess
import sys
import tracemalloc
from itertools import repeat
from pathlib import Path

import pytest
from builders import START, only, record_line, result, sample, sample_line, settings_line
from hypothesis import given, settings
from hypothesis import strategies as st
from patience import wait_for
from slurm import slurm

from workshop.record.readers.endings import RULES
from workshop.record.readers.last_words import LONGEST, LastWords, Listener, last_words
from workshop.slurm.sandbox import Sandbox

ON = "ON sim03 CANCELLED AT 2026-09-14T10:15:03"
TIME_LIMIT = f"slurmstepd: error: *** JOB 488370 {ON} DUE TO TIME LIMIT ***"
SCANCEL = f"slurmstepd: error: *** JOB 488370 {ON} ***"
STEP = f"slurmstepd: error: *** STEP 488370.0 {ON} ***"
OOM = (
    "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=191.batch cgroup. Some of your "
    "processes may have been killed by the cgroup out-of-memory handler."
)
KILLED = "/var/spool/slurmd/job00191/slurm_script: line 28:  8156 Killed                  python x"
EXIT = "srun: error: sim03: task 0: Exited with exit code 1"
TERMINATED = "srun: error: sim03: task 0: Terminated"
NO_MODULE = "ERROR: Unable to locate a modulefile for 'CUDA/99'"
GPU_FULL = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 13.50 GiB. GPU 0 has a total "
    "capacity of 39.39 GiB of which 1.06 GiB is free."
)
PEER = (
    "RuntimeError: [/__w/pytorch/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:553] "
    "Connection closed by peer [127.0.0.1]:1459. This is typically caused by a remote worker "
    "crashing. Check the logs of the remote worker before reporting an error. GLHF! 🏖️"
)

# A line, what its reason says, and what its advice says.
LINES = [
    # Slurm
    (TIME_LIMIT, "reached its time limit", "--time 01:00:00"),
    (TIME_LIMIT.replace("JOB 488370", "STEP 488370.0"), "time limit", "--time"),
    (TIME_LIMIT.replace("slurmstepd:", "slurmstepd-sim03:"), "time limit", "--time"),
    (SCANCEL, r"cancelled \(scancel\)", "submit it again"),
    (STEP, "ranks were stopped", None),
    (f"slurmstepd: error: *** JOB 7 {ON} DUE TO PREEMPTION ***", "preempted", "submit it again"),
    (
        f"slurmstepd: error: *** STEP 1943824.0 {ON} DUE TO NODE FAILURE, SEE SLURMCTLD LOG FOR "
        "DETAILS ***",
        "the node sim03 failed",
        "--exclude sim03$",
    ),
    ("srun: error: Node failure on jean-zay-iam37", "node jean-zay-iam37", "--exclude jean-zay"),
    ("slurmstepd: error: *** NODE FAILURE ***", "a node of the job failed", "submit"),
    (f"slurmstepd: error: *** JOB 7 {ON} DUE TO JOB REQUEUE ***", "back into the queue", "wait"),
    (OOM, "more of the node's memory", "--set mem=32G"),
    (
        "slurmstepd: error: Detected 2 oom_kill events in StepId=11300781.0. Some of the step "
        "tasks have been OOM Killed.",
        "more of the node's memory",
        "--set mem=32G",
    ),
    ("srun: error: sdumont6156: task 0: Out Of Memory", "memory", "--set mem"),
    ("slurmstepd: error: Exceeded job memory limit at some point.", "seems to have", "--set mem"),
    (
        "slurmstepd: error: Job 12345 exceeded memory limit (1126400 > 1048576), being killed",
        "more of the node's memory",
        "--set mem",
    ),
    (EXIT, "rank 0 ended with exit code 1", "lines before it"),
    ("srun: error: sim[03-04]: tasks 0-3: Exited with exit code 7", "0-3 .* code 7", None),
    ("srun: error: sim03: task 0: Killed", "a process was killed", "mem"),
    (TERMINATED, "told to end", None),
    (
        "srun: error: Unable to create step for job 99825: More processors requested than "
        "permitted",
        "could not start the ranks: More processors",
        "as many tasks",
    ),
    (
        "srun: error: Unable to allocate resources: Invalid partition name specified",
        "got no resources: Invalid partition",
        "description",
    ),
    (
        "slurmstepd-sim01: error: execve(): /no/bin/python: No such file or directory",
        "/no/bin/python cannot be run on the node",
        "as python",
    ),
    # Modules
    (NO_MODULE, "the module CUDA/99 is not there", "'module avail CUDA/99'.*description"),
    (f"  {NO_MODULE}", "the module CUDA/99 is not there", None),  # of a module that loads another
    (
        "ModuleCmd_Load.c(213):ERROR:105: Unable to locate a modulefile for 'IC618'",
        "the module IC618 is not there",
        "module avail IC618",
    ),
    ("slurm_script: line 5: module: command not found", "no 'module' command", "/etc/profile"),
    # conda
    ("slurm_script: line 6: conda: command not found", "no conda", "conda.sh"),
    ("CondaError: Run 'conda init' before 'conda activate'", "not set up", "conda.sh"),
    (
        "CommandNotFoundError: Your shell has not been properly configured to use "
        "'conda activate'.",
        "not set up",
        "conda.sh",
    ),
    (
        "EnvironmentNameNotFound: Could not find conda environment: r-4.3.3-typo",
        "environment r-4.3.3-typo is not there",
        "conda info --envs",
    ),
    (
        "EnvironmentLocationNotFound: Not a conda environment: /home/ada/envs/llm",
        "/home/ada/envs/llm is no conda environment",
        "conda info",
    ),
    # Python
    ("slurm_script: line 3: python: command not found", "interpreter python", "description"),
    (
        "/var/spool/slurmd/job00007/slurm_script: line 18: /no/bin/python3: No such file or "
        "directory",
        "interpreter /no/bin/python3",
        "description",
    ),
    ("ModuleNotFoundError: No module named 'torch'", "Python module torch", "install"),
    ("[rank0]: ModuleNotFoundError: No module named 'torch.x'", "Python module torch.x", None),
    ("/opt/bin/python3: No module named workshop", "Python module workshop", None),
    ("MemoryError", "memory is full", "--set mem"),
    # Slurm's --label, and torch
    (f"0: {GPU_FULL}", "the GPU's memory is full", "--quantize int8.*ranks"),
    ("torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 MiB", "GPU", "smaller"),
    ("RuntimeError: CUDA out of memory. Tried to allocate 2.00 MiB", "GPU's memory", "smaller"),
    ("torch.OutOfMemoryError: HIP out of memory. Tried to allocate 3.99 GiB.", "GPU's", "smaller"),
    ("RuntimeError: CUDA error: out of memory", "GPU's memory is full", "smaller"),
    ("RuntimeError: No CUDA GPUs are available", "no GPU", "nvidia-smi"),
    ("AssertionError: Torch not compiled with CUDA enabled", "no GPU", "--device cpu"),
    (
        "torch.AcceleratorError: CUDA error: unspecified launch failure",
        "GPU failed: unspecified",
        "--exclude",
    ),
    (
        "RuntimeError: [enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't "
        "allocate memory: you tried to allocate 400000000000000 bytes. Error code 12 (Cannot "
        "allocate memory)",
        "node's memory is full",
        "--set mem",
    ),
    (
        "[rank0]: torch.distributed.DistBackendError: NCCL error in: "
        "/opt/pytorch/torch/csrc/distributed/c10d/ProcessGroupNCCL.cpp:1197, internal error - "
        "please report this issue to the NCCL developers, NCCL version 2.18.3",
        "NCCL failed",
        "NCCL_DEBUG=INFO",
    ),
    ("ncclInternalError: Internal check failed.", "NCCL failed: Internal check", "NCCL_DEBUG"),
    ("ncclRemoteError: A call failed possibly due to a network error", "lost the conn", "ranks"),
    (PEER, "lost the connection to the others", "other ranks said"),
    (
        "torch.distributed.DistNetworkError: The client socket has timed out after 4000ms while "
        "trying to connect to (127.0.0.1, 29611).",
        "did not find each other: The client socket",
        "every rank",
    ),
    (
        "torch.distributed.DistNetworkError: The server socket has failed to listen on any local "
        "network address. port: 29613, useIpv6: false, code: -98, name: EADDRINUSE, message: "
        "address already in use",
        "has the port",
        "submit it again",
    ),
    # The disk
    ("OSError: [Errno 28] No space left on device", "disk is full", "TMPDIR"),
    ("slurm_script: line 14: echo: write error: No space left on device", "disk is full", "space"),
    ("OSError: [Errno 122] Disk quota exceeded: '/home/ada/x'", "quota", "space"),
    # The shell
    (KILLED, "a process was killed", "mem"),
    ("slurm_script: line 9:  4442 Segmentation fault      python x", "Segmentation fault", None),
    ("slurm_script: line 9:  4 Segmentation fault      (core dumped) python x", "Segm", None),
    ("srun: error: Orion-18-69: task 289: Bus error", "Bus error", "/dev/shm"),
    ("slurm_script: line 12:  4621 Aborted                 python x", "gave up", None),
    ("slurm_script: line 2: nosuch: command not found", "there is no nosuch", "path"),
    ("slurm_script: line 4: /no/activate: No such file or directory", "/no/activate is", "nodes"),
    ("bash: /opt/tool: Permission denied", "/opt/tool may not", "rights"),
    ("PermissionError: [Errno 13] Permission denied: '/data/x'", "/data/x may not", "rights"),
    ("Killed", "a process was killed", "mem"),
    ("Terminated", "told to end", None),
]


@pytest.mark.parametrize(("line", "reason", "advice"), LINES)
def test_a_line_that_tells_why_is_understood(line: str, reason: str, advice: str | None) -> None:
    words = last_words([*START, line, ""])
    assert words is not None
    assert re.search(reason, words.reason)
    assert re.search(advice or "", words.advice or "")
    assert "{" not in f"{words.reason}{words.advice}"


@pytest.mark.parametrize("line", [line for line, _, _ in LINES])
def test_the_models_own_text_never_tells_why(line: str) -> None:
    assert last_words([f"  | {line}"]) is None
    assert last_words([f"Once upon a time, {line}"]) is None


# Lmod breaks its sentence at the terminal's width, and names the module where it fits.

LMOD_UNKNOWN = """\
Lmod has detected the following error: The following module(s) are unknown:
"CUDA/99"

Please check the spelling or version number. Also try "module spider ..."
It is also possible your cache file is out-of-date; it may help to try:
  $ module --ignore_cache load "CUDA/99"

Also make sure that all modulefiles written in TCL start with the string
#%Module
"""
LMOD_HIDDEN = """\
Lmod has detected the following error: These module(s) or extension(s) exist
but cannot be loaded as requested: "CUDA/12.1"
   Try: "module spider CUDA/12.1" to see how to load the module(s).
"""


def test_lmods_unknown_module_is_named() -> None:
    for text in (LMOD_UNKNOWN, LMOD_UNKNOWN.replace("unknown:\n", "unknown: ")):
        words = last_words(text.splitlines())
        assert words is not None
        assert words.reason == "the module CUDA/99 is not there"
        assert words.advice
        assert "module avail CUDA/99" in words.advice


def test_a_module_that_needs_others_first_is_told_apart() -> None:
    words = last_words(LMOD_HIDDEN.splitlines())
    assert words is not None
    assert words.reason == "the module CUDA/12.1 cannot be loaded before others that it needs"
    assert "module spider CUDA/12.1" in (words.advice or "")


def test_lmod_that_names_nothing_is_not_waited_for() -> None:
    noise = ["Lmod has detected the following error: it is Monday", *["x"] * 9, 'the "best" day']
    assert last_words(noise) is None


# Our own job script says which of its setup lines failed.


def test_a_setup_line_that_failed_is_told_with_what_it_said() -> None:
    marker = "workshop: setup failed (exit code 1): module load CUDA/99"
    told = "the module CUDA/99 is not there (module load CUDA/99 failed)"
    for said in (LMOD_UNKNOWN.splitlines(), [NO_MODULE]):
        words = last_words(["slurm_script: line 1: nosuch: command not found", *said, marker])
        assert words is not None
        assert words.reason == told
        assert "module avail" in (words.advice or "")


def test_a_setup_line_that_failed_without_a_word_is_quoted() -> None:
    words = last_words(["workshop: setup failed (exit code 3): test -d /scratch"])
    assert words is not None
    assert words.reason == "the setup line 'test -d /scratch' failed with exit code 3"


# Of several lines the most telling wins, in whatever order they come.


@pytest.mark.parametrize(
    ("cause", "consequences"),
    [
        (OOM, [KILLED, EXIT, STEP, TERMINATED, PEER]),
        (TIME_LIMIT, [SCANCEL, STEP, TERMINATED, EXIT, PEER]),
        (SCANCEL, [STEP, TERMINATED, EXIT]),
        (NO_MODULE, [EXIT, "Killed", "slurm_script: line 3: nvcc: command not found"]),
        (GPU_FULL, [PEER, EXIT, STEP, TERMINATED, TIME_LIMIT]),
        (EXIT, [STEP, TERMINATED]),
    ],
)
def test_a_cause_beats_its_consequences(cause: str, consequences: list[str]) -> None:
    alone = last_words([cause])
    assert alone is not None
    assert last_words([cause, *consequences]) == alone
    assert last_words([*consequences, cause]) == alone


def test_of_lines_that_tell_as_much_the_first_counts() -> None:
    other = NO_MODULE.replace("CUDA", "nccl")
    assert last_words([NO_MODULE, other]) == last_words([NO_MODULE])


def test_an_exception_that_nothing_explains_is_quoted() -> None:
    traceback = ["Traceback (most recent call last):", '  File "x.py", line 3, in f', "    g()"]
    words = last_words([*traceback, "ValueError: 3 is not a prime", "", EXIT])
    assert words is not None
    assert words.reason == "Python ended with ValueError: 3 is not a prime"
    assert last_words(["ValueError: without a traceback"]) is None


# The lines of this very machine


def shell(script: str, path: Path) -> list[str]:
    """What a script with these lines says, run as Slurm runs it."""
    file = path / "slurm_script"
    file.write_text(f"#!/bin/bash\n{script}\n")
    done = subprocess.run(["bash", file], capture_output=True, text=True, check=False)
    return done.stderr.splitlines()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("nosuch --option", "there is no nosuch on the node"),
        ("unset -f module; module load CUDA/99", "no 'module' command"),
        ("/no/bin/python -m workshop", "interpreter /no/bin/python"),
        ("exec /no/bin/python -m workshop", "interpreter /no/bin/python"),
        (". /no/activate", "/no/activate is not there"),
        ("bash -c 'kill -9 $$'", "a process was killed"),
        ("bash -c 'kill -11 $$'", "Segmentation fault"),
        ("bash -c 'kill -7 $$'", "Bus error"),
        ("bash -c 'kill -6 $$'", "gave up"),
        ("bash -c 'kill -15 $$'", "told to end"),
        ("echo x > /dev/full", "disk is full"),
        (f"{sys.executable} -m nosuch", "Python module nosuch is not installed"),
        (f"{sys.executable} -c 'import nosuch'", "Python module nosuch is not installed"),
        (f"{sys.executable} -c 'raise MemoryError'", "memory is full"),
        (f"{sys.executable} /no/program.py", "the program /no/program.py is not there"),
        (f"{sys.executable} -c '1 / 0'", "Python ended with ZeroDivisionError"),
    ],
)
def test_what_really_fails_here_is_understood(script: str, reason: str, tmp_path: Path) -> None:
    words = last_words(shell(script, tmp_path))
    assert words is not None
    assert reason in words.reason


# A real Slurm's


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("srun /no/bin/python -m workshop", "/no/bin/python cannot be run on the node"),
        ("srun --ntasks=500 true", "srun could not start the ranks: More processors"),
        ("srun bash -c 'kill -9 $$'", "a process was killed"),
        (
            "srun --ntasks=2 --kill-on-bad-exit=1 bash -c "
            "'test $SLURM_PROCID = 0 || exit 3; sleep 1234'",
            "rank 1 ended with exit code 3",
        ),
        ("scancel $SLURM_JOB_ID; sleep 1234", "the job was cancelled (scancel)"),
        ("srun bash -c 'scancel $SLURM_JOB_ID; sleep 1234'", "the job was cancelled (scancel)"),
        ("scontrol requeue $SLURM_JOB_ID; sleep 1234", "the job was put back into the queue"),
    ],
)
def test_what_a_real_slurm_writes_is_understood(
    script: str, reason: str, tmp_path: Path, sandbox: Sandbox
) -> None:
    log = tmp_path / "job.out"
    command = ("sbatch", "--parsable", "--ntasks=2", f"--output={log}", "--wrap", script)
    job = slurm(sandbox, *command).stdout.strip()
    try:
        wait_for(lambda: (words := words_of(log)) is not None and reason in words.reason)
    finally:
        slurm(sandbox, "scancel", job, check=False)


def words_of(log: Path) -> LastWords | None:
    return last_words(log.read_text().splitlines()) if log.exists() else None


# In the results


def test_the_result_of_a_log_has_reason_and_advice() -> None:
    found = only(*START, settings_line(), sample_line(sample(100)), TERMINATED, TIME_LIMIT)
    assert found.status == "incomplete"
    assert found.reason
    assert found.reason.startswith(
        "the run did not finish after 1 of 5 samples: the job reached its time limit"
    )
    assert found.advice == "ask for more time: --time 01:00:00"


def test_a_record_needs_no_last_words() -> None:
    record = result("compile", 240)
    assert only(*START, settings_line(), NO_MODULE, record_line(record), TIME_LIMIT) == record


def test_a_run_begun_again_forgets_why_it_had_ended() -> None:
    preempted = f"slurmstepd: error: *** JOB 7 {ON} DUE TO PREEMPTION ***"
    found = only(*START, settings_line(), preempted, *START, settings_line(), SCANCEL)
    assert found.reason
    assert "scancel" in found.reason


# Any text


@settings(max_examples=200)
@given(
    st.lists(
        st.one_of(
            st.text(),
            st.sampled_from([line for line, _, _ in LINES]),
            st.sampled_from(LMOD_UNKNOWN.splitlines()),
            st.sampled_from([rule.pattern for rule in RULES]),
            st.text().map("workshop: setup failed (exit code 1): ".__add__),
        ),
        max_size=8,
    )
)
def test_any_lines_give_one_safe_sentence_or_none(lines: list[str]) -> None:
    words = last_words(lines)
    if words is not None:
        told = f"{words.reason}{words.advice or ''}"
        assert told.isprintable()
        assert len(words.reason) < 400
        assert len(words.line) <= LONGEST
    assert last_words([f"  | {part}" for line in lines for part in line.splitlines()]) is None


def test_a_long_log_takes_no_more_memory_than_a_short_one() -> None:
    listener = Listener()
    lines = [TIME_LIMIT, "Lmod has detected the following error:", "x" * 5000, EXIT, PEER]
    tracemalloc.start()
    try:
        for line in lines:
            for again in repeat(line, 2000):
                listener.hear(again)
        assert tracemalloc.get_traced_memory()[0] < 200_000
    finally:
        tracemalloc.stop()
    assert listener.words
    assert "time limit" in listener.words.reason
