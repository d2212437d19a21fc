"""Settings and provenance: what all runs share once, what differs run by run."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from workshop.record.results import Result
from workshop.report.text import shown
from workshop.stages.settings import LABELS

_PLAIN = {
    "model": "Model",
    "model_parameters": "Parameters of the model",
    "draft_parameters": "Parameters of the draft",
    "dtype": "Precision",
    "device": "Device",
    "threads": "Threads a rank",
    "cache_bytes": "Last-level cache of its cores, bytes",
    "world_size": "Ranks",
    "batch_size": "Batch size",
    "prompt_tokens": "Tokens of the prompt",
    "new_tokens": "New tokens",
    "acceptance_by_position": "Accepted, by position of the proposed token",
    "device_bandwidth_gb_per_second": "Bandwidth of the device, GB/s",
    "device_bandwidth_source": "How that is known",
    "memory_kind": "What memory counts",
    "definition": "What tokens/s count",
    "format": "Format of the log",
    "graph_breaks": "Graph breaks",
    "recompiles": "Recompilations",
    "host": "Host",
    "user": "User",
    "started": "Started",
}
_VERSIONS = {
    "workshop": "workshop",
    "python": "Python",
    "torch": "PyTorch",
    "cuda": "CUDA",
    "rocm": "ROCm",
    "git_commit": "Commit",
}
_SLURM = {
    "job_id": "Slurm job",
    "job_name": "Slurm job's name",
    "partition": "Slurm partition",
    "nodes": "Slurm nodes",
}


@dataclass(frozen=True)
class Fact:
    """One thing that is known of a run."""

    name: str
    value: str


def facts(result: Result) -> list[Fact]:
    """All that a record tells of how its run was made; what is not known is left out."""
    parts: list[tuple[object, dict[str, str]]] = [
        (result, _PLAIN),
        (result.settings, LABELS),
        (result.versions, _VERSIONS),
        (result.slurm, _SLURM),
    ]
    return [
        Fact(name, _told(getattr(part, field)))
        for part, names in parts
        if part is not None
        for field, name in names.items()
        if getattr(part, field) is not None
    ]


def split(results: Sequence[Result]) -> tuple[list[Fact], list[list[Fact]]]:
    """The facts that all runs share, and those of each run that they do not."""
    known = [facts(result) for result in results]
    if not known:
        return [], []
    shared = [fact for fact in known[0] if all(fact in other for other in known)]
    return shared, [[fact for fact in own if fact not in shared] for own in known]


def listed(values: Sequence[object]) -> str:
    """The different values that are known, in the order in which they come."""
    return ", ".join(dict.fromkeys(shown(str(value)) for value in values if value is not None))


def _told(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_told(one) for one in value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if dataclasses.is_dataclass(value) or isinstance(value, str):
        return shown(str(value))
    return f"{value:,}" if isinstance(value, int) else shown(str(value))
