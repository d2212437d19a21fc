"""Variables of the shell that change what Slurm's commands do: none of them decides unseen.

Each command reads options from variables: sbatch from SBATCH_ACCOUNT, which wins over the script's
``#SBATCH --account``; squeue from SQUEUE_FORMAT; and srun, in the job, from SLURM_LABELIO. Every
command of Slurm that we start runs without them. What stays says which Slurm it is: SLURM_CONF and
SLURM_CLUSTERS. Source: "INPUT ENVIRONMENT VARIABLES" in sbatch(1) and srun(1), and "ENVIRONMENT
VARIABLES" in the manual pages of the others (Slurm 22.05), with options of later versions.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping

from workshop.util.errors import UsageError

WHICH_SLURM = ("SLURM_CONF", "SLURM_CLUSTERS")
_AUTHENTICATION = ("SLURM_JWT", "KRB5CCNAME")  # by which Slurm knows whose the job is

# Options of the commands that ask and cancel.
_QUESTIONS = ("SINFO_", "SQUEUE_", "SACCT_", "SACCTMGR_", "SCONTROL_", "SCANCEL_")
# How answers look. Zero: a list of array tasks is never cut short.
_PLAIN = {"LC_ALL": "C", "SLURM_TIME_FORMAT": "standard", "SLURM_BITSTR_LEN": "0"}
_LOOKS = ("SLURM_TOPO_LEN", "SLURM_DEBUG_FLAGS", "SLURM_JSON", "SLURM_YAML")

# sbatch's own options: SBATCH_ and a name. Any other name is no option of sbatch's.
_OPTIONS_OF_SBATCH = """
ACCOUNT ACCTG_FREQ ARRAY_INX BATCH CLUSTERS CONSTRAINT CONTAINER CONTAINER_ID CORE_SPEC
CPUS_PER_GPU CPU_FREQ_REQ DEBUG DELAY_BOOT DISTRIBUTION ERROR EXCLUSIVE EXPORT GET_USER_ENV GPUS
GPUS_PER_NODE GPUS_PER_SOCKET GPUS_PER_TASK GPU_BIND GPU_FREQ GRES GRES_FLAGS HINT IGNORE_PBS
INPUT JOB_NAME MEM_BIND MEM_PER_CPU MEM_PER_GPU MEM_PER_NODE NETWORK NO_KILL NO_REQUEUE
OPEN_MODE OUTPUT OVERCOMMIT PARTITION POWER PROFILE QOS REQUEUE REQ_SWITCH RESERVATION
SEGMENT_SIZE SIGNAL SPREAD_JOB THREADS_PER_CORE THREAD_SPEC TIMELIMIT TRES_BIND TRES_PER_TASK
USE_MIN_NODES WAIT WAIT4SWITCH WAIT_ALL_NODES WCKEY
"""
# srun's options. sbatch hands the shell's variables on to the job, where srun would read them.
_OPTIONS_OF_SRUN = """
ACCOUNT ACCTG_FREQ BCAST BCAST_EXCLUDE BURST_BUFFER COMPRESS CONSTRAINT CONTAINER CONTAINER_ID
CORE_SPEC CPUS_PER_GPU CPUS_PER_TASK CPU_BIND CPU_FREQ_REQ DEBUG DEBUG_FLAGS DELAY_BOOT
DEPENDENCY DISABLE_STATUS DISTRIBUTION DIST_PLANESIZE EPILOG EXACT EXCLUSIVE EXIT_ERROR
EXIT_IMMEDIATE EXPORT_ENV GPUS GPUS_PER_NODE GPUS_PER_SOCKET GPUS_PER_TASK GPU_BIND GPU_FREQ
GRES GRES_FLAGS HINT IMMEDIATE JOB_NAME JOB_NUM_NODES KILL_BAD_EXIT LABELIO MEM_BIND MEM_PER_CPU
MEM_PER_GPU MEM_PER_NODE MPI_TYPE NETWORK NNODES NO_KILL NPROCS NTASKS NTASKS_PER_CORE
NTASKS_PER_GPU NTASKS_PER_NODE NTASKS_PER_SOCKET NTASKS_PER_TRES OOM_KILL_STEP OPEN_MODE
OVERCOMMIT OVERLAP PARTITION POWER PROFILE PROLOG QOS RELATIVE REMOTE_CWD REQ_SWITCH RESERVATION
RESV_PORTS SEGMENT_SIZE SEND_LIBS SIGNAL SPREAD_JOB SRUN_REDUCE_TASK_EXIT_MSG STDERRMODE
STDINMODE STDOUTMODE STEP_GRES STEP_KILLED_MSG_NODE_ID TASK_EPILOG TASK_PROLOG TEST_EXEC THREADS
THREADS_PER_CORE THREAD_SPEC TIMELIMIT TRES_BIND TRES_PER_TASK UNBUFFEREDIO USE_MIN_NODES WAIT
WAIT_FOR_CHILDREN WCKEY WHOLE WORKING_DIR
"""
SBATCH = frozenset(f"SBATCH_{name}" for name in _OPTIONS_OF_SBATCH.split())
SRUN = frozenset(f"SLURM_{name}" for name in _OPTIONS_OF_SRUN.split())

# What a program needs to start at all, and a login shell to know whose it is.
_ANY_PROGRAM = (
    *("PATH", "LD_LIBRARY_PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TERM"),
    *WHICH_SLURM,
    *_AUTHENTICATION,
)
# Of a job that we may be in ourselves: a new job would take them for its own.
_OF_A_JOB = ("SLURM_", "SLURMD_", "SUBMITIT_")
_OF_ITS_RANKS = ("MASTER_PORT", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")


def for_questions(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a command that asks Slurm, or cancels a job.

    Args:
        environ: the shell's; None is this process's.
    """
    shell = os.environ if environ is None else environ
    left = {
        name: value
        for name, value in shell.items()
        if not name.startswith(_QUESTIONS) and name not in _LOOKS
    }
    return left | _PLAIN


def decides_a_job(name: str, inside_a_job: bool) -> bool:
    """Whether sbatch, or srun in the new job, would take the variable for an option."""
    if name in WHICH_SLURM or name in _AUTHENTICATION:
        return False
    if inside_a_job and (name.startswith(_OF_A_JOB) or name in _OF_ITS_RANKS):
        return True
    # The new job's rank 0 is on a node that no shell knows yet.
    return name in SBATCH or name in SRUN or name.startswith("SRUN_") or name == "MASTER_ADDR"


def for_sbatch(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for sbatch, and so for the job: the script alone decides what it asks for.

    Args:
        environ: the shell's; None is this process's.
    """
    shell = os.environ if environ is None else environ
    inside = "SLURM_JOB_ID" in shell
    return {name: value for name, value in passed_on(shell) if not decides_a_job(name, inside)}


def passed_on(shell: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The variables that SBATCH_EXPORT lets a job have: all, none, or those that it lists.

    The job's login shell makes the rest. With --export=NONE, the node's slurmd would do so before
    it, by "su - USER", and hold the job where that takes more than a few seconds.
    """
    listed = [word for word in shell.get("SBATCH_EXPORT", "ALL").split(",") if word]
    everything = not listed or any(word.upper() == "ALL" for word in listed)
    for name, value in shell.items():
        if everything or name in _ANY_PROGRAM or name.startswith("LC_") or name in listed:
            yield name, value
    for word in listed:
        name, given, value = word.partition("=")
        if given and name:
            yield name, value


@contextlib.contextmanager
def applied(environment: Mapping[str, str]) -> Iterator[None]:
    """Run commands of a library that takes no environment: this process has it meanwhile."""
    before = dict(os.environ)
    replace_environ(environment)
    try:
        yield
    finally:
        replace_environ(before)


def replace_environ(environment: Mapping[str, str]) -> None:
    """Make this process's environment the given one, touching only what differs."""
    for name in [name for name in os.environ if name not in environment]:
        del os.environ[name]
    for name, value in environment.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def cluster_of(environ: Mapping[str, str]) -> str | None:
    """The one cluster of several that jobs go to (sbatch --clusters); None is this machine's.

    Raises:
        UsageError: SBATCH_CLUSTERS sends jobs where no other command looks, or there are several.
    """
    everywhere = environ.get("SLURM_CLUSTERS") or None
    of_sbatch = environ.get("SBATCH_CLUSTERS") or everywhere
    if of_sbatch != everywhere:
        raise UsageError(
            f"SBATCH_CLUSTERS={of_sbatch} sends jobs where 'workshop status' does not look: "
            f"'unset SBATCH_CLUSTERS' and 'export SLURM_CLUSTERS={of_sbatch}', which "
            "all of Slurm's commands follow"
        )
    if everywhere and ("," in everywhere or everywhere == "all"):
        raise UsageError(
            f"SLURM_CLUSTERS={everywhere} names several clusters, which number their jobs "
            "independently: export the name of one"
        )
    return everywhere
