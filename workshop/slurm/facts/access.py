"""Who asks, and what of a cluster is open to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from workshop.slurm.facts.ask import NoAnswerError
from workshop.slurm.facts.inventory import Partition, Reservation

Run = Callable[[list[str]], str]


@dataclass(frozen=True)
class User:
    """A user, and the accounts that jobs can be billed to.

    Attributes:
        accounts: each with the only partition that it is good for, or ''; the default one first.
        default: the account of jobs that name none.
    """

    name: str
    groups: tuple[str, ...]
    accounts: tuple[tuple[str, str], ...] = ()
    default: str | None = None

    def account(self, partition: Partition) -> str | None:
        """The first of the user's accounts that may use the partition."""
        for account, only in self.accounts:
            named = partition.accounts is None or account in partition.accounts
            if named and account not in partition.refused and only in ("", partition.name):
                return account
        return None

    def may_use(self, partition: Partition) -> bool:
        """Up, and open to the user; where nobody has accounts, all may."""
        grouped = partition.groups is None or bool(set(partition.groups) & set(self.groups))
        counted = not self.accounts or self.account(partition) is not None
        return partition.up and grouped and counted

    def is_for(self, reservation: Reservation, account: str | None) -> bool:
        """Made for the user, who must be in every list that the reservation has."""
        lists = (
            (reservation.users, [self.name]),
            (reservation.accounts, [account] if account else []),
            (reservation.groups, self.groups),
        )
        named = any(not name.startswith("-") for names, _ in lists for name in names)
        return named and all(permits(names, mine) for names, mine in lists)


def permits(names: Iterable[str], mine: Iterable[str]) -> bool:
    """One of mine is in the list, and none with a - in front; an empty list is for everybody."""
    kept_out = {name[1:] for name in names if name.startswith("-")}
    let_in = {name for name in names if not name.startswith("-")}
    return not kept_out & set(mine) and (not let_in or bool(let_in & set(mine)))


def who(run: Run, config: dict[str, str]) -> User:
    """The user, with accounts where the cluster counts them."""
    name = run(["id", "-un"]).strip()
    groups = tuple(run(["id", "-Gn"]).split())
    if not has_accounting(config):
        return User(name, groups)
    sacctmgr = ["sacctmgr", "--noheader", "--parsable2", "show"]
    here = [f"user={name}", f"cluster={config.get('ClusterName', '')}"]
    try:
        default = run([*sacctmgr, "user", f"name={name}", "format=DefaultAccount"]).strip()
        rows = run([*sacctmgr, "assoc", *here, "format=Account,Partition"])
    except NoAnswerError:
        return User(name, groups)
    pairs = [row.partition("|")[::2] for row in rows.split()]
    pairs.sort(key=lambda pair: pair[0] != default)
    return User(name, groups, tuple(pairs), default or None)


def has_accounting(config: dict[str, str]) -> bool:
    """There is a database that knows whose accounts are whose."""
    return config.get("AccountingStorageType", "").endswith("/slurmdbd")
