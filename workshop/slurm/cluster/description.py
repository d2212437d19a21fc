"""A cluster's description: what has to be known before a job can be submitted."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

GpuRequest = Literal["gpus", "gpus-per-node", "gres", "none"]


@dataclass(frozen=True)
class Scheduling:
    """What every job of the class requests from Slurm; None leaves a directive out.

    Attributes:
        partition: sbatch --partition; so are account, reservation, qos, constraint and exclude.
        exclusive: request whole nodes, so that nobody disturbs a measurement.
        time: time limit, as Slurm writes it: minutes, MM:SS, HH:MM:SS or D-HH:MM:SS.
        cpus_per_task: CPU cores per rank.
        mem: memory of each node, as 16G.
        mem_per_cpu: memory of each CPU core, as 4G, on clusters that want it so; not beside mem.
        srun: start a single rank with srun as well; several ranks always are.
    """

    partition: str | None = None
    account: str | None = None
    reservation: str | None = None
    qos: str | None = None
    constraint: str | None = None
    exclude: str | None = None
    exclusive: bool = False
    time: str = "00:30:00"
    cpus_per_task: int | None = None
    mem: str | None = None
    mem_per_cpu: str | None = None
    srun: bool = True


@dataclass(frozen=True)
class Gpus:
    """How GPUs are requested on this cluster, and what it has.

    Attributes:
        request: the option: --gpus (all nodes together), --gpus-per-node, --gres, or none at all.
        type: the name that Slurm has for the kind, where it must be asked for: --gpus=a100:1.
        per_node: GPUs of a node.
        kind: the model, for people: 'NVIDIA A100 40 GB'.
    """

    request: GpuRequest = "gpus"
    type: str | None = None
    per_node: int | None = None
    kind: str | None = None


@dataclass(frozen=True)
class Environment:
    """What a job needs before Python can start.

    Attributes:
        modules: loaded in this order.
        setup: lines of shell, run after the modules; each must succeed.
        python: the interpreter that has workshop installed; None is the one that submits.
        variables: exported. In their values and in ``python``, ``$USER``, ``$HOME`` and a leading
            ``~`` are those of who submits.
    """

    modules: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    python: str | None = None
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Paths:
    """Where things are; ``$USER``, ``$HOME`` and a leading ``~`` are those of who submits.

    Attributes:
        checkpoints: directory whose subdirectories ``--model`` can name, shared by the class.
        cache: of compiled graphs (TORCHINDUCTOR_CACHE_DIR), per user, on a disk of the node.
        scratch: per user, large, seen by login and compute nodes; runs are kept there.
        runs: where runs are kept, if not in scratch or at home; must be seen by both as well.
        templates: an instructor's own templates, which come before those that are shipped.
    """

    checkpoints: str | None = None
    cache: str | None = None
    scratch: str | None = None
    runs: str | None = None
    templates: str | None = None

    @property
    def runs_directory(self) -> str | None:
        """Where this cluster's runs are kept; None is at home."""
        if self.runs or not self.scratch:
            return self.runs
        return f"{self.scratch}/workshop/runs"


@dataclass(frozen=True)
class Network:
    """Where the ranks of several nodes meet: rank 0's node, by its name unless one of these is set.

    A MASTER_ADDR of the job's own (environment.variables or setup) comes before either.

    Attributes:
        address_suffix: what the name has in the fast network: "i" where node01 is node01i in it.
        interface: the network interface whose IPv4 address is used, as ib0; not beside the other.
    """

    address_suffix: str | None = None
    interface: str | None = None


@dataclass(frozen=True)
class Cluster:
    """A cluster's description, as its TOML file has it.

    Attributes:
        source: the file that it was read from.
    """

    name: str = "generic"
    description: str | None = None
    slurm: Scheduling = Scheduling()
    gpus: Gpus = Gpus()
    environment: Environment = Environment()
    network: Network = Network()
    paths: Paths = Paths()
    source: Path | None = None
