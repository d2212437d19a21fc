"""Another cluster: what Slurm's commands print there."""

from __future__ import annotations

CONFIG = """Configuration data as of 2026-11-21T11:32:35
AccountingStorageType   = {accounting}
ClusterName             = hall
SelectType              = {select}
SelectTypeParameters    = {parameters}
SlurmctldHost[0]        = head(10.0.0.1)

Slurmctld(primary) at head is UP
"""

PARTITION = (
    "PartitionName={name} AllowGroups={groups} AllowAccounts={accounts} AllowQos={qos} "
    "Default={default} Hidden=NO MaxTime={time} RootOnly=NO State={state} {more}"
)

RESERVATION = (
    "ReservationName={name} StartTime=2026-11-21T09:00:00 EndTime=2026-11-21T17:00:00 "
    "Duration=08:00:00 Nodes=gpu[01-02] NodeCnt=2 Features=(null) PartitionName={partition} "
    "Flags={flags} Users={users} Groups=(null) Accounts={accounts} Licenses=(null) State={state}"
)


def partition(name: str, default: bool = False, **other: str) -> str:
    usual = {"groups": "ALL", "accounts": "ALL", "time": "2-00:00:00", "state": "UP", "more": ""}
    usual["qos"] = "ALL"
    values = {**usual, "name": name, "default": "YES" if default else "NO", **other}
    return PARTITION.format(**values)


def reservation(name: str, **other: str) -> str:
    usual = {"partition": "(null)", "flags": "SPEC_NODES", "users": "(null)"}
    values = {**usual, "accounts": "(null)", "state": "ACTIVE", "name": name, **other}
    return RESERVATION.format(**values)


class Hall:
    """A cluster that answers from what it was given; Alice asks."""

    def __init__(
        self,
        partitions: list[str],
        sinfo: list[str],
        accounts: list[str] | None = None,
        default_account: str = "",
        reservations: list[str] | None = None,
        reserved: list[str] | None = None,
        select: str = "select/cons_tres",
        parameters: str = "CR_CORE_MEMORY",
        modules: bool = False,
        associations: list[str] | None = None,
        node: str = "NodeName=gpu01 CPUTot=64 Sockets=2 CoresPerSocket=32 ThreadsPerCore=1",
    ) -> None:
        kind = "none" if accounts is None else "slurmdbd"
        self.answers = {
            "scontrol show config": CONFIG.format(
                accounting=f"accounting_storage/{kind}", select=select, parameters=parameters
            ),
            "scontrol --oneliner show partition": "\n".join(partitions),
            "scontrol --oneliner show reservation": "\n".join(
                reservations or ["No reservations in the system"]
            ),
            "scontrol show hostnames": "gpu01\ngpu02",
            "scontrol --oneliner show node": node,
            "id -un": "alice\n",
            "id -Gn": "users class\n",
            "sacctmgr --noheader --parsable2 show user format=": "\n".join(associations or []),
            "sacctmgr --noheader --parsable2 show user": default_account,
            "sacctmgr --noheader --parsable2 show assoc": "\n".join(accounts or []),
            "bash -lc": "Welcome to the hall!\nfunction\n" if modules else "",
        }
        self.sinfo = "\n".join(sinfo)
        self.reserved = "\n".join(sinfo if reserved is None else reserved)

    def __call__(self, command: list[str]) -> str:
        if command[0] == "sinfo":
            return self.reserved if len(command) > 4 else self.sinfo
        said = " ".join(command)
        return next(answer for start, answer in self.answers.items() if said.startswith(start))
