"""Slurm's reasons and ends in plain words."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from workshop.slurm.queue.jobstate import ENDED, GONE, JobState
from workshop.slurm.queue.reasons import OUTCOMES, outcome, why_pending

PENDING = JobState("12", "PENDING")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Priority", "others are before it"),
        ("Resources", "nodes or GPUs to become free"),
        ("Reservation", "without --reservation"),
        ("ReservationDeleted", "not there any more.*without --reservation"),
        ("Dependency", "another job to end"),
        ("DependencyNeverSatisfied", "never start"),
        ("PartitionTimeLimit", "shorter --time"),
        ("PartitionNodeLimit", "--nodes or another --partition"),
        ("PartitionConfig", "--partition"),
        ("PartitionDown", "takes no jobs"),
        ("PartitionInactive", "takes no jobs"),
        ("ReqNodeNotAvail, UnavailableNodes:sim[01-03]", r"down, .*\(sim\[01-03\]\).*naming"),
        ("ReqNodeNotAvail(Unavailable:sim03)", "down, drained"),
        ("(ReqNodeNotAvail, UnavailableNodes:)", "down, drained or reserved: wait"),
        ("ReqNodeNotAvail", "down, drained"),
        ("ReqNodeNotAvail, May be reserved for other job", "reserved.*shorter --time"),
        ("ReqNodeNotAvail, Reserved for maintenance", "reserved.*shorter --time"),
        ("BeginTime", "before a certain time"),
        ("JobHeldUser", "scontrol release 12"),
        ("JobHeldAdmin", "administrator"),
        ("JobArrayTaskLimit", "array"),
        ("QOSMaxJobsPerUserLimit", r"as much running as you may.*QOSMaxJobsPerUserLimit"),
        ("QOSMaxGRESPerUser", "when one of yours ends"),
        ("QOSMaxWallDurationPerJobLimit", "more than one job may have"),
        ("QOSMinGRES", "asks for less"),
        ("QOSGrpGRES", "your group"),
        ("AssocGrpGRES", "your group"),
        ("AssocGrpCPUMinutesLimit", "used up its time"),
        ("AssocGrpGRESRunMinutes", "starts by itself"),
        ("AssocMaxJobsLimit", "when one of yours ends"),
        ("AssocMaxGRESPerJob", "more than one job may have"),
        ("MaxMemPerLimit", "with less"),
        ("MaxGRESPerAccount", "as much running"),
        ("InvalidAccount", "another --account"),
        ("InvalidQOS", "another --qos"),
        ("Licenses", "licence"),
        ("NodeDown", "is down"),
        ("BadConstraints", "--constraint"),
        ("launch failed requeued held", "scontrol release 12"),
        ("job requeued in special exit state", "scontrol release 12"),
        ("Prolog", "being prepared"),
        ("None", "not looked at it yet"),
        (None, "not looked at it yet"),
        ("BurstBufferStageIn", "support"),
        ("SomethingNew", "'SomethingNew'.*scontrol show job 12"),
    ],
)
def test_why_a_job_waits_is_said_in_plain_words(reason: str | None, words: str) -> None:
    said = why_pending(replace(PENDING, reason=reason))
    assert re.search(words, said), said
    assert "{" not in said


def test_the_expected_start_is_said_where_slurm_knows_it() -> None:
    state = replace(PENDING, reason="Resources", start="2026-11-22T11:45:47")
    assert why_pending(state).endswith("; expected at 2026-11-22 11:45:47")


@pytest.mark.parametrize("name", sorted(ENDED))
def test_every_end_has_its_words(name: str) -> None:
    sentence, advice = outcome(JobState("7", name, nodes="sim01"))
    assert sentence
    assert name in OUTCOMES
    assert advice or name in ("COMPLETED", "REVOKED")


@pytest.mark.parametrize(
    ("state", "sentence", "advice"),
    [
        (JobState("7", "TIMEOUT", "TimeLimit"), "time limit", "--time"),
        (JobState("7", "CANCELLED", "DependencyNeverSatisfied"), "depended on had", "submit both"),
        (JobState("7", "CANCELLED", "JobHeldUser"), "scancel", "submit"),
        (JobState("7", "FAILED", "NonZeroExitCode"), "error", "log"),
        (
            JobState("7", "FAILED", "RaisedSignal:53(Real-time_signal_19)"),
            "its log",
            "--output-dir",
        ),
        (JobState("7", "FAILED", "JobLaunchFailure"), "its log", "--output-dir"),
        (JobState("7", "NODE_FAIL", None, 3, "sim03"), "the node sim03", "--exclude sim03"),
        (JobState("7", "NODE_FAIL", None, 3, "sim[01-03]"), "one of sim", "submit it again"),
        (JobState("7", "OUT_OF_MEMORY"), "memory", "--set mem=32G"),
        (JobState("7", GONE), "does not know", "log"),
        (JobState("7", "NEW_END"), "NEW_END", None),
    ],
)
def test_how_a_job_ended_is_said(state: JobState, sentence: str, advice: str | None) -> None:
    said, next_step = outcome(state)
    assert sentence in said
    assert (advice or "") in (next_step or "")
