"""What a figure of results was measured with, in the small type under it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from workshop.analysis import noise
from workshop.analysis.identity import names_of
from workshop.figures.pooling import Pool, split_servers
from workshop.record.results import DECODE_OF_ONE, Result, drawable
from workshop.stages import BASELINE
from workshop.util.text import number, one_line, printable

_MOST_VALUES = 5  # of one field that are worth spelling out


def warnings_for(results: Sequence[Result]) -> list[str]:
    """What keeps these results from being compared with one another, a sentence each."""
    drawn = [result for result in results if result.has_number]
    sentences = mixed_in(drawn)
    if drawn and BASELINE not in names_of(drawn):
        sentences.append("there is no result of the plain baseline: no changes are shown")
    return [*sentences, *noise.cautions(drawn)]


def mixed_in(results: Sequence[Result], but: Sequence[str] = ()) -> list[str]:
    """What differs between these results and is not the stage, a sentence each.

    ``but`` names what is meant to differ, as in ``COMPARED``.
    """
    drawn = [result for result in results if result.has_number]
    values = {name: [_value(get(result)) for result in drawn] for name, get in COMPARED.items()}
    sentences = [
        f"these results have different {name} ({_listed(values[name])}): "
        "their bars differ by more than the stage"
        for name in values
        if name not in but and len(_distinct(values[name])) > 1
    ]
    beside, _ = split_servers(drawn)
    meanings = [run.meaning for run in beside if drawable(run.tokens_per_second)]
    if "meanings" not in but and len(_distinct(meanings)) > 1:
        sentences.append(
            f"the tokens/s of these results count differently ({_listed(meanings)}): "
            "they are not to be compared"
        )
    return sentences


COMPARED: dict[str, Callable[[Result], object]] = {
    "models": lambda result: result.model,
    "devices": lambda result: result.device,
    "lengths of the prompt in tokens": lambda result: result.prompt_tokens or None,
    "batch sizes": lambda result: result.batch_size,
}


def caption_for(
    pools: Sequence[Pool], notes: Sequence[str], speeds: Sequence[Result] | None = None
) -> list[str]:
    """The caption's lines: the set-up, the software, and what a kind of figure notes.

    ``speeds`` are the results whose tokens/s the figure shows; what those count is the first note.
    """
    runs = [run for pool in pools for run in pool.runs if run.has_number]
    setup = [
        _field(runs, "model {}", _model),
        _field(runs, "{}", lambda run: run.device),
        _field(runs, "threads {}", lambda run: run.threads),
        _field(runs, "prompt {} tokens", lambda run: run.prompt_tokens),
        _field(runs, "up to {} new tokens", _most_new_tokens),
        _samples(pools),
        _unfinished(runs),
    ]
    software = [
        _field(runs, "torch {}", lambda run: run.versions and run.versions.torch),
        _field(runs, "commit {}", lambda run: run.versions and _short(run.versions.git_commit)),
        _days(runs),
        _field(runs, "Slurm job {}", lambda run: run.slurm and run.slurm.job_id),
        _field(runs, "read from {}", _foreign),
        _stage_sources(runs),
        _field(runs, "memory: {}", lambda run: run.memory_kind),
    ]
    counts = [] if speeds is None else [counted_as(speeds)]
    lines = (_joined(setup), _joined(software), _joined([*counts, *notes]))
    return [line for line in lines if line]


def counted_as(results: Sequence[Result]) -> str:
    """What tokens/s count: of one sequence's decode, or whatever other logs have."""
    runs = [result for result in results if result.has_number]
    batch = _listed(run.batch_size for run in runs)
    if all(run.definition == DECODE_OF_ONE for run in runs):
        return f"tokens/s: decode only, batch {batch or 1}"
    meaning = f"tokens/s: {_listed(run.meaning for run in runs)}"
    return f"{meaning}, batch {batch}" if batch else meaning


def _stage_sources(runs: Sequence[Result]) -> str:
    """What told the stages of other tools' runs: 'stage from the file name: baseline'."""
    sources: dict[str, list[str | None]] = {}
    for run in runs:
        if run.stage_source is not None:
            sources.setdefault(run.stage_source, []).append(run.stage)
    return "; ".join(
        f"stage from {printable(source)}: {_listed(stages)}" for source, stages in sources.items()
    )


def _foreign(run: Result) -> str | None:
    return f"a log of {run.format}" if run.format != "workshop" else None


def _value(value: object) -> object:
    return one_line(value) if isinstance(value, str) else value


def _joined(parts: Iterable[str]) -> str:
    return " · ".join(part for part in parts if part)


def _distinct(values: Iterable[object]) -> list[str]:
    """The different values that are known, in the order in which they come."""
    return list(dict.fromkeys(printable(str(value)) for value in values if value is not None))


def _listed(values: Iterable[object]) -> str:
    distinct = _distinct(values)
    more = ", …" if len(distinct) > _MOST_VALUES else ""
    return ", ".join(distinct[:_MOST_VALUES]) + more


def _field(runs: Sequence[Result], form: str, value: Callable[[Result], object]) -> str:
    listed = _listed(value(run) for run in runs)
    return form.format(listed) if listed else ""


def _model(run: Result) -> str | None:
    if run.model is None or run.model_parameters is None:
        return run.model
    for unit, size in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if run.model_parameters >= size:
            return f"{run.model} ({number(run.model_parameters / size)} {unit} parameters)"
    return f"{run.model} ({run.model_parameters} parameters)"


def _most_new_tokens(run: Result) -> int | None:
    return run.settings.new_tokens if run.settings else run.new_tokens


def _samples(pools: Sequence[Pool]) -> str:
    """How many samples stand behind each bar."""
    sampled = [pool for pool in pools if pool.samples]
    counts = {(pool.samples, len(pool.runs)) for pool in sampled}
    if not counts:
        return ""
    if counts == {(sampled[0].samples, 1)}:
        return f"n = {sampled[0].samples} samples a bar"
    return "samples n: " + ", ".join(
        f"{printable(pool.label)} {pool.samples}"
        + (f" in {len(pool.runs)} runs" if len(pool.runs) > 1 else "")
        for pool in sampled
    )


def _unfinished(runs: Sequence[Result]) -> str:
    labels = _listed(run.label for run in runs if run.status != "ok")
    return f"not finished: {labels}" if labels else ""


def _short(commit: str | None) -> str | None:
    """A commit's first ten digits, and what follows the digits, such as '-dirty'."""
    return re.sub(r"^([0-9a-f]{10})[0-9a-f]*", r"\1", commit) if commit else None


def _days(runs: Sequence[Result]) -> str:
    days = sorted(_distinct(run.started[:10] for run in runs if run.started))
    return " to ".join(dict.fromkeys((days[0], days[-1]))) if days else ""
