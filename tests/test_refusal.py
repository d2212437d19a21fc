"""What sbatch says when it refuses a job, and what we say in its place."""

from __future__ import annotations

import pytest

from workshop.slurm.job.refusal import explain
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
    assert sentence == "Slurm did not take the job: Something new"
    assert explain("", REQUEST) == "Slurm did not take the job: it gave no reason"
