"""What one job asks of Slurm: a stage's settings on a cluster, as plain values for a template."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workshop.slurm import times
from workshop.slurm.cluster.description import Cluster, GpuRequest
from workshop.slurm.job.inherited import with_shell
from workshop.slurm.job.values import with_values
from workshop.stages.settings import Settings
from workshop.util.errors import UsageError

SIGNAL_SECONDS = 60  # Slurm checks its clock about twice a minute


@dataclass(frozen=True)
class Request:
    """The values that a template sees. None leaves a directive out.

    Attributes:
        stage: which template is rendered.
        output: the log's path, as a pattern: %j is the job's number, %A_%a an array task's.
        nodes: number of nodes; each runs ``tasks_per_node`` ranks and gives ``gpus_per_node`` GPUs.
        mem: memory of each node; mem_per_cpu in its place: of each CPU core.
        time: minutes.
        exclusive: whole nodes; or sbatch's word for less than that: user, mcs or topo.
        array: indices, as 0-4%1.
        dependency: as afterok:123.
        restarts: how often a job that reaches its time limit starts again.
        requeue: start again after preemption, or when a node fails.
        signal: warn before the time limit; for jobs that know what to do then.
        srun: start the command by srun; several ranks always are.
        draft: the draft model's name.
        python: the interpreter, as the command calls it.
        modules, setup, variables, cache: as a cluster's description has them; so are
            address_suffix and interface.
        options: further options of sbatch, without their dashes; True is one without a value.
        inherited: variables of the submitting shell that decide some of it: NAME=VALUE.
        extra: further values, for an instructor's own templates.
    """

    stage: str
    job_name: str
    output: str
    nodes: int = 1
    tasks_per_node: int = 1
    cpus_per_task: int | None = None
    gpus_per_node: int = 0
    gpu_request: GpuRequest = "gpus"
    gpu_type: str | None = None
    mem: str | None = None
    mem_per_cpu: str | None = None
    time: int = 30
    partition: str | None = None
    account: str | None = None
    reservation: str | None = None
    qos: str | None = None
    constraint: str | None = None
    exclude: str | None = None
    exclusive: bool | str = False
    dependency: str | None = None
    array: str | None = None
    requeue: bool = True
    restarts: int = 0
    signal: bool = True
    srun: bool = True
    draft: str | None = None
    python: str = "python"
    modules: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    cache: str | None = None
    address_suffix: str | None = None
    interface: str | None = None
    options: dict[str, str | bool] = field(default_factory=dict)
    inherited: tuple[str, ...] = ()
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def ranks(self) -> int:
        return self.nodes * self.tasks_per_node

    @property
    def time_limit(self) -> str:
        """The time as Slurm prints it: 01:30:00."""
        hours, minutes = divmod(self.time, 60)
        return f"{hours:02}:{minutes:02}:00"

    @property
    def gpu_option(self) -> str | None:
        """The option that this cluster wants to be asked with; None for a job without GPUs.

        --gpus counts over all nodes and may split 4 as 3 and 1: several nodes are asked by node.
        """
        if self.gpu_request == "none" or not self.gpus_per_node:
            return None
        if self.gpu_request == "gpus" and self.nodes > 1:
            return "gpus-per-node"
        return self.gpu_request

    @property
    def gpu_value(self) -> str:
        """What stands behind that option: 2, a100:2 or gpu:a100:2."""
        parts = ["gpu" if self.gpu_request == "gres" else None, self.gpu_type]
        return ":".join([*filter(None, parts), str(self.gpus_per_node)])

    @property
    def signal_value(self) -> str | None:
        """USR2 goes to the tasks that srun started, else (B) to the script that became Python."""
        if not self.signal:
            return None
        return f"{'' if self.by_srun else 'B:'}USR2@{SIGNAL_SECONDS}"

    @property
    def by_srun(self) -> bool:
        return self.srun or self.ranks > 1


DECIDABLE = ("partition", "account", "reservation", "qos", "constraint", "exclusive")


@dataclass(frozen=True)
class Wishes:
    """What a participant asked for beside the stage's settings; None leaves it to the cluster.

    Attributes:
        shell: variables of the submitting shell, whose SBATCH_ ones decide what nobody else does.
    """

    partition: str | None = None
    account: str | None = None
    reservation: str | None = None
    qos: str | None = None
    constraint: str | None = None
    exclude: str | None = None
    exclusive: bool | None = None
    time: str | None = None
    nodes: int = 1
    gpus: int | None = None
    gpus_per_node: int | None = None
    dependency: str | None = None
    repeat: int = 1
    requeue: bool = True
    restarts: int = 0
    values: Mapping[str, str] = field(default_factory=dict)
    shell: Mapping[str, str] = field(default_factory=dict)


def make_request(
    cluster: Cluster,
    settings: Settings,
    wishes: Wishes,
    output_dir: Path,
    python: str,
) -> Request:
    """What a job of ``settings`` asks for on ``cluster``; paths of the cluster are expanded before.

    Raises:
        UsageError: wishes that do not go together, or a time that Slurm would not understand.
    """
    check_alternatives(cluster)
    tasks = ranks_per_node(settings.ranks, wishes.nodes)
    gpus = gpus_per_node(wishes, tasks)
    slurm = cluster.slurm
    given: dict[str, Any] = {
        name: (wish if wish is not None else getattr(slurm, name)) or None  # "" takes it away
        for name in ("partition", "account", "reservation", "qos", "constraint", "exclude")
        for wish in [getattr(wishes, name)]
    }
    exclusive = slurm.exclusive if wishes.exclusive is None else wishes.exclusive
    request = Request(
        stage=settings.stage,
        job_name=f"workshop-{settings.title}",
        output=output_pattern(output_dir, settings.title, wishes.repeat),
        nodes=wishes.nodes,
        tasks_per_node=tasks,
        cpus_per_task=slurm.cpus_per_task,
        gpus_per_node=gpus,
        gpu_request=cluster.gpus.request,
        gpu_type=cluster.gpus.type,
        mem=slurm.mem,
        mem_per_cpu=slurm.mem_per_cpu,
        time=minutes(wishes.time or slurm.time),
        exclusive=exclusive,
        dependency=wishes.dependency,
        array=array_of(wishes.repeat, exclusive),
        requeue=wishes.requeue,
        restarts=wishes.restarts,
        srun=slurm.srun,
        draft=settings.draft or ("tiny-draft" if settings.speculate == "draft" else None),
        python=cluster.environment.python or python,
        modules=cluster.environment.modules,
        setup=cluster.environment.setup,
        variables=cluster.environment.variables,
        cache=cluster.paths.cache,
        address_suffix=cluster.network.address_suffix,
        interface=cluster.network.interface,
        **given,
    )
    decided = {name for name in DECIDABLE if getattr(wishes, name) is not None}
    return with_shell(with_values(request, wishes.values), wishes.shell, decided)


def check_alternatives(cluster: Cluster) -> None:
    """Raises UsageError for a description that has two keys of which a job can have one."""
    where = cluster.source or cluster.name
    if cluster.slurm.mem and cluster.slurm.mem_per_cpu:
        raise UsageError(f"{where} has slurm.mem and slurm.mem_per_cpu: remove one of them")
    if cluster.network.address_suffix and cluster.network.interface:
        raise UsageError(
            f"{where} has network.address_suffix and network.interface: remove one of them"
        )


def ranks_per_node(ranks: int, nodes: int) -> int:
    """Ranks on each node; raises UsageError where they do not spread evenly."""
    if ranks % nodes:
        raise UsageError(
            f"{ranks} rank{'s' if ranks > 1 else ''} cannot be spread evenly over {nodes} nodes: "
            f"choose --ranks as a multiple of --nodes"
        )
    return ranks // nodes


def gpus_per_node(wishes: Wishes, tasks: int) -> int:
    """GPUs of each node: one for each rank, unless more were asked for; raises UsageError."""
    if wishes.gpus_per_node is not None:
        return wishes.gpus_per_node
    if wishes.gpus is None:
        return tasks
    if wishes.gpus % wishes.nodes:
        raise UsageError(
            f"{wishes.gpus} GPUs cannot be spread evenly over {wishes.nodes} nodes: "
            "use --gpus-per-node"
        )
    return wishes.gpus // wishes.nodes


def with_ranks(settings: Settings, wishes: Wishes, asked: int | None) -> Settings:
    """The settings with as many ranks as there are GPUs, for a stage that shares its model.

    ``workshop submit tp --gpus 4`` means four ranks; ``asked`` is what --ranks says, which wins.
    """
    if asked is not None or settings.ranks == 1:
        return settings
    if wishes.gpus_per_node:
        return dataclasses.replace(settings, ranks=wishes.gpus_per_node * wishes.nodes)
    if wishes.gpus:
        return dataclasses.replace(settings, ranks=wishes.gpus)
    if settings.ranks < wishes.nodes:
        return dataclasses.replace(settings, ranks=wishes.nodes)
    return settings


def output_pattern(directory: Path, stage: str, repeat: int = 1) -> str:
    """The log's path for Slurm, which replaces %j in it; raises UsageError."""
    if "\\" in str(directory):  # Slurm takes it as: replace nothing
        raise UsageError(f"Slurm cannot write to {directory}: there is a backslash in its name")
    number = "%A_%a" if repeat > 1 else "%j"
    return str(Path(str(directory).replace("%", "%%")) / f"job-{stage}-{number}.out")


def array_of(repeat: int, exclusive: bool) -> str | None:
    """The indices of a repeated job; on shared nodes one at a time, or they disturb each other."""
    if repeat == 1:
        return None
    return f"0-{repeat - 1}{'' if exclusive else '%1'}"


def minutes(text: str) -> int:
    """A time as Slurm writes it, in minutes, rounded up; raises UsageError."""
    length = times.seconds(text)
    if not length:
        raise UsageError(
            f"{text!r} is not a time that a job can have: use minutes (30), hours (01:30:00) "
            f"or days (1-12:00:00); Slurm takes {times.FORMS}"
        )
    return -(-length // 60)
