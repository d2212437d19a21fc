"""The one fit: a few global constants, found once on the published rows that are for fitting.

    python -m workshop.roofline.fit            # both errors, with the constants that are kept
    python -m workshop.roofline.fit --write    # fit anew, and keep what comes out

Nothing is fitted for a model, a GPU or a precision. Each constant is moved up and down by ever
smaller parts as long as the cost falls (Hooke and Jeeves 1961, https://doi.org/10.1145/321062.321069),
so the result is the same wherever it runs. It depends on where the search begins, as one constant
can stand for another in part: a smaller share of the bandwidth for longer kernels.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

from workshop.roofline.efficiency import CONSTANTS, Efficiency, expected
from workshop.roofline.measurements import Measurement, Use, speed_error, with_use

# Constant -> where the search starts. All but training_flops are found together.
INFERENCE = {
    "memory": 0.75,
    "plain_memory": 0.88,
    "flops": 0.7,
    "overlap": 0.1,
    "link": 0.8,
    "unpack_flop": 1.5,
    "kernel_seconds": 4e-6,
    "other_kernel_seconds": 8e-6,
    "metal_kernel_seconds": 12e-6,
    "launch_seconds": 23e-6,
    "all_reduce_seconds": 8e-6,
    "unlinked_seconds": 30e-6,
}
TRAINING = {"training_flops": 0.5}
CPU = {
    "cpu_launch_seconds": 10e-6,
    "cpu_kernel_seconds": 8e-6,
    "cpu_all_reduce_seconds": 10e-6,
    "cpu_byte_seconds": 50e-12,
    "cpu_eager_byte_seconds": 150e-12,
    "cpu_unpack_seconds": 40e-12,
    "cpu_token_seconds": 15e-12,
}
GROUPS = (INFERENCE, TRAINING, CPU)

# What no row tells, and where it is from.
GIVEN = {
    "network_seconds": (
        20e-6,
        "a message between nodes: a few microseconds on the wire, the rest NCCL's",
    ),
    "usable_memory": (0.9, "vLLM's gpu_memory_utilization by default, https://docs.vllm.ai"),
}
SAID = {
    "memory": "fraction of the data-sheet bandwidth, HBM",
    "plain_memory": "the same of GDDR, LPDDR and DDR",
    "flops": "fraction of the data-sheet FLOP/s, large products",
    "overlap": "share of the shorter of compute and memory time that the longer one hides",
    "link": "fraction of a link's data-sheet bandwidth",
    "unpack_flop": "operations to unpack a quantised weight",
    "kernel_seconds": "fixed time per kernel, beyond its memory traffic, CUDA",
    "other_kernel_seconds": "the same, HIP",
    "metal_kernel_seconds": "the same, Metal",
    "launch_seconds": "time per operation called from Python",
    "all_reduce_seconds": "fixed time per all-reduce message, beyond its bytes, NVLink or similar",
    "unlinked_seconds": "the same, over PCIe",
    "training_flops": "fraction of the data-sheet FLOP/s, whole steps of training",
    "cpu_launch_seconds": "time per operation called from Python, on a CPU",
    "cpu_kernel_seconds": "fixed time per kernel, beyond its memory traffic, on a CPU",
    "cpu_all_reduce_seconds": "fixed time per all-reduce message between processes on one CPU",
    "cpu_byte_seconds": "core time per byte of weights, compiled steps",
    "cpu_eager_byte_seconds": "the same, eager steps, whose products are a library's",
    "cpu_unpack_seconds": "core time to unpack one 4-bit weight",
    "cpu_token_seconds": "core time per weight for each token after the first, up to 8",
}

# No message is faster than the link's data-sheet latency, and through shared memory none took less
# than 3 microseconds (docs/cpu.md).
LEAST = {
    "all_reduce_seconds": 8e-6,
    "unlinked_seconds": 8e-6,
    "cpu_all_reduce_seconds": 3e-6,
}

_FAR = 0.15  # from here on a row's error counts by its size, no longer by its square
_FIRST_STEP, _LAST_STEP = 0.2, 0.002


def cost(rows: Sequence[Measurement], reached: Efficiency) -> float:
    """Mean over the rows of the squared error in log(speed); a row that is far off counts less.

    A row with ``within`` has to come that close: what it is further off counts tenfold.
    """
    total = 0.0
    for one in rows:
        error = abs(math.log1p(speed_error(one, reached)))
        total += error**2 if error < _FAR else _FAR * (2 * error - _FAR)
        if one.within is not None:
            total += 10 * max(error - one.within, 0.0)
    return total / len(rows)


def fit() -> Efficiency:
    """The constants that predict the rows for fitting best."""
    found = Efficiency(**{name: value for name, (value, _) in GIVEN.items()})
    for group in GROUPS:
        found = fit_group(found, group, with_use("fit"))
    return found


def fit_group(
    others: Efficiency, group: dict[str, float], rows: Sequence[Measurement]
) -> Efficiency:
    """The constants of one group anew, from where its search starts; the others as they are."""
    mine = [one for one in rows if group_of(one) is group]
    return descend(replace(others, **group), list(group), partial(cost, mine))


def group_of(one: Measurement) -> dict[str, float]:
    """The constants that a row tells something of."""
    if one.is_training:
        return TRAINING
    return CPU if one.on_cpu else INFERENCE


def descend(
    start: Efficiency, names: Sequence[str], cost_of: Callable[[Efficiency], float]
) -> Efficiency:
    """Move one constant after the other while that helps, by ever smaller parts."""
    best, least, step = start, cost_of(start), _FIRST_STEP
    while step > _LAST_STEP:
        moved = False
        for name in names:
            for factor in (1 + step, 1 / (1 + step)):
                value = getattr(best, name) * factor
                most = math.inf if name.endswith(("_seconds", "_flop")) else 1.0
                if not LEAST.get(name, 0.0) <= value <= most:
                    continue
                tried = replace(best, **{name: value})
                if (costs := cost_of(tried)) < least:
                    best, least, moved = tried, costs, True
        if not moved:
            step /= 1.6
    return best


@dataclass(frozen=True)
class Errors:
    """How far predictions are off, over some rows: |error| of the speed."""

    rows: int
    median: float
    mean: float
    within_15: int
    within_30: int


def errors(use: Use, reached: Efficiency, cpu: bool = False) -> Errors:
    """The errors of the rows that were fitted on, or of those that were only tested with."""
    off = [abs(speed_error(one, reached)) for one in with_use(use) if one.on_cpu == cpu]
    return Errors(
        rows=len(off),
        median=statistics.median(off),
        mean=statistics.fmean(off),
        within_15=sum(one <= 0.15 for one in off),
        within_30=sum(one <= 0.30 for one in off),
    )


def table(reached: Efficiency) -> str:
    """Every row with its error, and both summaries, in Markdown."""
    lines = [
        "| use | source | what | device | published | error |",
        "|---|---|---|---|---|---|",
    ]
    uses: tuple[Use, ...] = ("fit", "test")
    for use in uses:
        for one in with_use(use):
            error = f"{100 * speed_error(one, reached):+.0f} %"
            cells = (use, one.source, one.label, one.device, f"{one.value:g} {one.unit}", error)
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def summary(reached: Efficiency) -> str:
    lines = [
        "| rows | number | median error | mean error | within 15 % | within 30 % |",
        "|---|---|---|---|---|---|",
    ]
    said_of: dict[Use, str] = {"fit": "fitted on", "test": "only tested with"}
    for use, said in said_of.items():
        found = errors(use, reached)
        lines.append(
            f"| {said} | {found.rows} | {100 * found.median:.1f} % | {100 * found.mean:.1f} % "
            f"| {found.within_15} | {found.within_30} |"
        )
    return "\n".join(lines)


def as_toml(reached: Efficiency) -> str:
    """The constants as a table of TOML, each with what it is and where from."""
    lines = [
        "# Written by `python -m workshop.roofline.fit --write`: do not edit.",
        "# Fractions of data-sheet values that are reached, the same for every model and device.",
        "",
    ]
    for name, value in asdict(reached).items():
        source = GIVEN[name][1] if name in GIVEN else f"fitted: {SAID[name]}"
        lines.append(f'{name} = [{value:.4g}, "{source}"]')
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--write", action="store_true", help="fit anew and keep the constants")
    parser.add_argument("--rows", action="store_true", help="print every row, too")
    options = parser.parse_args()
    reached = expected()
    if options.write:
        reached = fit()
        CONSTANTS.write_text(as_toml(reached), "utf-8")
    print(as_toml(reached))
    print(summary(reached))
    if options.rows:
        print()
        print(table(reached))


if __name__ == "__main__":
    main()
