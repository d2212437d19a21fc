"""What a result is called in a figure, so that only runs of the same thing share a name."""

from __future__ import annotations

from collections.abc import Sequence

from workshop.record.results import DECODE_OF_ONE, Result


def names_of(results: Sequence[Result], drawn: Sequence[bool]) -> list[str]:
    """A name for each result: its label, and what differs where results of a label are not alike.

    A result that is not drawn takes the name of one that is, so that it leaves no gap beside it.
    """
    groups: dict[str, list[Result]] = {}
    for result, shown in zip(results, drawn, strict=True):
        if shown:
            groups.setdefault(_base(result), []).append(result)
    return [
        _name(result if shown else _twin(result, groups), groups)
        for result, shown in zip(results, drawn, strict=True)
    ]


def _base(result: Result) -> str:
    if result.stage is None and result.format != "workshop":
        return result.format
    return result.label


def _twin(result: Result, groups: dict[str, list[Result]]) -> Result:
    return groups.get(_base(result), [result])[0]


def _name(result: Result, groups: dict[str, list[Result]]) -> str:
    base, own = _base(result), _traits(result)
    kin = [_traits(other) for other in groups.get(base, [])]
    told = ", ".join(own[i] for i in _telling(kin) if own[i])
    return f"{base} ({told})" if told else base


def _telling(kin: Sequence[tuple[str, ...]]) -> list[int]:
    """Which traits tell all of these apart that can be told apart: each adds to those before it."""
    chosen: list[int] = []
    parts = 1
    for i in range(len(kin[0]) if kin else 0):
        now = len({tuple(traits[j] for j in (*chosen, i)) for traits in kin})
        if now > parts:
            chosen, parts = [*chosen, i], now
    return chosen


def _traits(result: Result) -> tuple[str, ...]:
    """What tells results of one label apart; '' for what is as in a record of ours."""
    traits = [
        "" if result.format == "workshop" else result.format,
        "" if result.definition == DECODE_OF_ONE else counted(result),
    ]
    if result.stage is None and result.format != "workshop":  # no stage says what was run
        about = {
            "{}": result.model,
            "{0}": result.dtype,
            "batch {}": result.batch_size,
            "prompt {}": result.prompt_tokens,
            "{} ranks": result.world_size,
        }
        traits += [form.format(value) if value else "" for form, value in about.items()]
    return tuple(traits)


def counted(result: Result) -> str:
    """What the result's tokens/s count, in words."""
    if result.definition is None:
        return "tokens/s of unknown meaning"
    return str(result.definition)
