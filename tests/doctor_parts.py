"""A request, partitions and reservations to compare it with."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

from workshop.slurm.doctor.finding import Finding
from workshop.slurm.facts.inventory import Partition, Reservation
from workshop.slurm.job.request import Request

REQUEST = Request(
    stage="compile",
    job_name="workshop-compile",
    output="/here/job-%j.out",
    partition="a100",
    reservation="edu20",
    gpus_per_node=1,
)
A100 = Partition("a100", True, True, 3600, None, (), None, None, None)
CPU = Partition("cpu", False, True, None, None, (), None, None, None)


def asking(**fields: Any) -> Request:
    return dataclasses.replace(REQUEST, **fields)


def hours(count: float) -> str:
    return (datetime.datetime.now() + datetime.timedelta(hours=count)).isoformat("T", "seconds")


def reserved(**fields: Any) -> Reservation:
    plain: dict[str, Any] = {
        "name": "edu20", "active": True, "start": hours(-1), "end": hours(5),
        "nodes": "sim[03-05]", "partition": None, "users": (), "accounts": (), "groups": (),
        "maintenance": False, "count": 3,
    }  # fmt: skip
    return Reservation(**{**plain, **fields})


def only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    assert finding.why
    assert (finding.todo is None) == (finding.level == "ok")
    return finding
