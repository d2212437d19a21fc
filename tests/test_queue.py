"""How jobs stand: what is made of recorded answers of squeue and sacct."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workshop.slurm.queue.jobstate import ENDED, GONE
from workshop.slurm.queue.outlook import Outlook
from workshop.slurm.queue.reasons import outcome, standing, why_pending
from workshop.slurm.queue.squeue import (
    LONGEST_WORD,
    JobState,
    QueueError,
    run_command,
    sacct_line,
    seconds,
    squeue_line,
    states,
)

UNKNOWN = "slurm_load_jobs error: Invalid job id specified\n"
NO_ACCOUNTING = "Slurm accounting storage is disabled\n"
NO_CONTROLLER = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n"

RECORDED = """\
9|CANCELLED|0:00||2026-11-21T11:45:47|DependencyNeverSatisfied
2|COMPLETED|1:00:07|sim[01-02]|2026-11-21T11:45:47|None
1|FAILED|0:00|sim01|2026-11-21T11:45:47|NonZeroExitCode
3|TIMEOUT|1:03|sim01|2026-11-21T11:45:47|TimeLimit
4|PENDING|0:00||2026-11-22T11:45:47|Resources
12|PENDING|0:00||N/A|ReqNodeNotAvail, May be reserved for other job
6_1|PENDING|0:00||2026-11-22T11:45:47|Priority
6_0|RUNNING|2-00:00:06|sim02|2026-11-21T11:45:47|None
"""


@dataclass
class Recorded:
    """Answers in place of Slurm's, and what was asked."""

    squeue: str = ""
    sacct: str = ""
    squeue_error: str = ""
    sacct_error: str = ""
    asked: list[list[str]] = field(default_factory=list)

    def __call__(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        self.asked.append(command)
        squeue = command[0] == "squeue"
        said, error = (self.squeue, self.squeue_error) if squeue else (self.sacct, self.sacct_error)
        return subprocess.CompletedProcess(command, 1 if error else 0, said, error)

    @property
    def programs(self) -> list[str]:
        return [command[0] for command in self.asked]


# What squeue says


def test_squeues_words_for_jobs_are_read() -> None:
    run = Recorded(RECORDED)
    found = states(["1", "2", "3", "4", "6_0", "6_1", "9", "12"], run)
    assert found["2"] == JobState("2", "COMPLETED", None, 3607, "sim[01-02]", None)
    assert found["3"] == JobState("3", "TIMEOUT", "TimeLimit", 63, "sim01", None)
    assert found["4"] == JobState("4", "PENDING", "Resources", None, None, "2026-11-22T11:45:47")
    assert found["6_0"].elapsed_seconds == 2 * 86_400 + 6
    assert found["12"].reason == "ReqNodeNotAvail, May be reserved for other job"
    assert [job_id for job_id, state in found.items() if state.succeeded] == ["2"]
    assert {job_id for job_id, state in found.items() if state.ended} == {"1", "2", "3", "9"}
    assert run.programs == ["squeue"], "one question is enough"


def test_array_tasks_that_slurm_puts_together_are_taken_apart() -> None:
    line = "123_[2-4,7,10-20:5%1]|PENDING|0:00||N/A|Priority"
    found = states([f"123_{task}" for task in range(22)], Recorded(line, sacct_error=NO_ACCOUNTING))
    waiting = [job_id for job_id, state in found.items() if state.state == "PENDING"]
    assert waiting == ["123_2", "123_3", "123_4", "123_7", "123_10", "123_15", "123_20"]
    assert found["123_2"].job_id == "123_2"


def test_an_array_as_a_whole_is_where_its_slowest_task_is() -> None:
    lines = ["5_0|COMPLETED|0:09|n|N/A|None", "5_1|FAILED|0:02|n|N/A|None"]
    assert states(["5"], Recorded("\n".join(lines)))["5"].state == "FAILED"
    lines += ["5_[2-9]|PENDING|0:00||N/A|Priority", "5_3|COMPLETED|0:00|n|N/A|None"]
    assert states(["5"], Recorded("\n".join(lines)))["5"].state == "PENDING"


def test_an_array_of_any_size_is_not_written_out() -> None:
    assert states(["1_5"], Recorded("1_[0-99999999999]|PENDING|0:00||N/A|Priority"))["1_5"].reason


@pytest.mark.parametrize("name", ["REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT", "PENDING"])
def test_a_job_that_will_run_again_is_waiting(name: str) -> None:
    state = states(["7"], Recorded(f"7|{name}|0:04||N/A|BeginTime"))["7"]
    assert state.state == "PENDING"
    assert not state.ended


@pytest.mark.parametrize("name", ["RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED", "SIGNALING"])
def test_a_job_that_still_has_its_nodes_has_not_ended(name: str) -> None:
    assert not states(["7"], Recorded(f"7|{name}|0:04|sim01|N/A|None"))["7"].ended


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        ("RUNNING", "running"),
        ("CONFIGURING", "are being started"),
        ("POWER_UP_NODE", "are being started"),
        ("SUSPENDED", "suspended"),
        ("STOPPED", "scancel --signal=CONT 7"),
        ("SIGNALING", "sending it a signal"),
        ("RESIZING", "changing its size"),
        ("UPDATE_DB", "accounting"),
        ("COMPLETING", "its run is over"),
        ("STAGE_OUT", "its run is over"),
        ("EXPEDITING", "before all others"),
        ("REQUEUED", "not looked at it yet"),
        ("REQUEUE_FED", "not looked at it yet"),
        ("REQUEUE_HOLD", "scontrol release 7"),
        ("SPECIAL_EXIT", "scontrol release 7"),
        ("RESV_DEL_HOLD", "its reservation is over"),
        ("A_NEW_STATE", "Slurm says A_NEW_STATE"),
        ("PENDING,REQUEUED", "not looked at it yet"),
        ("PENDING,REQUEUED,SPECIAL_EXIT", "scontrol release 7"),
        ("PENDING,RESV_DEL_HOLD", "its reservation is over"),
        ("PENDING,LAUNCH_FAILED", "not looked at it yet"),
        ("RUNNING,CONFIGURING,POWER_UP_NODE", "are being started"),
        ("RUNNING,SIGNALING", "sending it a signal"),
        ("COMPLETED,COMPLETING", "its run is over"),
        ("FAILED,STAGE_OUT", "its run is over"),
    ],
)
def test_only_a_job_that_runs_is_called_running(printed: str, words: str) -> None:
    state = states(["7"], Recorded(f"7|{printed}|0:04|sim01|N/A|None"))["7"]
    said, outlook = standing(state)
    assert not state.ended
    assert words in said
    assert (said == "running") == (printed == "RUNNING")
    assert (outlook is None) == (not state.waits)


@pytest.mark.parametrize(
    ("printed", "name"),
    [
        ("CANCELLED by 1000", "CANCELLED"),
        ("CANCELLED+", "CANCELLED"),
        ("FAILED,LAUNCH_FAILED", "FAILED"),
        ("NODE_FAIL,RECONFIG_FAIL", "NODE_FAIL"),
        ("COMPLETED,UPDATE_DB", "COMPLETED"),
        ("PENDING,REVOKED", "REVOKED"),
    ],
)
def test_a_state_with_more_words_than_one_has_ended_as_its_name_says(
    printed: str, name: str
) -> None:
    state = states(["7"], Recorded(f"7|{printed}|0:04|sim01|N/A|None"))["7"]
    assert state.state == name
    assert state.ended


@pytest.mark.parametrize(
    "reason", ["Reservation cls was deleted", "ReservationDeleted", "JobHeldAdmin", "None"]
)
def test_a_job_whose_reservation_is_over_is_held_whatever_reason_is_left(reason: str) -> None:
    state = states(["7"], Recorded(f"7|RESV_DEL_HOLD|0:00||N/A|{reason}"))["7"]
    said, outlook = standing(state)
    assert "'scontrol release 7' lets it run in the ordinary queue" in said
    assert "'workshop cancel 7', and submit it again without --reservation" in said
    assert outlook is Outlook.HELD
    assert state.elapsed_seconds is None


def test_a_job_that_was_requeued_too_often_keeps_that_reason() -> None:
    line = "7|REQUEUE_HOLD|0:00||N/A|launch failure limit exceeded requeued held"
    assert "could not be started several times" in standing(states(["7"], Recorded(line))["7"])[0]


def test_jobs_that_were_not_asked_for_are_left_out() -> None:
    assert list(states(["4"], Recorded(RECORDED))) == ["4"]


def test_lines_that_are_not_of_our_format_are_passed_over() -> None:
    noise = "CLUSTER: sim\n\n|||||\nx|RUNNING|0:00|n|N/A|None\n4|RUNNING\n"
    assert states(["4"], Recorded(noise + RECORDED + noise))["4"].state == "PENDING"


def test_nothing_asked_is_nothing_run() -> None:
    run = Recorded()
    assert states([], run) == {}
    assert run.asked == []


def test_what_is_no_number_of_a_job_is_gone_and_never_reaches_a_command_line() -> None:
    run = Recorded()
    odd = ["", "--help", "7;ls", "7_", "x", "٣"]
    assert {state.state for state in states(odd, run).values()} == {GONE}
    assert run.asked == []


def test_ever_so_many_jobs_take_few_command_lines_that_are_not_too_long() -> None:
    run = Recorded(sacct_error=NO_ACCOUNTING)
    ids = [str(number) for number in range(10_000_000, 10_020_000)]
    assert len(states(ids, run)) == len(ids)
    assert len(run.asked) <= 6
    assert all(len(word) < LONGEST_WORD + 20 for command in run.asked for word in command)


def test_the_tasks_of_an_array_are_one_word() -> None:
    run = Recorded("8_0|RUNNING|0:00|n|N/A|None\n8_1|RUNNING|0:00|n|N/A|None")
    states(["8_0", "8_1"], run)
    assert run.asked[0][-1] == "--jobs=8"


# What squeue has forgotten


def test_a_job_that_squeue_forgot_is_asked_of_sacct() -> None:
    run = Recorded(
        RECORDED,
        "70|COMPLETED|61|sim01|0:0|Resources\n71|CANCELLED by 1000|0|None assigned|0:0|None\n"
        "72_0|FAILED|5|sim02|7:0|None\n73|FAILED|0|sim02|0:53|None\n"
        "74_[3-5%2]|CANCELLED by 0|0|None assigned|0:0|Dependency\n"
        "75|CANCELLED|0|None assigned|0:0|Dependency\n"
        "76|CANCELLED|0|None assigned|0:0|None\n77|CANCELLED|3|sim01|0:0|None\n"
        "78_[0-2]|CANCELLED|0|None assigned|0:0|None\n",
    )
    found = states(["4", "70", "71", "72_0", "73", "74_4", "75", "76", "77", "78_1"], run)
    assert found["70"] == JobState("70", "COMPLETED", "Resources", 61, "sim01")
    assert found["71"] == JobState("71", "CANCELLED", None, 0, None)
    assert found["72_0"].reason == "NonZeroExitCode"
    assert found["73"].reason == "RaisedSignal:53"
    assert (found["74_4"].state, found["74_4"].reason) == ("CANCELLED", "Dependency")
    for job in ("75", "76", "78_1"):  # nobody cancelled these, and they never had a node
        assert (found[job].state, found[job].reason) == ("CANCELLED", "DependencyNeverSatisfied")
    assert found["77"].reason is None
    assert run.programs == ["squeue", "sacct"]
    assert run.asked[1][-1] == "--jobs=70,71,72,73,74,75,76,77,78", "only those"


@pytest.mark.parametrize("error", [NO_ACCOUNTING, "sacct: error: Problem talking to the database"])
def test_a_job_that_nobody_knows_is_gone(error: str) -> None:
    found = states(["9999"], Recorded(squeue_error=UNKNOWN, sacct_error=error))
    assert found == {"9999": JobState("9999", GONE)}
    assert found["9999"].ended
    assert not found["9999"].succeeded


def test_sacct_may_not_be_installed() -> None:
    def run(command: list[str]) -> subprocess.CompletedProcess[str]:
        if command[0] == "sacct":
            raise FileNotFoundError(2, "No such file or directory")
        return subprocess.CompletedProcess(command, 1, "", UNKNOWN)

    assert states(["9"], run)["9"].state == GONE


def test_a_job_that_only_sacct_believes_to_run_is_gone() -> None:
    stale = "5|RUNNING|400|sim01|0:0|None\n6|PENDING|0|None assigned|0:0|None\n"
    found = states(["5", "6"], Recorded(squeue_error=UNKNOWN, sacct=stale))
    assert {state.state for state in found.values()} == {GONE}


# Slurm that does not answer


def test_a_controller_that_does_not_answer_tells_nothing_of_the_jobs() -> None:
    with pytest.raises(QueueError, match=r"connect failure.*your jobs go on.*ask again"):
        states(["4"], Recorded(squeue_error=NO_CONTROLLER))


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (subprocess.TimeoutExpired(["squeue"], 30), "did not answer within 30 seconds.*ask again"),
        (FileNotFoundError(2, "No such file or directory"), "squeue cannot be run here.*log in"),
        (PermissionError(13, "Permission denied"), "Permission denied"),
    ],
)
def test_a_squeue_that_cannot_be_asked_is_one_sentence(error: Exception, sentence: str) -> None:
    def run(command: list[str]) -> subprocess.CompletedProcess[str]:
        raise error

    with pytest.raises(QueueError, match=sentence):
        states(["4"], run)


def test_no_setting_of_the_users_changes_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "squeue"
    program.write_text("#!/bin/sh\nenv\n")
    program.chmod(0o755)
    monkeypatch.setenv("SQUEUE_PARTITION", "other")
    monkeypatch.setenv("SLURM_TIME_FORMAT", "relative")
    said = run_command([str(program)]).stdout.splitlines()
    assert not any(line.startswith("SQUEUE_") for line in said)
    assert "SLURM_TIME_FORMAT=standard" in said


# Any text

ids = st.from_regex(r"[0-9]{1,5}(_[0-9]{1,3})?", fullmatch=True)
text = st.text(max_size=12)
lines = st.one_of(
    st.text(max_size=40),
    st.builds(
        "|".join,
        st.tuples(
            ids | text, st.sampled_from([*ENDED, "RUNNING", ""]) | text, text, text, text, text
        ),
    ),
)


@given(st.lists(ids, max_size=4), st.lists(lines, max_size=6), st.lists(lines, max_size=6))
def test_whatever_slurm_prints_every_job_asked_for_gets_a_state(
    asked: list[str], squeue: list[str], sacct: list[str]
) -> None:
    found = states(asked, Recorded("\n".join(squeue), "\n".join(sacct)))
    assert set(found) == set(asked)
    for job_id, state in found.items():
        assert state.job_id == job_id
        assert why_pending(state)
        assert standing(state)[0]
        assert outcome(state)[0]


@given(lines)
def test_a_line_is_understood_or_passed_over(line: str) -> None:
    for state in (squeue_line(line), sacct_line(line)):
        assert state is None or state.state


@given(st.integers(0, 10**7))
def test_seconds_are_read_as_slurm_writes_them(total: int) -> None:
    days, rest = divmod(total, 86_400)
    hours, minutes = divmod(rest // 60, 60)
    shown = f"{days}-{hours:02}:" if days else f"{hours}:" if hours else ""
    assert seconds(f"{shown}{minutes:02}:{rest % 60:02}") == total
