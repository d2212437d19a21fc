"""Rows and answers of squeue and sacct that are odd: cut, of heterogeneous jobs, empty."""

from __future__ import annotations

import subprocess

import pytest
from test_queue import NO_ACCOUNTING, UNKNOWN, Recorded

from workshop.slurm.queue.jobstate import GONE, one_name
from workshop.slurm.queue.jobstate import UNKNOWN as NOT_KNOWN
from workshop.slurm.queue.reasons import standing
from workshop.slurm.queue.squeue import QueueError, run_command, sacct_line, states


@pytest.mark.parametrize(
    "row", ["7|RUNNING|0:10|n01|N/A", "7|RUNNING", "7|", "7||0:10|n01|N/A|None", "7_[0-3]|RUN"]
)
def test_a_row_that_cannot_be_read_is_not_the_end_of_a_job(row: str) -> None:
    state = states(["7"], Recorded(row, sacct_error=NO_ACCOUNTING))["7"]
    assert state.state == NOT_KNOWN
    assert not state.ended
    assert "scontrol show job 7" in standing(state)[0]


@pytest.mark.parametrize("row", ["7|COMPL", "7|COMPLETED|61|sim01|0:0", "7|A_NEW_STATE|1|n|0:0|x"])
def test_a_row_of_accounting_that_is_cut_is_not_the_end_of_a_job(row: str) -> None:
    assert not states(["7"], Recorded(squeue_error=UNKNOWN, sacct=row))["7"].ended


def test_a_row_that_can_be_read_counts_more_than_one_that_cannot() -> None:
    rows = ["7|RUNNING", "7|COMPLETED|0:10|n01|N/A|None", "7|"]
    assert states(["7"], Recorded("\n".join(rows)))["7"].state == "COMPLETED"


def test_a_task_whose_row_cannot_be_read_keeps_its_array_from_ending() -> None:
    rows = ["7_0|COMPLETED|0:10|n01|N/A|None", "7_1|COMP"]
    assert states(["7"], Recorded("\n".join(rows)))["7"].state == NOT_KNOWN


@pytest.mark.parametrize("asked", ["634144", "634144+0"])
def test_a_heterogeneous_job_is_known_by_its_first_number(asked: str) -> None:
    rows = ["634144+0|RUNNING|0:10|n01|N/A|None", "634144+1|COMPLETED|0:10|n02|N/A|None"]
    run = Recorded("\n".join(rows))
    assert states([asked], run)[asked].state == "RUNNING"
    assert run.asked[0][-1] == "--jobs=634144"


def test_a_heterogeneous_job_has_ended_when_its_last_part_has() -> None:
    rows = ["7+0|COMPLETED|61|n01|0:0|None", "7+1|FAILED|61|n02|1:0|None"]
    found = states(["7", "7+1"], Recorded(squeue_error=UNKNOWN, sacct="\n".join(rows)))
    assert [state.state for state in found.values()] == ["FAILED", "FAILED"]


@pytest.mark.parametrize(
    ("printed", "name"),
    [
        ("PD", "PENDING"),
        ("R", "RUNNING"),
        ("CG", "COMPLETING"),
        ("OOM", "OUT_OF_MEMORY"),
        ("running", "RUNNING"),
        ("Completed", "COMPLETED"),
        ("RUNNING+COMPLETING", "COMPLETING"),
        ("PENDING+REQUEUED", "REQUEUED"),
        ("OUT_OF_ME+", "OUT_OF_MEMORY"),
        ("CANCELLED+", "CANCELLED"),
        ("cancelled by 1000", "CANCELLED"),
        ("COMPLETI+", "COMPLETING"),
        ("NODE_F+", "NODE_FAIL"),
        ("COMPLET+", "COMPLET"),  # of two
        ("A_NEW_STATE", "A_NEW_STATE"),
        ("+", NOT_KNOWN),
        ("", NOT_KNOWN),
    ],
)
def test_states_have_many_spellings(printed: str, name: str) -> None:
    assert one_name(printed) == name


def test_a_cut_state_of_accounting_is_an_end() -> None:
    state = sacct_line("7|OUT_OF_ME+|61|n01|0:125|None")
    assert state is not None
    assert (state.state, state.ended) == ("OUT_OF_MEMORY", True)


# Answers without a row


@pytest.mark.parametrize(
    "error",
    [
        "squeue: error: Unable to contact slurm controller",
        "slurm_load_jobs error: Socket timed out on send/recv operation",
        "something is wrong",
    ],
)
def test_an_error_alone_is_no_answer_whatever_the_exit_code(error: str) -> None:
    def run(command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, "\n", f"{error}\n")

    with pytest.raises(QueueError, match="Slurm does not answer"):
        states(["7"], run)


@pytest.mark.parametrize(
    "noise",
    [
        "squeue: warning: a plugin is old",
        "ERROR: ld.so: object 'x.so' from LD_PRELOAD cannot be preloaded: ignored.",
        UNKNOWN,
    ],
)
def test_noise_beside_an_empty_answer_does_not_change_it(noise: str) -> None:
    def run(command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, "", noise)

    assert states(["7"], run)["7"].state == GONE


def test_rows_count_whatever_is_on_standard_error() -> None:
    def run(command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, "7|RUNNING|0:10|n|N/A|None", "error: x")

    assert states(["7"], run)["7"].state == "RUNNING"


# What a terminal would take for commands

EVIL = "\x1b]0;title\x07\x1b[31mn01\x1b[0m\x07\x1b]8;;http://x\x1b\\"


def test_nothing_of_slurms_output_reaches_the_terminal_as_a_command() -> None:
    row = f"7|\x1b[1mPENDING\x07|0:10|{EVIL}|{EVIL}|{EVIL}"
    state = states(["7"], Recorded(row))["7"]
    for text in (state.state, state.nodes, state.start, state.reason, standing(state)[0]):
        assert text is not None
        assert text.isprintable()
        assert "[31m" not in text
    with pytest.raises(QueueError) as raised:
        states(["7"], Recorded(squeue_error=f"{EVIL}cannot"))
    assert str(raised.value).isprintable()


def test_bytes_that_are_no_text_are_read_all_the_same() -> None:
    done = run_command(["printf", r"caf\351 \033[31mred\n"])
    assert done.stdout == "caf\N{REPLACEMENT CHARACTER} red\n"
