"""What sbatch says when it refuses a job, and what we say in its place."""

from __future__ import annotations

import pytest

from workshop.slurm.doctor.finding import Finding
from workshop.slurm.job.limits import refused_by_limit
from workshop.slurm.job.refusal import RULES, SubmitError, explain, understood, with_doubts
from workshop.slurm.job.request import Request

REQUEST = Request(
    stage="tp",
    job_name="workshop-tp",
    output="/here/job-tp-%j.out",
    nodes=2,
    gpus_per_node=8,
    gpu_request="gpus-per-node",
    cpus_per_task=12,
    mem="900G",
    time=3000,
    partition="nope",
    account="edu2O",
    reservation="edu2O",
    qos="fast",
    constraint="gold",
    exclude="sim99",
    dependency="afterok:7",
)

SPELT = "sbatch: error: Batch job submission failed: "


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sbatch: error: invalid partition specified: nope\n" + SPELT + "Invalid partition name "
         "specified", "there is no partition 'nope' here: 'sinfo -s' lists them"),
        (SPELT + "Requested reservation is invalid", "the reservation 'edu2O' is not there"),
        (SPELT + "Access denied to requested reservation", "'edu2O' is not for you"),
        (SPELT + "Invalid account or account/partition combination specified",
         "the account 'edu2O' is not yours"),
        (SPELT + "Invalid qos specification", "the QOS 'fast' is not there"),
        (SPELT + "Invalid feature specification", "no node has the feature 'gold'"),
        (SPELT + "Requested node configuration is not available",
         "no node has what was asked for: 2 nodes, with --gpus-per-node=8, "
         "1 x 12 processors on each, 900G of memory, without sim99"),
        (SPELT + "Invalid node name specified", "--exclude sim99 names a node that is not there"),
        ("sbatch: error: Failed to validate job spec, --gpus < -N", "2 nodes were asked for and"),
        (SPELT + "Requested time limit is invalid (missing or exceeds some limit)",
         "50:00:00 is more time than this partition gives"),
        (SPELT + "Unable to contact slurm controller (connect failure)",
         "Slurm's controller does not answer"),
        ("sbatch: error: s_p_parse_file: unable to status file /x: No such file or directory\n"
         "sbatch: fatal: Unable to process configuration file",
         "Slurm's configuration is not found here"),
        (SPELT + "Job dependency problem", "it cannot wait for 'afterok:7'"),
        (SPELT + "Job violates accounting/QOS policy (job submit limit, user's size and/or time "
         "limits)", "your account's limits do not allow it"),
    ],
)  # fmt: skip
def test_every_refusal_has_a_sentence_that_names_what_was_asked_for(text: str, said: str) -> None:
    sentence = explain(text, REQUEST)
    assert said in sentence
    assert "\n" not in sentence
    assert "sbatch: error" not in sentence


def test_a_refusal_that_is_not_known_is_told_in_slurms_own_words() -> None:
    sentence = explain("sbatch: error: whatever\nsbatch: error: Something new\n\n", REQUEST)
    assert sentence == "Slurm did not take the job: whatever; Something new"
    assert explain("", REQUEST) == "Slurm did not take the job: it gave no reason"


CODE = "Invalid account or account/partition combination specified"
POLICY = "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'project "abc1" has exceeded the maximum allowable usage\n'
            "sbatch: error: cli_filter plugin terminated with error",
            'project "abc1" has exceeded the maximum allowable usage',
        ),
        (
            "sbatch: error: Please name a project with --account\n" + SPELT + "Unspecified error",
            "Please name a project with --account",
        ),
        (
            "Welcome to the cluster.\nsbatch: error: ----------\nsbatch: error: No hours left.\n"
            f"sbatch: error: Ask at the desk.\nsbatch: error: ----------\n{SPELT}{CODE}",
            f"No hours left; Ask at the desk ({CODE})",
        ),
        (
            "-----\n--> Verifying valid jobname...OK\n--> Checking allocation (A-1)...FAILED\n"
            "sbatch: error: cli_filter plugin terminated with error",
            "--> Checking allocation (A-1)...FAILED",
        ),
        (SPELT + "Unspecified error", "Unspecified error"),
        ("sbatch: warning: can't honor --ntasks-per-node", "can't honor --ntasks-per-node"),
        ("sbatch: error: \x1b[31mno\x1b[0m", "[31mno[0m"),
    ],
)
def test_a_sites_own_message_is_the_answer(text: str, expected: str) -> None:
    assert explain(text, REQUEST) == f"Slurm did not take the job: {expected}"


def test_a_message_on_the_other_stream_is_the_answer_too() -> None:
    refused = understood(
        "sbatch: error: cli_filter plugin terminated with error", "Use the other gate.\n", REQUEST
    )
    assert refused.sentence == "Slurm did not take the job: Use the other gate"


def test_a_banner_is_no_reason() -> None:
    for errors, output in (("Welcome.\n" + SPELT + CODE, ""), (SPELT + CODE, "Welcome.")):
        sentence = understood(errors, output, REQUEST).sentence
        assert "the account 'edu2O' is not yours" in sentence
        assert "Welcome" not in sentence


def test_an_endless_message_is_cut_short() -> None:
    assert len(explain("sbatch: error: " + "no " * 5000, REQUEST)) < 500


def test_slurms_own_words_come_before_ours() -> None:
    sentence = explain(SPELT + CODE, REQUEST)
    assert sentence.startswith(f"Slurm did not take the job ({CODE}): the account 'edu2O' is not")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.pattern[:20])
def test_no_sentence_names_what_the_job_does_not_have(rule: object) -> None:
    empty = Request(stage="tp", job_name="x", output="/x")
    sentence = rule.sentence(empty)  # type: ignore[attr-defined]
    assert "None" not in sentence
    assert "''" not in sentence


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("AssocGrpBillingMinutes", "the account edu2O has used up its budget of billing minutes"),
        ("AssocGrpCPUMinutesLimit", "has used up its budget of CPU minutes"),
        ("AssocGrpGRESMinutes", "has used up its budget of GPU (GRES) minutes"),
        ("AssocGrpWallLimit", "has used up its budget of wall time"),
        ("QOSGrpNodeMinutes", "the QOS fast has used up its budget of node minutes"),
        ("AssocGrpCPURunMinutesLimit", "limits the CPU minutes of all running jobs"),
        ("AssocMaxCpuMinutesPerJobLimit", "limits the CPU minutes for one job"),
        ("AssocMaxWallDurationPerJobLimit", "allows less time than 50:00:00"),
        ("QOSMaxWallDurationPerJobLimit", "the QOS fast allows less time than 50:00:00"),
        ("AssocMaxSubmitJobLimit", "takes no more jobs into the queue: wait for one to end"),
        ("QOSMaxSubmitJobPerUserLimit", "takes no more jobs into the queue for one user"),
        ("AssocMaxJobsLimit", "takes no more jobs at the same time"),
        ("QOSMaxGRESPerUser", "limits GPUs or other GRES for one user"),
        ("QOSMaxCpuPerUserLimit", "limits CPU cores for one user"),
        ("AssocMaxNodePerJobLimit", "limits nodes for one job"),
        ("QOSMinGRES", "takes only jobs with more GPUs or other GRES than this one"),
        ("MaxSubmitJobsPerAccount", "takes no more jobs into the queue for one account"),
        ("MaxCpuPerAccount", "limits CPU cores for one account"),
        ("QOSNotAllowed", "the QOS fast may not be used here"),
        ("QOSTimeLimit", "allows less time"),
        ("AssociationJobLimit", "has as much in the queue or running as it may have"),
    ],
)
def test_a_limit_is_told_by_slurms_word_for_it(word: str, said: str) -> None:
    sentence = explain(f"sbatch: error: {word}\n{SPELT}{POLICY}", REQUEST)
    assert said in sentence
    assert sentence.startswith(f"Slurm did not take the job ({word}): ")
    assert "None" not in explain(
        f"sbatch: error: {word}", Request(stage="tp", job_name="x", output="/x")
    )


def test_other_words_are_no_limits() -> None:
    for text in ("QOS", "AssocGrp", "Maximum jobs per account", "MaxMemPerNode", "Associated"):
        assert refused_by_limit(text, REQUEST) is None


DOUBT = Finding("doubt", "the reservation theirs does not name you (accounts edu20)", "x", "ask")


def test_a_doubt_follows_a_refusal_about_the_same_thing_and_replaces_none() -> None:
    said = with_doubts(SubmitError("Slurm did not take the job: no", "reservation"), [DOUBT])
    assert said == f"Slurm did not take the job: no. Also: {DOUBT.sentence}"
    for about in ("account", None):
        assert with_doubts(SubmitError("refused", about), [DOUBT]) == "refused"
