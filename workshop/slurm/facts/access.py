"""Who asks, and what of a cluster is open to them."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from workshop.slurm.facts import hostlist
from workshop.slurm.facts.ask import NoAnswerError
from workshop.slurm.facts.inventory import Partition, Reservation

Run = Callable[[list[str]], str]
SACCTMGR = ["sacctmgr", "--noheader", "--parsable2", "show"]
DEEPEST = 8  # levels of accounts below each other
_WORD = re.compile(r"\S{1,200}")


@dataclass(frozen=True)
class Association:
    """An account of a user's, with the QOS that its jobs may have.

    Attributes:
        qos: in the order in which Slurm lists them.
        default_qos: of jobs that name none; '' where none is set.
        default_account: of jobs that name none; '' where Slurm does not say.
    """

    account: str
    qos: tuple[str, ...]
    default_qos: str = ""
    default_account: str = ""


@dataclass(frozen=True)
class User:
    """A user, and the accounts that jobs can be billed to.

    Attributes:
        accounts: each with the only partition that it is good for, or ''; the default one first.
        default: the account of jobs that name none.
        associations: the accounts' QOS; none where Slurm does not say.
        host: the machine that jobs are submitted from; '' where it does not matter.
        accounting: whether Slurm was asked whose accounts are whose, and answered.
        silence: why sacctmgr did not answer, where it was asked; else ''.
        above: for each of the accounts, those that it is a subaccount of, where that is known.
    """

    name: str
    groups: tuple[str, ...]
    accounts: tuple[tuple[str, str], ...] = ()
    default: str | None = None
    associations: tuple[Association, ...] = ()
    host: str = ""
    accounting: bool = False
    silence: str = ""
    above: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def names_of(self, account: str) -> tuple[str, ...]:
        """The account and all that it is a subaccount of: a list that has one of them means it."""
        return (account, *self.above.get(account, ()))

    def account_may_use(self, account: str, partition: Partition) -> bool:
        """Whether the partition's lists let the account in, itself or as a subaccount."""
        mine = set(self.names_of(account))
        named = partition.accounts is None or bool(mine & set(partition.accounts))
        return named and not mine & set(partition.refused)

    def account(self, partition: Partition) -> str | None:
        """The first of the user's accounts that may use the partition, by its QOS if they limit."""
        for account, only in self.accounts:
            mine = self.account_may_use(account, partition) and only in ("", partition.name)
            if mine and self.has_qos(partition, account):
                return account
        return None

    def qos_of(self, account: str | None) -> tuple[str, ...]:
        """The QOS that jobs of the account may have; of any account where none is named."""
        chosen = [one for one in self.associations if account in (None, one.account)]
        return tuple(dict.fromkeys(name for one in chosen for name in one.qos))

    def default_qos(self, account: str | None) -> str:
        """The QOS of jobs that name none; '' where it is not known.

        Slurm takes the account's own default, else the only QOS, else the one named normal
        (assoc_mgr_get_default_qos_info in Slurm's src/common/assoc_mgr.c).
        """
        chosen = {one.default_qos for one in self.associations if account in (None, one.account)}
        mine = self.qos_of(account)
        if len(chosen) == 1 and "" not in chosen:
            return chosen.pop()
        if len(mine) == 1:
            return mine[0]
        return "normal" if "normal" in mine else ""

    def has_qos(self, partition: Partition, account: str | None) -> bool:
        """Whether the partition takes one of the account's QOS.

        True where they are not known; but where sacctmgr does not answer, no partition for jobs of
        some QOS is taken for open.
        """
        if self.silence and partition.job_qos is not None:
            return False
        mine = self.qos_of(account)
        return not mine or any(map(partition.takes_qos, mine))

    def needs_qos(
        self, partition: Partition, account: str | None, reservation: Reservation | None = None
    ) -> str | None:
        """The QOS that a job has to name there; None where it need not name any, or has none."""

        def fits(name: str) -> bool:
            reserved = reservation is None or permits(reservation.qos, [name])
            return partition.takes_qos(name) and reserved

        if fits(self.default_qos(account)):
            return None
        return next(filter(fits, self.qos_of(account)), None)

    def in_groups(self, partition: Partition) -> bool:
        """Whether the partition is for a group of the user's; all are open to root."""
        if partition.groups is None or self.name == "root":
            return True
        return bool(set(partition.groups) & set(self.groups))

    def from_here(self, partition: Partition) -> bool:
        """Whether jobs may be submitted from this machine."""
        if partition.hosts is None or not self.host:
            return True
        hosts = hostlist.names(partition.hosts)
        return hosts is None or self.host in {name.partition(".")[0] for name in hosts}

    def may_use(self, partition: Partition) -> bool:
        """Up, and open to the user; where nobody has accounts, all may."""
        if self.accounts:
            counted = self.account(partition) is not None
        else:
            counted = self.has_qos(partition, None)
        root = self.name == "root" and partition.no_root
        allowed = self.in_groups(partition) and self.from_here(partition) and not root
        return partition.up and counted and allowed

    def is_for(self, reservation: Reservation, account: str | None) -> bool:
        """Made for the user, who must be in every list that the reservation has."""
        qos = self.qos_of(account)
        lists = (
            (reservation.users, [self.name]),
            (reservation.accounts, self.names_of(account) if account else ()),
            (reservation.groups, self.groups),
        )
        open_to_all = bool(reservation.qos or reservation.partitions)
        named = any(not name.startswith("-") for names, _ in lists for name in names)
        by_qos = not qos or any(permits(reservation.qos, [name]) for name in qos)
        return (named or open_to_all) and by_qos and all(permits(*pair) for pair in lists)


def permits(names: Iterable[str], mine: Iterable[str]) -> bool:
    """One of mine is in the list, and none with a - in front; an empty list is for everybody."""
    kept_out = {name[1:] for name in names if name.startswith("-")}
    let_in = {name for name in names if not name.startswith("-")}
    return not kept_out & set(mine) and (not let_in or bool(let_in & set(mine)))


def who(run: Run, config: dict[str, str]) -> User:
    """The user, with accounts where the cluster counts them."""
    name = run(["id", "-un"]).strip()
    groups = tuple(run(["id", "-Gn"]).split())
    host = platform.node().partition(".")[0]
    if not has_accounting(config):
        return User(name, groups, host=host)
    cluster = config.get("ClusterName", "")
    here = [f"user={name}", f"cluster={cluster}"]
    try:
        shown_default = run([*SACCTMGR, "user", f"name={name}", "format=DefaultAccount"])
        pairs = rows(run([*SACCTMGR, "assoc", *here, "format=Account,Partition"]), 2)
        shown = associations(run, name, cluster)
    except NoAnswerError as error:
        return User(name, groups, host=host, silence=str(error) or "no reason given")
    accounts = list(dict.fromkeys((account, partition) for account, partition in pairs))
    default = default_account(shown_default, [account for account, _ in accounts])
    accounts.sort(key=lambda pair: pair[0] != default)
    above = accounts_above(run, [account for account, _ in accounts], cluster)
    return User(name, groups, tuple(accounts), default, shown, host, True, above=above)


def rows(text: str, *lengths: int) -> list[list[str]]:
    """What sacctmgr has printed: the lines of so many fields, of which the first is one word.

    A login script may have printed something before them.
    """
    found = ([part.strip() for part in line.split("|")] for line in text.splitlines())
    return [row for row in found if len(row) in lengths and _WORD.fullmatch(row[0])]


def default_account(text: str, accounts: Sequence[str]) -> str | None:
    """The account that sacctmgr names in its last row; none that is not the user's."""
    names = [row[0] for row in rows(text, 1)]
    default = names[-1] if names else None
    return default if default in accounts or not accounts else None


def accounts_above(run: Run, accounts: Sequence[str], cluster: str) -> dict[str, tuple[str, ...]]:
    """For each account, those that it is a subaccount of, the nearest first.

    Without those that sacctmgr does not show to this user.
    """
    parents: dict[str, str] = {}
    unknown = list(dict.fromkeys(accounts))
    for _ in range(DEEPEST):
        if not unknown:
            break
        here = [f"account={','.join(unknown)}", f"cluster={cluster}"]
        try:
            text = run([*SACCTMGR, "assoc", *here, "format=Account,ParentName,User"])
        except NoAnswerError:
            break
        # An account's own row has no user.
        shown = {row[0]: row[1] for row in rows(text, 3) if row[1] and not row[2]}
        new = {name: parent for name, parent in shown.items() if name in unknown}
        parents |= new
        unknown = [one for one in dict.fromkeys(new.values()) if one not in parents]
    return {account: lineage(account, parents) for account in accounts if account in parents}


def lineage(account: str, parents: Mapping[str, str]) -> tuple[str, ...]:
    """The accounts above one, up to the last that is known."""
    found: list[str] = []
    while (account := parents.get(account, "")) and account not in found:
        found.append(account)
    return tuple(found)


def associations(run: Run, name: str, cluster: str = "") -> tuple[Association, ...]:
    """The user's accounts and their QOS, on that cluster; raises NoAnswerError."""
    fields = "format=account,qos,defaultaccount,defaultqos,cluster"
    shown = rows(run([*SACCTMGR, "user", fields, f"user={name}", "withassoc"]), 3, 4, 5)
    found = [
        Association(
            account=row[0],
            qos=tuple(filter(None, row[1].split(","))),
            default_account=row[2],
            default_qos=row[3] if len(row) > 3 else "",
        )
        for row in shown
        if not cluster or len(row) < 5 or row[4] in ("", cluster)
    ]
    return tuple(dict.fromkeys(found))


def has_accounting(config: dict[str, str]) -> bool:
    """There is a database that knows whose accounts are whose."""
    return config.get("AccountingStorageType", "").endswith("/slurmdbd")
