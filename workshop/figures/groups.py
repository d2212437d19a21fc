"""Results of several machines, models or people, told apart by what really differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from workshop.analysis.identity import ENVIRONMENT, names_of
from workshop.record.results import Result
from workshop.roofline.models import model_of

# In the order in which they are tried: what explains a difference best comes first.
FIELDS: dict[str, Callable[[Result], object]] = {
    "device": lambda run: run.device,
    "model": model_of,
    "batch size": lambda run: run.batch_size,
    "prompt tokens": lambda run: run.prompt_tokens,
    "log": lambda run: run.format,
    "tokens/s": lambda run: run.meaning,
    "user": lambda run: run.user,
    "torch": lambda run: run.versions and run.versions.torch,
    "threads": lambda run: run.threads,
    "host": lambda run: run.host,
    "commit": lambda run: run.versions and run.versions.git_commit,
}
UNKNOWN = "not recorded"


@dataclass(frozen=True)
class Group:
    """Runs of one side of a comparison; ``values`` are those of the fields that tell it apart."""

    values: tuple[str, ...]
    runs: list[Result]

    @property
    def users(self) -> set[str | None]:
        return {run.user for run in self.runs}


def grouped(results: Sequence[Result]) -> tuple[list[str], list[Group]]:
    """The fields that tell the groups apart, and the groups, in the order in which they come.

    A field counts only if runs of one and the same stage differ in it and no field before it tells
    them apart: the stages of one person may well have run on several hosts.
    """
    fields: list[str] = []
    groups = [Group((), list(results))] if results else []
    names = {id(run): name for run, name in zip(results, names_beside_groups(results), strict=True)}
    for name, get in FIELDS.items():
        if any(_differ(group, get, names) for group in groups):
            fields.append(name)
            groups = [part for group in groups for part in _split(group, get)]
    place = {id(result): number for number, result in enumerate(results)}
    return fields, sorted(groups, key=lambda group: place[id(group.runs[0])])


def names_beside_groups(results: Sequence[Result]) -> list[str]:
    """What each result is called on every side: without what tells the sides apart."""
    return names_of(results, without={*FIELDS, *ENVIRONMENT})


def _differ(group: Group, get: Callable[[Result], object], names: Mapping[int, str]) -> bool:
    values: dict[str, set[str]] = {}
    for run in group.runs:
        values.setdefault(names[id(run)], set()).add(_known(get(run)))
    return any(len(same) > 1 for same in values.values())


def _split(group: Group, get: Callable[[Result], object]) -> list[Group]:
    parts: dict[str, list[Result]] = {}
    for run in group.runs:
        parts.setdefault(_known(get(run)), []).append(run)
    return [Group((*group.values, value), runs) for value, runs in parts.items()]


def _known(value: object) -> str:
    return UNKNOWN if value is None else str(value)
