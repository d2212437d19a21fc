"""Account and QOS: are they mine?"""

from __future__ import annotations

from workshop.runner.provenance import user
from workshop.slurm.cluster.load import close
from workshop.slurm.doctor.finding import Finding, one_of
from workshop.slurm.facts.ask import NoAnswerError, ask
from workshop.slurm.job.request import Request


def about_account(request: Request) -> list[Finding]:
    """Whether account and QOS are mine; where there is no accounting, any is taken."""
    why = "hours are charged to it"
    fields = ["format=account,qos,defaultaccount", f"user={user()}", "withassoc"]
    try:
        text = ask(["sacctmgr", "--noheader", "--parsable2", "show", "user", *fields])
    except NoAnswerError:
        return [Finding("ok", "this Slurm does not check accounts, or hides them", why)]
    rows = [line.split("|") for line in text.splitlines() if line.count("|") == 2]
    accounts = sorted({row[0] for row in rows if row[0]})
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
    of_account = [row for row in rows if request.account in (None, row[0])]
    qos = sorted({name for row in of_account for name in row[1].split(",") if name})
    if request.qos and qos and request.qos not in qos:
        return [
            Finding(
                "doubt",
                f"the QOS {request.qos} is not for this account{close(request.qos, qos)}",
                "it sets the limits and the priority",
                f"use --qos with {one_of(qos)}",
            )
        ]
    name = request.account or rows[0][2] or accounts[0]
    return [Finding("ok", f"the account {name} is yours", why)]
