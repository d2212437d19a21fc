"""Which runs of one side of a comparison are the same as which of the other, by what they are.

Runs of one side are grouped by their identity: a sweep's points stay apart, repeats go together.
Groups of the two sides are the same if they are of one subject and no trait that both tell differs.
Where a run took place may differ, unless a side has runs of several places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from workshop.analysis.identity import ENVIRONMENT, identity, names_of, subject, traits
from workshop.record.results import Result
from workshop.stages import stage_order

NONE_ALIKE = "B has no such run"
SEVERAL_ALIKE = "several runs match it, because one side does not record all settings that differ"


@dataclass(frozen=True, eq=False)
class Group:
    """Runs of one side that are alike."""

    runs: list[Result]
    subject: str
    asked: Mapping[str, str]
    place: Mapping[str, str]

    @property
    def traits(self) -> dict[str, str]:
        return {**self.asked, **self.place}


@dataclass(frozen=True)
class Matching:
    """Groups of the two sides.

    Attributes:
        pairs: what the two sides have both, old and new.
        missing: groups that only the old side has, and why nothing is compared with them.
        added: what only the new side has.
    """

    pairs: list[tuple[Group, Group]]
    missing: list[tuple[Group, str]]
    added: list[Group]


def groups_of(results: Sequence[Result]) -> list[Group]:
    """The groups of one side, in the stages' order and then in that of the results."""
    found: dict[object, list[Result]] = {}
    for result in sorted(results, key=lambda one: stage_order(one.stage)):
        found.setdefault(identity(result), []).append(result)
    return [_group(runs) for runs in found.values()]


def _group(runs: list[Result]) -> Group:
    own = traits(runs[0])
    return Group(
        runs,
        subject(runs[0]),
        asked={name: words for name, words in own.items() if name not in ENVIRONMENT},
        place={name: words for name, words in own.items() if name in ENVIRONMENT},
    )


def matched(old: Sequence[Group], new: Sequence[Group]) -> Matching:
    """Each group of the old side with the one of the new side that is the same.

    The most alike come first: those of equal traits, those of equal questions, those that do not
    contradict each other. A group with two equally good counterparts has none.
    """
    pairs: dict[Group, Group] = {}
    unclear: set[Group] = set()
    for alike in (_equal, _agree_everywhere, _ask_the_same, _agree):
        rest_old = [one for one in old if one not in pairs]
        rest_new = [one for one in new if one not in pairs.values()]
        pairs |= _mutual(rest_old, rest_new, alike, unclear)
    taken = set(pairs.values())
    return Matching(
        pairs=[(one, pairs[one]) for one in old if one in pairs],
        missing=[
            (one, SEVERAL_ALIKE if one in unclear else NONE_ALIKE)
            for one in old
            if one not in pairs
        ],
        added=[other for other in new if other not in taken],
    )


def _mutual(
    old: Sequence[Group],
    new: Sequence[Group],
    alike: Callable[[Group, Group], bool],
    unclear: set[Group],
) -> dict[Group, Group]:
    """The pairs that are alike and have no other counterpart on either side."""
    counterparts = {one: [other for other in new if alike(one, other)] for one in old}
    claims = Counter(other for others in counterparts.values() for other in others)
    unclear |= {
        one
        for one, others in counterparts.items()
        if len(others) > 1 or any(claims[o] > 1 for o in others)
    }
    return {
        one: others[0]
        for one, others in counterparts.items()
        if len(others) == 1 and claims[others[0]] == 1
    }


def _equal(one: Group, other: Group) -> bool:
    return one.subject == other.subject and one.traits == other.traits


def _agree_everywhere(one: Group, other: Group) -> bool:
    return _agree(one, other) and _no_contradiction(one.place, other.place)


def _ask_the_same(one: Group, other: Group) -> bool:
    return one.subject == other.subject and one.asked == other.asked


def _agree(one: Group, other: Group) -> bool:
    return one.subject == other.subject and _no_contradiction(one.asked, other.asked)


def _no_contradiction(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return all(one[name] == other[name] for name in one.keys() & other.keys())


def labels_of(groups: Sequence[Group]) -> list[str]:
    """What the groups are called: by where they ran only if nothing else tells them apart."""
    runs = [group.runs[0] for group in groups]
    plain = names_of(runs, without=ENVIRONMENT)
    if len(set(plain)) == len(plain):
        return plain
    full = names_of(runs)
    return [
        name if plain.count(name) == 1 else longer for name, longer in zip(plain, full, strict=True)
    ]
