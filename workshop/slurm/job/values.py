"""``--set NAME=VALUE``: values that have no option, and those of a class's own templates."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workshop.util.errors import UsageError

if TYPE_CHECKING:
    from workshop.slurm.job.request import Request

# What --set can change; the rest has an option of its own, or is the cluster's.
SETTABLE = ("job_name", "mem", "mem_per_cpu", "cpus_per_task", "gpu_type", "gpu_request", "srun")


def with_values(request: Request, values: Mapping[str, str]) -> Request:
    """The request with every ``--set name=value``; what it does not know goes to the template.

    Raises:
        UsageError: a value that is not of the field's kind, or a field that has its own option.
    """
    known = {one.name for one in dataclasses.fields(request)}
    changed: dict[str, Any] = {}
    extra: dict[str, str] = {}
    for name, value in values.items():
        if name in SETTABLE:
            changed[name] = converted(name, value)
        elif name in known:
            raise UsageError(
                f"--set cannot change {name}: it has an option of its own, or belongs to the "
                f"cluster's description; --set changes {', '.join(SETTABLE)}"
            )
        else:
            extra[name] = value
    if "mem" in changed and "mem_per_cpu" in changed:
        raise UsageError("--set mem and --set mem_per_cpu: a job has one of them")
    if "mem" in changed:
        changed["mem_per_cpu"] = None
    elif "mem_per_cpu" in changed:
        changed["mem"] = None
    return dataclasses.replace(request, **changed, extra=extra)


def converted(name: str, value: str) -> str | int | bool:
    """The text behind ``--set name=`` as the kind of value that it is; raises UsageError."""
    if name == "cpus_per_task":
        if not (value.isascii() and value.isdigit() and int(value) > 0):
            raise UsageError(f"--set {name}={value}: a whole number above 0 is needed")
        return int(value)
    if name == "srun":
        if value not in ("true", "false"):
            raise UsageError(f"--set {name}={value}: use true or false")
        return value == "true"
    if name == "gpu_request" and value not in ("gpus", "gpus-per-node", "gres", "none"):
        raise UsageError(f"--set {name}={value}: use gpus, gpus-per-node, gres or none")
    return value
