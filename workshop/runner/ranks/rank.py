"""Which of a job's processes this is, and where it meets the others.

Slurm numbers its tasks in environment variables, which submitit reads
(https://github.com/facebookincubator/submitit, helpers.TorchDistributedEnvironment).
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
from dataclasses import dataclass

from workshop.slurm.variables import for_questions
from workshop.util.errors import UsageError

LOOPBACK = "127.0.0.1"
TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class Rank:
    """Which of the ``ranks`` processes that share a model, and where they meet.

    Attributes:
        index: 0 to ranks - 1.
        local_rank: counted on this node, which decides the GPU to take.
        address: of rank 0's node; what a site or the script has in MASTER_ADDR, if it has.
        port: where rank 0 waits for the others.
    """

    index: int = 0
    ranks: int = 1
    local_rank: int = 0
    address: str = LOOPBACK
    port: int = 0


def rank_of_job() -> Rank:
    """This process's rank in the submitit job that it is part of."""
    from submitit.helpers import TorchDistributedEnvironment

    job = TorchDistributedEnvironment()
    # One host reaches itself by its loopback, whether or not its name resolves.
    one_node = job.local_world_size == job.world_size
    address = LOOPBACK if one_node else os.environ.get("MASTER_ADDR") or reachable(job.master_addr)
    return Rank(job.rank, job.world_size, job.local_rank, address, job.master_port)


def rank_of_step(ranks: int) -> Rank | None:
    """This process's rank among the tasks that srun started; None if it is the only one.

    Raises:
        UsageError: srun started another number of tasks than the run has ranks.
    """
    tasks = int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))
    if "SLURM_PROCID" not in os.environ or tasks == 1:
        return None
    if tasks != ranks:
        raise UsageError(
            f"srun started {tasks} tasks and this run has {ranks}: "
            f"use srun --ntasks={ranks}, or give --ranks {tasks}"
        )
    os.environ.setdefault("SUBMITIT_EXECUTOR", "slurm")  # without it, submitit must guess
    return rank_of_job()


def reachable(node: str) -> str:
    """An address for a node's name: the name where it resolves, else the one that Slurm uses."""
    try:
        socket.getaddrinfo(node, None)
        return node
    except OSError:
        pass
    command = ["scontrol", "--oneliner", "show", "node", node]
    try:
        output = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
            env=for_questions(),
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return node
    found = re.search(r"\bNodeAddr=(\S+)", output)
    return found[1] if found else node
