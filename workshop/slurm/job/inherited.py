"""What SBATCH_ variables of the shell add to a job: a site's defaults, where nobody asks otherwise.

Many centres set SBATCH_ACCOUNT or SBATCH_EXPORT at login. An option or the cluster's description
wins over them; what is left becomes a line of the script, where it can be seen. The job's name,
log, time limit, signals, array and number of ranks are always ours. Names and options: sbatch(1).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from workshop.slurm.variables import cluster_of
from workshop.util.errors import UsageError
from workshop.util.text import one_line

if TYPE_CHECKING:
    from workshop.slurm.job.request import Request

Found = tuple[str, str, str | bool]  # variable, field of the request or else option, value

# Fields of a request.
FIELDS = {
    "SBATCH_ACCOUNT": "account",
    "SBATCH_PARTITION": "partition",
    "SBATCH_RESERVATION": "reservation",
    "SBATCH_QOS": "qos",
    "SBATCH_CONSTRAINT": "constraint",
}
# Options that no request has a field for.
OPTIONS = {
    "SBATCH_ACCTG_FREQ": "acctg-freq",
    "SBATCH_BATCH": "batch",
    "SBATCH_CONTAINER": "container",
    "SBATCH_CONTAINER_ID": "container-id",
    "SBATCH_CORE_SPEC": "core-spec",
    "SBATCH_DELAY_BOOT": "delay-boot",
    "SBATCH_DISTRIBUTION": "distribution",
    "SBATCH_GET_USER_ENV": "get-user-env",
    "SBATCH_GPU_BIND": "gpu-bind",
    "SBATCH_GPU_FREQ": "gpu-freq",
    "SBATCH_GRES_FLAGS": "gres-flags",
    "SLURM_HINT": "hint",
    "SBATCH_HINT": "hint",
    "SBATCH_MEM_BIND": "mem-bind",
    "SBATCH_NETWORK": "network",
    "SBATCH_POWER": "power",
    "SBATCH_PROFILE": "profile",
    "SBATCH_SEGMENT_SIZE": "segment",
    "SBATCH_THREADS_PER_CORE": "threads-per-core",
    "SBATCH_THREAD_SPEC": "thread-spec",
    "SBATCH_TRES_BIND": "tres-bind",
    "SBATCH_WAIT_ALL_NODES": "wait-all-nodes",
    "SBATCH_WCKEY": "wckey",
}
# Options without a value: an empty variable, or a true one, stands for the option.
FLAGS = {
    "SBATCH_NO_KILL": "no-kill",
    "SBATCH_OVERCOMMIT": "overcommit",
    "SBATCH_SPREAD_JOB": "spread-job",
    "SBATCH_USE_MIN_NODES": "use-min-nodes",
}
# One of these at most, and none beside memory that the request has.
MEMORY = {
    "SBATCH_MEM_PER_CPU": "mem_per_cpu",
    "SBATCH_MEM_PER_GPU": "mem-per-gpu",
    "SBATCH_MEM_PER_NODE": "mem",
}
# Only for a job that asks for no GPU in the way of the description.
GPUS = {
    "SBATCH_GPUS": "gpus",
    "SBATCH_GPUS_PER_NODE": "gpus-per-node",
    "SBATCH_GPUS_PER_SOCKET": "gpus-per-socket",
    "SBATCH_GPUS_PER_TASK": "gpus-per-task",
    "SBATCH_GRES": "gres",
    "SBATCH_TRES_PER_TASK": "tres-per-task",
}


def with_shell(request: Request, shell: Mapping[str, str], decided: set[str]) -> Request:
    """The request with what the shell's variables ask for and nobody else decides.

    Args:
        shell: the environment of the shell that submits.
        decided: fields of the request that stand as they are, empty ones too.

    Raises:
        UsageError: the variables name several clusters, or one that is only sbatch's, or have a
            value that sbatch refuses.
    """
    found = [
        *of_fields(request, shell, decided),
        *of_options(request, shell),
        *of_exclusive(request, shell, decided),
    ]
    cluster = cluster_of(shell)
    if cluster:
        found.append(("SLURM_CLUSTERS", "clusters", cluster))
    variables = list(dict.fromkeys(variable for variable, _, _ in found))
    if shell.get("SBATCH_EXPORT"):  # ``variables.for_sbatch`` does as it says
        variables.append("SBATCH_EXPORT")
    names = {one.name for one in dataclasses.fields(request)}
    fields: dict[str, Any] = {name: value for _, name, value in found if name in names}
    options = {name: value for _, name, value in found if name not in names}
    return dataclasses.replace(
        request,
        **fields,
        options=options,
        inherited=tuple(f"{name}={shell[name]}" for name in variables),
    )


def of_fields(request: Request, shell: Mapping[str, str], decided: set[str]) -> Iterator[Found]:
    for variable, field in FIELDS.items():
        if shell.get(variable) and field not in decided and getattr(request, field) is None:
            yield variable, field, shell[variable]


def of_options(request: Request, shell: Mapping[str, str]) -> Iterator[Found]:
    """Options that the request leaves open."""
    open_to_the_shell = dict(OPTIONS)
    if not request.gpu_option:
        open_to_the_shell |= GPUS
    elif request.cpus_per_task is None:
        open_to_the_shell["SBATCH_CPUS_PER_GPU"] = "cpus-per-gpu"
    if request.mem is None and request.mem_per_cpu is None:
        memory = next((name for name in MEMORY if shell.get(name)), None)
        open_to_the_shell |= {memory: MEMORY[memory]} if memory else {}
    for variable, option in open_to_the_shell.items():
        if shell.get(variable):
            yield variable, option, shell[variable]
    for variable, option in FLAGS.items():
        if variable in shell and is_true(shell[variable]):
            yield variable, option, True
    if shell.get("SBATCH_REQ_SWITCH"):
        longest = shell.get("SBATCH_WAIT4SWITCH")
        value = shell["SBATCH_REQ_SWITCH"] + (f"@{longest}" if longest else "")
        yield "SBATCH_REQ_SWITCH", "switches", value


def of_exclusive(request: Request, shell: Mapping[str, str], decided: set[str]) -> Iterator[Found]:
    """Whole nodes, nodes of one user's jobs, or shared cores; sbatch's own words in any case.

    Raises:
        UsageError: a word that sbatch does not know.
    """
    asked = shell.get("SBATCH_EXCLUSIVE")
    if asked is None or request.exclusive or "exclusive" in decided:
        return
    word = asked.lower()
    if word in ("", "exclusive"):
        yield "SBATCH_EXCLUSIVE", "exclusive", True
    elif word in ("user", "mcs", "topo"):
        yield "SBATCH_EXCLUSIVE", "exclusive", word
    elif word == "oversubscribe":
        yield "SBATCH_EXCLUSIVE", "oversubscribe", True
    else:
        raise UsageError(
            f"your shell sets SBATCH_EXCLUSIVE={one_line(asked)}, which sbatch refuses: unset it, "
            "or set it to exclusive, user, mcs, topo or oversubscribe"
        )


def is_true(text: str) -> bool:
    """Whether sbatch takes a flag's variable for the option: yes, true, a number, or nothing."""
    return text.lower() in ("", "yes", "true") or (text.isdecimal() and int(text) != 0)
