"""The partition: is it there, does it take such a job, and may I use it?"""

from __future__ import annotations

from collections.abc import Sequence

from workshop.slurm import times
from workshop.slurm.doctor.entry import about_entry
from workshop.slurm.doctor.finding import Finding, another, counted, up_to
from workshop.slurm.facts.access import User
from workshop.slurm.facts.ask import NoAnswerError, ask
from workshop.slurm.facts.inventory import Partition
from workshop.slurm.job.request import Request
from workshop.util.near import close

WHY = "a job runs on the nodes of one partition"


def chosen(request: Request, there: Sequence[Partition]) -> list[Partition]:
    """The partitions that the job may start in; none where Slurm shows none of that name."""
    if request.partition is None:
        return [one for one in there if one.default]
    wanted = request.partition.split(",")
    return [one for name in wanted for one in there if one.name == name]


def about_partition(
    request: Request, there: Sequence[Partition], user: User | None = None
) -> list[Finding]:
    """Whether the partition is there, up and mine, and allows what is asked for.

    Of several partitions, one that takes the job is enough.

    Args:
        user: None where it was not looked up what is theirs.
    """
    findings = [missing(name, there) for name in unknown(request, there)]
    found = [about_one(request, one, there, user) for one in chosen(request, there)]
    if not found or len(found) + len(findings) == 1:
        return findings + [finding for one in found for finding in one]
    refused = [one for one in found if any(finding.level == "problem" for finding in one)]
    return findings + (found[0] if len(refused) == len(found) else [])


def unknown(request: Request, there: Sequence[Partition]) -> list[str | None]:
    """The partitions that were asked for and that Slurm does not show; None is the default one."""
    names = {one.name for one in there}
    if request.partition is None:
        return [] if chosen(request, there) else [None]
    return [name for name in request.partition.split(",") if name and name not in names]


def missing(name: str | None, there: Sequence[Partition]) -> Finding:
    names = [one.name for one in there]
    if not names:
        what = "Slurm shows you no partition"
        return Finding("doubt", what, WHY, "ask your instructor what to give as --partition")
    what = f"there is no partition {name!r}{close(name, names)}" if name else NO_DEFAULT
    return Finding("doubt", what, WHY, another("--partition", names))


NO_DEFAULT = "this Slurm has no default partition"


def about_one(
    request: Request, partition: Partition, there: Sequence[Partition], user: User | None
) -> list[Finding]:
    """Everything about one partition that is there."""
    others = [
        one.name
        for one in there
        if one.name != partition.name and one.up and not limits(request, one, user)
    ]
    return [about_state(partition, others), *limits(request, partition, user, others)]


def limits(
    request: Request, partition: Partition, user: User | None, others: Sequence[str] = ()
) -> list[Finding]:
    """Why the partition would not take the job; ``others`` are those that would."""
    return [
        *about_entry(request, partition, others, user),
        *about_time(request, partition),
        *about_node_count(request, partition),
        *about_processors(request, partition),
    ]


def about_state(partition: Partition, others: Sequence[str]) -> Finding:
    if partition.up:
        return Finding("ok", f"the partition {partition.name} is there and up", WHY)
    todo = f"wait, or {another('--partition', others)}"
    if partition.closed:
        what = f"the partition {partition.name} is closed, and takes no new jobs"
        return Finding("problem", what, WHY, todo)
    what = f"the partition {partition.name} is not up"
    return Finding("warning", what, WHY, f"no job can start there now; {todo}")


def about_time(request: Request, partition: Partition) -> list[Finding]:
    """Whether a job that long ever starts."""
    limit = partition.longest
    if limit is None or request.time * 60 <= limit:
        return []
    what = (
        f"{request.time_limit} is more than the partition {partition.name} allows "
        f"({times.clock(limit)})"
    )
    todo = f"use --time {times.clock(limit)} or less"
    return [beyond(request, partition, what, "a job that asks for more never starts", todo)]


def about_node_count(request: Request, partition: Partition) -> list[Finding]:
    """Whether a job with so many nodes ever starts."""
    name, asked = partition.name, counted(request.nodes, "node")
    why = "Slurm never starts a job outside of its partition's limits"
    if partition.most is not None and request.nodes > partition.most:
        most = counted(partition.most, "node")
        what = f"{asked} were asked for, and the partition {name} gives a job {most} at most"
        return [beyond(request, partition, what, why, up_to("--nodes", partition.most))]
    if request.nodes < partition.fewest:
        what = f"the partition {name} is for jobs of {partition.fewest} nodes or more, not {asked}"
        todo = f"use --nodes {partition.fewest} or more, or another --partition"
        return [beyond(request, partition, what, why, todo)]
    return []


def beyond(request: Request, partition: Partition, what: str, why: str, todo: str) -> Finding:
    """A limit that is passed: a problem, unless a QOS may lift it."""
    sure = request.qos is None and partition.qos is None
    return Finding("problem" if sure else "warning", what, why, todo)


def about_processors(request: Request, partition: Partition) -> list[Finding]:
    """Whether a job may have so many processors of a node."""
    each = request.cpus_per_task or 1
    asked, most = request.tasks_per_node * each, processors_of(partition)
    if most is None or asked <= most:
        return []
    fits = most // request.tasks_per_node
    todo = f"use --set cpus_per_task={fits}" if fits else "use fewer ranks on a node"
    return [
        Finding(
            "problem",
            f"{request.tasks_per_node} x {each} processors on a node were asked for, and the "
            f"partition {partition.name} gives a job {most} of a node",
            "Slurm refuses a job that asks for more",
            todo,
        )
    ]


def processors_of(partition: Partition) -> int | None:
    """Processors of a node that a job may have; None where there is no limit, or none is known."""
    limits = [] if partition.cpus_per_node is None else [partition.cpus_per_node]
    if partition.cpus_per_socket is not None:
        try:
            text = ask(["sinfo", "--noheader", f"--partition={partition.name}", "--format=%X"])
        except NoAnswerError:
            text = ""
        words = text.replace("+", "").split()
        sockets = [int(word) for word in words if word.isascii() and word.isdecimal()][:1000]
        limits += [partition.cpus_per_socket * max(sockets)] if sockets else []
    return min(limits, default=None)


def about_whole_nodes(request: Request, there: Sequence[Partition]) -> list[Finding]:
    """Whether the job gets, and is charged for, more than it asks for."""
    whole = [one.name for one in chosen(request, there) if one.whole_nodes]
    if not whole or request.exclusive:
        return []
    what = f"every job on the partition {whole[0]} gets whole nodes, whatever it asks for"
    why = "your account is charged for all processors and GPUs of each node"
    todo = "ask for all GPUs of a node (--gpus), or use another --partition"
    return [Finding("warning", what, why, todo)]
