"""`workshop predict` on a CPU: the rows that its constants are fitted on, and how it did."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from quoted.stored import Stored
from quoted.words import digits, in_words, table, times
from workshop.record.results import Result
from workshop.roofline import efficiency, fit, measurements
from workshop.roofline.against import case_of, compare
from workshop.roofline.speculative import acceptance_of

BITS = {"none": "w16a16", "int8": "w8a16", "int4": "w4a16"}
CLOSE = 0.2  # to be within this of what was measured is the aim, for every stage of the demo
# Variants of benchmarks/stages.py of which something is predicted, and the stage whose record says
# how fast memory was.
TESTED = {
    "baseline": "baseline",
    "compile": "compile",
    "quantize": "quantize",
    "int4": "quantize",
    "speculative": "speculative",
    "tp": "tp",
}
HEADER = """\
# Written by `python benchmarks/figures.py render`: do not edit.
# This project's own runs on a CPU, for the constants cpu_* of constants.toml.
"""


def measured_rows(stored: Stored) -> str:
    """``workshop/roofline/data/demo.toml``."""
    sources = [
        source(
            "workshop demo", "plots/logs/ of this repository", stored, "demo",
            [demo_row(run) for run in stored.demo.values()],
        ),
        source(
            "passes on a CPU", "benchmarks/results/figures/passes.json of this repository",
            stored, "passes", [pass_row(one, stored) for one in stored.part("passes")["passes"]],
        ),
        source(
            "stages in turns", "benchmarks/results/figures/stages.json of this repository",
            stored, "stages", list(stage_rows(stored)),
        ),
    ]  # fmt: skip
    return "\n".join([HEADER, *sources])


def source(name: str, url: str, stored: Stored, part: str, rows: list[str]) -> str:
    stamp = stored.stamps[part]
    lines = [
        "[[source]]",
        f'name = "{name}"',
        f'url = "{url}"',
        f'checked = "{stamp.date}"',
        f'note = "commit {stamp.commit}, {stamp.host.words}"',
        'quantity = "tokens_per_second"',
        'over = "decode"',
        f'device = "{stamp.host.name}"',
        "group_size = 32",
        "rows = [",
        *(f"    {row}," for row in rows),
        "]",
    ]
    return "\n".join(lines) + "\n"


def inline(**values: Any) -> str:
    """'{ use = "fit", tp = 2 }'."""
    told = {
        name: f'"{value}"'
        if isinstance(value, str)
        else str(value).lower()
        if isinstance(value, bool)
        else f"{value:.5g}"
        for name, value in values.items()
    }
    return f"{{ {', '.join(f'{name} = {value}' for name, value in told.items())} }}"


def demo_row(run: Result) -> str:
    """A stage of the demo: the constants are fitted on all of them."""
    settings = run.settings
    assert settings is not None
    return inline(
        use="fit",
        model=run.model,
        dtype=BITS[settings.quantize],
        compiled=settings.compile,
        tp=settings.ranks,
        cores=run.threads,
        bandwidth_gb_per_s=run.device_bandwidth_gb_per_second,
        prompt=run.prompt_tokens,
        new_tokens=run.new_tokens,
        within=CLOSE / 2,
        value=run.tokens_per_second,
        **guessing(settings.draft_tokens, run.mean_accepted),
    )


def guessing(guesses: int, mean_accepted: float | None) -> dict[str, Any]:
    if mean_accepted is None:
        return {}
    acceptance = acceptance_of(mean_accepted, guesses)
    return {"draft": "tiny-draft", "guesses": guesses, "acceptance": acceptance}


def pass_row(one: dict[str, Any], stored: Stored) -> str:
    return inline(
        use="fit",
        model=one["model"],
        dtype=BITS[one["quantize"]],
        compiled=one["compile"],
        batch=one["batch"],
        cores=stored.part("passes")["threads"],
        bandwidth_gb_per_s=one["bandwidth_gb_per_second"]["median"],
        prompt=one["prompt_tokens"],
        new_tokens=one["new_tokens"],
        value=one["tokens_per_second"]["median"],
    )


def stage_rows(stored: Stored) -> Iterator[str]:
    """Stages in turns, on other prompts: they are only tested with."""
    found = stored.part("stages")
    for name, speeds in found["tokens_per_second"].items():
        if name not in TESTED:
            continue
        run = stored.demo[TESTED[name]]
        settings = run.settings
        assert settings is not None
        accepted = found["acceptance_rate"].get(name)
        kept = accepted["median"] * settings.draft_tokens if accepted else None
        yield inline(
            use="test",
            model=found["model"],
            dtype=BITS["int4" if name == "int4" else settings.quantize],
            compiled=settings.compile,
            tp=settings.ranks,
            cores=run.threads,
            bandwidth_gb_per_s=run.device_bandwidth_gb_per_second,
            prompt=run.prompt_tokens,
            new_tokens=found["new_tokens"],
            value=speeds["median"],
            **guessing(settings.draft_tokens, kept),
        )


def refitted(rows: tuple[measurements.Measurement, ...]) -> efficiency.Efficiency:
    """The constants, those of a CPU found anew on these rows; a GPU's stay as they are."""
    fitting = [one for one in rows if one.use == "fit"]
    return fit.fit_group(efficiency.expected(), fit.CPU, fitting)


def forget() -> None:
    """Have the tables read again: they were written."""
    for cached in (measurements.measurements, efficiency.expected):
        cached.cache_clear()


def constants(stored: Stored) -> str:
    """Every constant, with its value and what it is."""
    reached = efficiency.expected()
    rows = []
    for name in vars(reached):
        value = getattr(reached, name)
        said = fit.GIVEN[name][1] if name in fit.GIVEN else fit.SAID[name]
        rows.append((name, in_units(name, value), said))
    return table(("constant", "value", "what it is"), rows)


def in_units(name: str, value: float) -> str:
    if not name.endswith("_seconds"):
        return f"{value:.4g}"
    scale, unit = (1e12, "ps") if abs(value) < 1e-9 else (1e6, "us")
    return f"{value * scale:.4g} {unit}"


def errors(stored: Stored) -> str:
    """How far all predictions are off, of GPUs."""
    return fit.summary(efficiency.expected())


def rows(stored: Stored) -> str:
    """Every measurement with its error."""
    return fit.table(efficiency.expected())


def beside(stored: Stored) -> str:
    """The demo's stages beside what is predicted of them."""
    lines, far = [], []
    for name, run in stored.demo.items():
        found = compare(run, case_of(run))
        off = found.measured / found.expected
        lines.append(
            (name, digits(found.measured), digits(found.expected), digits(found.ideal), times(off))
        )
        far.append(abs(math.log(off)))
    head = ("stage", "measured, tokens/s", "expected", "ideal", "measured against expected")
    most = math.exp(max(far)) - 1
    return (
        f"{table(head, lines)}\n\nThe largest of the {in_words(len(lines))} errors is "
        f"{100 * most:.0f} %.\n\n{stored.footer('demo')}"
    )
