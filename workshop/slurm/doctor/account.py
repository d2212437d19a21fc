"""Account and QOS: are they mine?"""

from __future__ import annotations

from workshop.slurm.doctor.finding import Finding, one_of
from workshop.slurm.facts.access import User
from workshop.slurm.job.request import Request
from workshop.util.near import close


def about_account(request: Request, me: User | None) -> list[Finding]:
    """Whether account and QOS are mine; where there is no accounting, any is taken.

    Args:
        me: None where Slurm did not answer.
    """
    why = "hours are charged to it"
    if me is not None and me.silence:
        return [
            Finding(
                "doubt",
                f"sacctmgr did not answer ({me.silence}), so that account and QOS are not checked",
                why,
                "look again in a minute, and ask the cluster's support if it lasts",
            )
        ]
    if me is None or not me.accounting:
        return [Finding("ok", "this Slurm does not check accounts, or hides them", why)]
    accounts = sorted({one.account for one in me.associations} | {name for name, _ in me.accounts})
    if not accounts:
        return [
            Finding(
                "doubt",
                "you have no account here, as far as it can be seen",
                why,
                "ask your instructor which account the class has",
            )
        ]
    if request.account and request.account not in accounts:
        return [
            Finding(
                "doubt",
                f"the account {request.account} is not yours{close(request.account, accounts)}",
                why,
                f"use --account with {one_of(accounts)}",
            )
        ]
    qos = sorted(me.qos_of(request.account))
    wanted = request.qos.split(",") if request.qos else []
    for name in [name for name in wanted if qos and name not in qos][:1]:
        return [
            Finding(
                "doubt",
                f"the QOS {name} is not for this account{close(name, qos)}",
                "it sets the limits and the priority",
                f"use --qos with {one_of(qos)}",
            )
        ]
    default = me.default or next(
        (one.default_account for one in me.associations if one.default_account), accounts[0]
    )
    return [Finding("ok", f"the account {request.account or default} is yours", why)]
