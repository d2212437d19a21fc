"""Every reason that Slurm has for a job that waits is explained, and no explanation is false."""

from __future__ import annotations

import pytest

from workshop.slurm.queue.jobstate import JobState
from workshop.slurm.queue.outlook import Outlook
from workshop.slurm.queue.reasons import standing, why_pending
from workshop.slurm.queue.waiting import meaning_of


def names(text: str) -> list[str]:
    return text.split()


RESOURCES = ("BB", "Billing", "Energy", "GRES", "License", "Unknown")

# All names of jsra[] in src/common/job_state_reason.c of Slurm 26.11, by what they mean.
HELD = names(
    "BadConstraints BurstBufferOperation DependencyNeverSatisfied JobHeldAdmin JobHeldUser "
    "JobHoldMaxRequeue ReservationDeleted ReservationInvalid"
)
# Neither a running job's end nor a turn in the queue lets these start.
BLOCKED = [
    *names(
        "AccountNotAllowed DeadLine InvalidAccount InvalidQOS MaxMemPerLimit PartitionConfig "
        "PartitionDown PartitionInactive PartitionNodeLimit PartitionTimeLimit QOSNotAllowed "
        "QOSUsageThreshold SystemFailure"
    ),
]
SPENT = [
    *names(
        "AssocGrpCPUMinutesLimit AssocGrpMemMinutes AssocGrpNodeMinutes AssocGrpWallLimit "
        "AssociationTimeLimit QOSGrpCPUMinutesLimit QOSGrpMemoryMinutes QOSGrpNodeMinutes "
        "QOSGrpWallLimit QOSTimeLimit"
    ),
    *(f"{who}Grp{what}Minutes" for who in ("Assoc", "QOS") for what in RESOURCES),
]
TOO_MUCH = [
    *names(
        "AssocMaxCpuMinutesPerJobLimit AssocMaxCpuPerJobLimit AssocMaxCpuPerNode "
        "AssocMaxMemMinutesPerJob AssocMaxMemPerJob AssocMaxMemPerNode AssocMaxNodeMinutesPerJob "
        "AssocMaxNodePerJobLimit AssocMaxWallDurationPerJobLimit QOSMaxCpuMinutesPerJobLimit "
        "QOSMaxCpuPerJobLimit QOSMaxCpuPerNode QOSMaxMemoryMinutesPerJob QOSMaxMemoryPerJob "
        "QOSMaxMemoryPerNode QOSMaxNodeMinutesPerJob QOSMaxNodePerJobLimit "
        "QOSMaxWallDurationPerJobLimit"
    ),
    *(
        f"{who}Max{what}{per}"
        for who in ("Assoc", "QOS")
        for what in RESOURCES
        for per in ("PerJob", "PerNode", "MinutesPerJob")
    ),
]
TOO_LITTLE = [
    "QOSMinCpuNotSatisfied", "QOSMinMemory", "QOSMinNode", *(f"QOSMin{one}" for one in RESOURCES),
]  # fmt: skip
RUNNING = [
    *names(
        "AssocGrpCpuLimit AssocGrpJobsLimit AssocGrpMemLimit AssocGrpNodeLimit "
        "AssocMaxJobsLimit AssociationJobLimit AssociationResourceLimit MaxCpuPerAccount "
        "MaxJobsPerAccount MaxMemoryPerAccount MaxNodePerAccount QOSGrpCpuLimit QOSGrpJobsLimit "
        "QOSGrpMemLimit QOSGrpNodeLimit QOSJobLimit QOSMaxCpuPerUserLimit QOSMaxJobsPerUserLimit "
        "QOSMaxMemoryPerUser QOSMaxNodePerUserLimit QOSResourceLimit"
    ),
    *(f"{who}Grp{what}" for who in ("Assoc", "QOS") for what in RESOURCES),
    *(f"QOSMax{what}PerUser" for what in RESOURCES),
    *(f"Max{what}PerAccount" for what in RESOURCES),
]
QUEUED = [
    *names(
        "AssocGrpSubmitJobsLimit AssocMaxSubmitJobLimit MaxSubmitJobsPerAccount "
        "QOSGrpSubmitJobsLimit QOSMaxSubmitJobPerUserLimit"
    ),
]
TIME_LEFT = [
    *names(
        "AssocGrpCPURunMinutesLimit AssocGrpMemRunMinutes AssocGrpNodeRunMinutes "
        "QOSGrpCPURunMinutesLimit QOSGrpMemoryRunMinutes QOSGrpNodeRunMinutes"
    ),
    *(f"{who}Grp{what}RunMinutes" for who in ("Assoc", "QOS") for what in RESOURCES),
    *(
        f"Max{what}RunMinsPer{whom}"
        for what in (*RESOURCES, "Cpu", "Memory", "Node")
        for whom in ("Account", "User")
    ),
]
OTHERS = names(
    "AccountingPolicy BeginTime BurstBufferResources BurstBufferStageIn Cleaning Constraints "
    "Dependency FedJobLock InactiveLimit JobArrayTaskLimit JobLaunchFailure Licenses "
    "MaxPoweredUpNodes MpiPortsBusy NodeDown NonZeroExitCode None NvidiaImexChannels OutOfMemory "
    "Priority Prolog RaisedSignal ReqNodeNotAvail Reservation Resources SchedDefer TimeLimit"
)

# What slurmctld prints in place of a reason's name, and who starts such a job.
SENTENCES = [
    ("Reservation cls was deleted", Outlook.HELD, "scontrol release 12"),
    ("Reservation a,b was deleted", Outlook.HELD, "without --reservation"),
    ("Reservation cls is invalid", Outlook.HELD, "without --reservation"),
    ("job requeued in held state", Outlook.HELD, "scontrol release 12"),
    ("job requeued in special exit state", Outlook.HELD, "scontrol release 12"),
    ("launch failed requeued held", Outlook.HELD, "scontrol release 12"),
    ("launch failure limit exceeded requeued held", Outlook.HELD, "support"),
    ("user env retrieval failed requeued held", Outlook.HELD, "user env retrieval failed"),
    ("burst_buffer/lua: JobHeldAdmin: slurm_bb_paths failed", Outlook.HELD, "slurm_bb_paths"),
    ("burst_buffer/lua: slurm_bb_data_in failed", Outlook.BLOCKED, "support"),
    (
        "Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority "
        "partitions",
        Outlook.WAITS,
        "another --partition",
    ),
    (
        "Nodes required for job are DOWN, DRAINED, REBOOTING or reserved for jobs in higher "
        "priority partitions",
        Outlook.WAITS,
        "another --partition",
    ),
    ("ReqNodeNotAvail, UnavailableNodes:sim[01-03]", Outlook.WAITS, "sim[01-03]"),
    ("ReqNodeNotAvail, May be reserved for other job", Outlook.WAITS, "shorter --time"),
    ("ReqNodeNotAvail, Reserved for maintenance", Outlook.WAITS, "shorter --time"),
    (
        "uid 1000 not in group permitted to use this partition (gpu). groups allowed: staff",
        Outlook.BLOCKED,
        "another --partition",
    ),
    ("RaisedSignal:9(Killed)", Outlook.WAITS, "last run"),
]

BY_ITSELF = (*RUNNING, *QUEUED, *TIME_LEFT, *OTHERS)
NOT_BY_ITSELF = (*BLOCKED, *SPENT, *TOO_MUCH, *TOO_LITTLE)


def waiting(reason: str) -> tuple[str, Outlook | None]:
    return standing(JobState("12", "PENDING", reason))


def test_the_list_is_whole() -> None:
    # Of a licence there is no limit for each node, nor of a burst buffer's minutes in a QOS.
    shared = {"AssocMaxLicensePerNode", "QOSMaxLicensePerNode", "QOSMaxBBMinutesPerJob"}
    found = {*BY_ITSELF, *NOT_BY_ITSELF, *HELD} - shared
    assert len(found) == 216


@pytest.mark.parametrize("reason", [*BY_ITSELF, *NOT_BY_ITSELF, *HELD])
def test_every_reason_has_a_sentence_of_its_own(reason: str) -> None:
    assert meaning_of(reason) is not None
    said = why_pending(JobState("12", "PENDING", reason))
    assert "{" not in said
    assert "Slurm says" not in said


@pytest.mark.parametrize(
    ("reasons", "outlook"),
    [(BY_ITSELF, Outlook.WAITS), (NOT_BY_ITSELF, Outlook.BLOCKED), (HELD, Outlook.HELD)],
    ids=["waits", "blocked", "held"],
)
def test_whether_a_job_starts_by_itself_is_known_of_every_reason(
    reasons: list[str], outlook: Outlook
) -> None:
    assert {reason: waiting(reason)[1] for reason in reasons} == dict.fromkeys(reasons, outlook)


@pytest.mark.parametrize(
    ("reasons", "words", "never"),
    [
        (SPENT, "has used up its time", "ends"),
        (TIME_LEFT, "starts by itself as", "used up"),
        (RUNNING, "it starts when one of", "used up"),
        (QUEUED, "in the queue", "used up"),
        (TOO_MUCH, "it will not start as it is", "it starts"),
        (TOO_LITTLE, "asks for less than its QOS wants", "it starts"),
    ],
    ids=["spent", "time left", "running", "queued", "too much", "too little"],
)
def test_a_limit_is_called_what_it_is(reasons: list[str], words: str, never: str) -> None:
    for reason in reasons:
        said, _ = waiting(reason)
        assert words in said, reason
        assert never not in said, reason
        assert reason in said, "what to tell the support"


def test_whose_limit_it_is_is_said() -> None:
    assert "another --qos" in waiting("QOSGrpCPUMinutesLimit")[0]
    assert "another --account" in waiting("AssocGrpCPUMinutesLimit")[0]
    assert waiting("QOSMaxGRESPerUser")[0].startswith("you have")
    assert waiting("MaxGRESPerAccount")[0].startswith("your account")
    assert "all who use its QOS" in waiting("QOSGrpGRES")[0]


@pytest.mark.parametrize(
    ("reason", "outlook"),
    [
        ("AssocGrpQuantumMinutes", Outlook.BLOCKED),
        ("QOSGrpQuantumRunMinutes", Outlook.WAITS),
        ("QOSMaxQuantumPerJob", Outlook.BLOCKED),
        ("MaxQuantumPerUser", Outlook.WAITS),
        ("MaxQuantumRunMinsPerUser", Outlook.WAITS),
    ],
)
def test_a_limit_of_a_resource_that_is_not_known_yet_is_understood(
    reason: str, outlook: Outlook
) -> None:
    said, found = waiting(reason)
    assert found is outlook
    assert "Quantum" in said


@pytest.mark.parametrize(("reason", "outlook", "words"), SENTENCES)
def test_a_sentence_of_slurms_in_place_of_a_reason_is_understood(
    reason: str, outlook: Outlook, words: str
) -> None:
    said, found = waiting(reason)
    assert words in said
    assert found is outlook


@pytest.mark.parametrize("reason", ["{job}", "Reservation {0} was deleted", "x" * 10**6, "\x1b[2J"])
def test_what_slurm_prints_is_only_text(reason: str) -> None:
    said, _ = waiting(reason)
    assert said.isprintable()
    assert len(said) < 500
