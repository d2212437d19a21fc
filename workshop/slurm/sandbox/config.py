"""The files that describe a sandbox to Slurm and to ``workshop submit``; pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CLUSTER = "sandbox"
LOOPBACK = "127.0.0.1"
PARTITION = "a100"
RESERVATION = "edu20"
ACCOUNT = "edu20"
DATABASE = "slurm"
OPEN_NODES = 2  # not reserved: jobs without the reservation start there
MEGABYTES_PER_CPU = 4000


@dataclass(frozen=True)
class Shape:
    """What a sandbox simulates.

    Attributes:
        accounting: run slurmdbd and MariaDB, so that ``sacct`` works and accounts are checked.
        enforce_memory: end jobs that take more memory than they asked for; for root.
    """

    nodes: int = 5
    gpus_per_node: int = 4
    cpus_per_node: int = 32
    accounting: bool = False
    enforce_memory: bool = False

    @property
    def node_names(self) -> list[str]:
        return [f"sim{number:02d}" for number in range(1, self.nodes + 1)]

    @property
    def reserved_nodes(self) -> list[str]:
        """All but the first two; of fewer than three, the last."""
        return self.node_names[min(OPEN_NODES, self.nodes - 1) :]


USUAL = Shape()


@dataclass(frozen=True)
class Host:
    """The machine below the simulation.

    Attributes:
        closed: whether its name leads to the loopback; then the daemons can listen there alone.
        user: who runs it all, a name or a number.
        ports: of each daemon, by its name: slurmctld, slurmdbd, sim01...
        first_job: the number of the first job.
        plugins: the folder of Slurm's plugins, where Slurm comes from a root of its own.
    """

    name: str
    closed: bool
    user: str
    ports: Mapping[str, int]
    first_job: int = 1
    plugins: Path | None = None


def munge_socket(directory: Path) -> Path:
    return directory / "run" / "munge.sock"


def auth_lines(directory: Path) -> list[str]:
    """Only who may enter the directory has the key: nobody else can send jobs."""
    # Credentials that expire soon shorten the hold after a requeue, 120 s by default.
    return ["AuthType=auth/munge", f"AuthInfo=socket={munge_socket(directory)},cred_expire=5"]


def slurm_conf(directory: Path, shape: Shape, host: Host) -> str:
    lines = [
        f"ClusterName={CLUSTER}",
        f"SlurmctldHost={host.name}({LOOPBACK})",
        f"SlurmctldPort={host.ports['slurmctld']}",
        f"SlurmUser={host.user}",
        f"SlurmdUser={host.user}",
        *auth_lines(directory),
        "CredType=cred/munge",
        *(["CommunicationParameters=NoCtldInAddrAny,NoInAddrAny"] if host.closed else []),
        *plugin_lines(host),
        f"FirstJobId={host.first_job}",
        f"StateSaveLocation={directory}/state",
        f"SlurmdSpoolDir={directory}/spool/%n",
        f"SlurmctldPidFile={directory}/run/slurmctld.pid",
        f"SlurmdPidFile={directory}/run/%n.pid",
        f"SlurmctldLogFile={directory}/log/slurmctld.log",
        f"SlurmdLogFile={directory}/log/%n.log",
        "SwitchType=switch/none",
        "MpiDefault=none",
        f"PlugStackConfig={directory}/etc/plugstack.conf",
        "MailProg=/bin/true",
        "ReturnToService=2",
        "SelectType=select/cons_tres",
        "SelectTypeParameters=CR_Core_Memory",
        # A small machine may claim to be five large ones.
        "SlurmdParameters=config_overrides",
        "GresTypes=gpu",
        "EnforcePartLimits=ALL",
        # A rehearsal has no time to wait.
        "SchedulerType=sched/backfill",
        "SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0",
        "KillWait=2",
        "MinJobAge=300",
        "InactiveLimit=0",
        "CompleteWait=0",
        "SlurmctldTimeout=10",
        "SlurmdTimeout=10",
        "MessageTimeout=10",
        *memory_lines(shape),
        *accounting_lines(directory, shape, host),
        *node_lines(shape, host),
        f"PartitionName={PARTITION} Nodes=ALL Default=YES MaxTime=24:00:00"
        f" DefMemPerCPU={MEGABYTES_PER_CPU}",
    ]
    return "\n".join(lines) + "\n"


def plugin_lines(host: Host) -> list[str]:
    return [f"PluginDir={host.plugins}"] if host.plugins else []


def memory_lines(shape: Shape) -> list[str]:
    if shape.enforce_memory:
        return ["ProctrackType=proctrack/cgroup", "TaskPlugin=task/cgroup"]
    return ["ProctrackType=proctrack/linuxproc", "TaskPlugin=task/none"]


def accounting_lines(directory: Path, shape: Shape, host: Host) -> list[str]:
    if not shape.accounting:
        return ["AccountingStorageType=accounting_storage/none"]
    return [
        "AccountingStorageType=accounting_storage/slurmdbd",
        f"AccountingStorageHost={LOOPBACK}",
        f"AccountingStoragePort={host.ports['slurmdbd']}",
        f"AccountingStoragePass={munge_socket(directory)}",
        "AccountingStorageEnforce=associations",
        "AccountingStorageTRES=gres/gpu",
    ]


def node_lines(shape: Shape, host: Host) -> list[str]:
    gres = f" Gres=gpu:{shape.gpus_per_node}" if shape.gpus_per_node else ""
    return [
        f"NodeName={name} NodeHostname={host.name} NodeAddr={LOOPBACK} Port={host.ports[name]}"
        f" Sockets=1 CoresPerSocket={shape.cpus_per_node} ThreadsPerCore=1"
        f" RealMemory={MEGABYTES_PER_CPU * shape.cpus_per_node}{gres} State=UNKNOWN"
        for name in shape.node_names
    ]


def gres_conf(directory: Path, shape: Shape) -> str:
    """Slurm believes in a GPU if it has a device file: a link to /dev/null is one."""
    if not shape.gpus_per_node:
        return "AutoDetect=off\n"
    names = ",".join(shape.node_names)
    return (
        "AutoDetect=off\n"
        f"NodeName={names} Name=gpu File={directory}/dev/nvidia[0-{shape.gpus_per_node - 1}]\n"
    )


def cgroup_conf(shape: Shape) -> str:
    """The plugin of version 1 asks nothing of a machine where no limit is enforced."""
    limit = "ConstrainRAMSpace=yes\n" if shape.enforce_memory else ""
    return f"CgroupPlugin=cgroup/v1\n{limit}"


def slurmdbd_conf(directory: Path, host: Host) -> str:
    lines = [
        f"DbdHost={host.name}",
        f"DbdAddr={LOOPBACK}",
        f"DbdPort={host.ports['slurmdbd']}",
        f"SlurmUser={host.user}",
        *plugin_lines(host),
        *auth_lines(directory),
        f"LogFile={directory}/log/slurmdbd.log",
        f"PidFile={directory}/run/slurmdbd.pid",
        "StorageType=accounting_storage/mysql",
        "StorageHost=localhost",
        "StorageUser=slurm",
        f"StorageLoc={DATABASE}",
    ]
    return "\n".join(lines) + "\n"


def workshop_toml(directory: Path, shape: Shape) -> str:
    """The cluster as ``workshop submit`` reads it."""
    account = f'account = "{ACCOUNT}"\n' if shape.accounting else ""
    return f"""\
name = "{CLUSTER}"
description = "A simulated cluster on this machine: {shape.nodes} nodes, \
{shape.gpus_per_node} GPUs each"

[slurm]
partition = "{PARTITION}"
{account}time = "00:30:00"
cpus_per_task = 2

[gpus]
request = "gpus"
per_node = {shape.gpus_per_node}
kind = "simulated"

[paths]
runs = "{directory}/runs"
"""
