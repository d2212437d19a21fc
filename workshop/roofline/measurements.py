"""Published measurements: what was run, what came out, and what would have been predicted."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Literal

from workshop.roofline import tables
from workshop.roofline.device import Device, find_device, measured_cpu
from workshop.roofline.efficiency import Efficiency
from workshop.roofline.inference import Prediction, as_counted, predict
from workshop.roofline.models import find_model
from workshop.roofline.precision import GROUP_SIZE, precision
from workshop.roofline.speculative import Speculation
from workshop.roofline.training import Cluster, Recipe, train
from workshop.roofline.workload import Plan, Workload

TABLE = tables.DATA / "measurements.toml"
DEMO = tables.DATA / "demo.toml"  # this project's own runs on a CPU
Use = Literal["fit", "test"]


@dataclass(frozen=True)
class Measurement:
    """One published number, and what it is of.

    Attributes:
        source, url: who published it, and where.
        checked: when it was read there again; empty where it was not.
        use: whether the constants were fitted on it, or only tested with it.
        quantity: a field of Prediction, ``request_seconds``, or one of Training.
        over: the time that tokens/s are divided by.
        within: how close the fit has to come, as a part; None where it only should.
        bandwidth_gb_per_s, cores: of a CPU, as the run itself measured them; ``device`` is then
            but its name.
    """

    source: str
    url: str
    use: Use
    quantity: str
    value: float
    model: str
    device: str
    dtype: str = "w16a16"
    group_size: int = GROUP_SIZE
    compiled: bool = True
    tp: int = 1
    batch: int = 1
    prompt: int = 1
    new_tokens: int = 1
    over: str = "decode"
    gpus: int = 1
    tokens: float = 0.0
    pp: int = 1
    micro_batch: int = 1
    batch_tokens: float = 4e6
    within: float | None = None
    draft: str = ""
    guesses: int = 0
    acceptance: float = 0.0
    note: str = ""
    checked: str = ""
    bandwidth_gb_per_s: float = 0.0
    cores: int = 1

    @property
    def on_cpu(self) -> bool:
        return device_of(self).kind == "cpu"

    @property
    def is_training(self) -> bool:
        return self.tokens > 0

    @property
    def unit(self) -> str:
        if self.quantity == "gpu_hours":
            return "GPU-hours"
        return "s" if self.quantity.endswith("_seconds") else "tokens/s"

    @property
    def label(self) -> str:
        """'llama-2-7b w8a16, tp 4, batch 2'."""
        parts = [f"{self.model} {self.dtype}"]
        parts += [f"tp {self.tp}"] if self.tp > 1 else []
        parts += [f"batch {self.batch}"] if self.batch > 1 else []
        parts += [f"draft {self.draft}"] if self.draft else []
        parts += [] if self.compiled else ["eager"]
        parts += [f"prompt {self.prompt}"] if self.quantity == "ttft_seconds" else []
        return ", ".join(parts)


@cache
def measurements() -> tuple[Measurement, ...]:
    """All rows of ``data/measurements.toml`` and ``data/demo.toml``."""
    return (*rows_of(TABLE), *rows_of(DEMO))


def rows_of(table: Path) -> tuple[Measurement, ...]:
    """The rows of a file of measurements, each with what its source says of all of them."""
    allowed = {field.name for field in fields(Measurement)}
    found: list[Measurement] = []
    for source in tables.read(table)["source"]:
        shared = {key: value for key, value in source.items() if key in allowed}
        found += [
            Measurement(**{"source": source["name"], **shared, **row}) for row in source["rows"]
        ]
    return tuple(found)


def predicted(one: Measurement, reached: Efficiency) -> float:
    """What would have been predicted for a measurement, counted as it was counted."""
    shape, device = find_model(one.model), device_of(one)
    if one.is_training:
        recipe = Recipe(
            tp=one.tp, pp=one.pp, micro_batch=one.micro_batch, batch_tokens=one.batch_tokens
        )
        trained = train(shape, Cluster(device, one.gpus), recipe, one.tokens, reached)
        return getattr(trained, one.quantity)
    work = Workload(one.batch, one.prompt, one.new_tokens)
    plan = Plan(precision(one.dtype, one.group_size), one.compiled, one.tp)
    speculation = None
    if one.draft:
        speculation = Speculation(find_model(one.draft), one.guesses, one.acceptance)
    return counted(one, predict(shape, device, work, plan, reached, speculation), work)


def counted(one: Measurement, found: Prediction, work: Workload) -> float:
    """The number of a prediction that the measurement is to be held against."""
    if one.quantity == "tokens_per_second":
        return as_counted(found, work, one.over)
    if one.quantity == "batch_tokens_per_second":
        return as_counted(found, work, one.over) * work.batch
    if one.quantity == "request_seconds":
        return found.ttft_seconds + (work.new_tokens - 1) * found.tpot_seconds
    return getattr(found, one.quantity)


def speed_error(one: Measurement, reached: Efficiency) -> float:
    """By what part the predicted speed is too high (positive) or too low.

    Of a time, the speed is its inverse, so that a prediction that is twice as fast as the machine
    is 100 % off whichever of the two was published.
    """
    ratio = predicted(one, reached) / one.value
    is_time = one.quantity.endswith("_seconds") or one.quantity == "gpu_hours"
    return (1 / ratio if is_time else ratio) - 1


def device_of(one: Measurement) -> Device:
    """What it was measured on: of a CPU what the run tells, as ``against`` takes it."""
    if one.bandwidth_gb_per_s:
        return measured_cpu(one.device, one.bandwidth_gb_per_s, one.cores)
    return _known(one.device)


@cache
def _known(name: str) -> Device:
    return find_device(name, environ={}, site=())


def with_use(use: Use) -> tuple[Measurement, ...]:
    return tuple(one for one in measurements() if one.use == use)
