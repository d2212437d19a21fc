"""What was measured beside what should have been, and the likeliest cause of the gap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from workshop.roofline.device import Device, find_device, measured_cpu
from workshop.roofline.efficiency import IDEAL, Efficiency, expected
from workshop.roofline.errors import RooflineError
from workshop.roofline.inference import Prediction, as_counted, predict
from workshop.roofline.models import find_model, model_of
from workshop.roofline.precision import Precision
from workshop.roofline.shape import Shape
from workshop.roofline.speculative import Speculation, acceptance_of
from workshop.roofline.workload import Plan, Workload

AS_EXPECTED = 0.15  # what the fit promises
MORE_THAN_HALF = 0.5  # of a gap, that a cause has to explain
MUCH = 0.2  # of a token's time


class Settings(Protocol):
    """What a record says of how its run was set up."""

    @property
    def plain_bits(self) -> int: ...
    @property
    def weight_bits(self) -> int: ...
    @property
    def compile(self) -> bool: ...
    @property
    def quantize(self) -> str: ...
    @property
    def group_size(self) -> int: ...
    @property
    def speculate(self) -> str: ...
    @property
    def draft(self) -> str | None: ...
    @property
    def draft_tokens(self) -> int: ...
    @property
    def ranks(self) -> int: ...


class Definition(Protocol):
    """What a record's tokens/s count."""

    @property
    def tokens(self) -> str: ...
    @property
    def seconds(self) -> str: ...
    @property
    def per(self) -> str: ...


class Record(Protocol):
    """The part of a run's record that is held against a prediction."""

    @property
    def model(self) -> str | None: ...
    @property
    def model_parameters(self) -> int | None: ...
    @property
    def device(self) -> str | None: ...
    @property
    def settings(self) -> Settings | None: ...
    @property
    def definition(self) -> Definition | None: ...
    @property
    def tokens_per_second(self) -> float | None: ...
    @property
    def tpot_seconds(self) -> float | None: ...
    @property
    def ttft_seconds(self) -> float | None: ...
    @property
    def device_bandwidth_gb_per_second(self) -> float | None: ...
    @property
    def mean_accepted(self) -> float | None: ...
    @property
    def batch_size(self) -> int | None: ...
    @property
    def prompt_tokens(self) -> int | None: ...
    @property
    def new_tokens(self) -> int | None: ...
    @property
    def threads(self) -> int | None: ...
    @property
    def world_size(self) -> int | None: ...
    @property
    def graph_breaks(self) -> int | None: ...
    @property
    def recompiles(self) -> int | None: ...
    @property
    def warnings(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class Case:
    """What a run was, in the terms of a prediction."""

    shape: Shape
    device: Device
    work: Workload
    plan: Plan
    speculation: Speculation | None = None


@dataclass(frozen=True)
class Comparison:
    """A measured speed beside both readings.

    Attributes:
        measured, ideal, expected: tokens/s of a sequence, counted as the measured one is.
        against_ideal, against_expected: measured over predicted.
        cause: a sentence on the likeliest cause of the gap to what was expected.
    """

    case: Case
    measured: float
    ideal: float
    expected: float
    ideal_reading: Prediction
    expected_reading: Prediction
    cause: str

    @property
    def against_ideal(self) -> float:
        return self.measured / self.ideal

    @property
    def against_expected(self) -> float:
        return self.measured / self.expected


def against(record: Record, case: Case | None = None) -> Comparison | None:
    """A run's record held against what its machine should do; None where that cannot be said.

    ``case`` says what the run was where its record does not.
    """
    try:
        return compare(record, case or case_of(record))
    except RooflineError:
        return None


def compare(record: Record, case: Case) -> Comparison:
    """As ``against``; raises RooflineError where there is nothing to hold against each other."""
    measured = speed_of(record, case.work)
    reached = expected()
    ideal, likely = _predict(case, IDEAL), _predict(case, reached)
    found = Comparison(
        case=case,
        measured=measured,
        ideal=as_counted(ideal, case.work, _over(record)),
        expected=as_counted(likely, case.work, _over(record)),
        ideal_reading=ideal,
        expected_reading=likely,
        cause="",
    )
    return replace(found, cause=cause(record, found, reached))


def _over(record: Record) -> str:
    """The time that the record's tokens/s are divided by."""
    return record.definition.seconds if record.definition else "decode"


def speed_of(record: Record, work: Workload) -> float:
    """tokens/s of a sequence that the record tells; raises RooflineError."""
    counted = record.definition
    if counted and (counted.tokens != "new" or counted.per not in ("sequence", "batch", "rank")):
        raise RooflineError(
            f"its tokens/s count {counted.tokens} tokens per {counted.per}, "
            "which is not what is predicted"
        )
    speed = record.tokens_per_second
    if speed is None and record.tpot_seconds:
        speed = 1 / record.tpot_seconds
    if speed is None or not 0 < speed < math.inf:
        raise RooflineError("it has no tokens/s")
    return speed / work.batch if counted and counted.per == "batch" else speed


def case_of(
    record: Record,
    model: str | None = None,
    device: Device | None = None,
    plan: Plan | None = None,
) -> Case:
    """What a run was, from its record and from what is given in its place.

    Raises:
        RooflineError: something is neither known nor given; the message says what.
    """
    name = model or model_of(record)
    if name is None:
        raise RooflineError("it does not say which model was run: name it before --against")
    settings = record.settings
    if plan is None and settings is None:
        raise RooflineError("it does not say how the model was run: give --stage or --dtype")
    shape = find_model(name)
    ran = plan or plan_of(settings) if settings else plan
    assert ran is not None
    work = Workload(
        batch=record.batch_size or 1,
        prompt=record.prompt_tokens or 1,
        new_tokens=max(record.new_tokens or 1, 2),
    )
    speculation = speculation_of(record, shape) if settings else None
    return Case(shape, device or device_of(record), work, ran, speculation)


def plan_of(settings: Settings) -> Plan:
    """How a run was set up."""
    plain, weights = settings.plain_bits, settings.weight_bits
    precision = Precision(weights, plain, settings.group_size)
    return Plan(precision, settings.compile, settings.ranks)


def device_of(record: Record) -> Device:
    """The device of that name in the tables; of a CPU, what the run itself measured of it."""
    if record.threads is not None and record.device_bandwidth_gb_per_second:
        return measured_cpu(
            record.device or "CPU", record.device_bandwidth_gb_per_second, record.threads
        )
    if record.device is None:
        raise RooflineError("it does not say which device it ran on: give --gpu")
    return find_device(record.device)


def speculation_of(record: Record, shape: Shape) -> Speculation | None:
    """Who guessed, and how well: from how many guesses a pass accepted."""
    settings = record.settings
    if settings is None or settings.speculate == "none":
        return None
    draft = shape if settings.speculate == "self" else None
    if settings.speculate == "draft":
        named = settings.draft or shape.draft
        if named is None:
            raise RooflineError("it does not say which draft model guessed")
        draft = find_model(named)
    k = settings.draft_tokens
    return Speculation(draft, k, acceptance_of(record.mean_accepted or 0.0, k))


def cause(record: Record, found: Comparison, reached: Efficiency) -> str:
    """The likeliest cause of a gap, in a sentence: whichever would give the measured speed best."""
    if found.against_ideal > 1 + AS_EXPECTED:
        return (
            "Faster than the hardware should allow: the device, the precision or what the "
            "tokens/s count is not what it is taken for."
        )
    if found.against_expected > 1 + AS_EXPECTED:
        return (
            "Faster than expected: its kernels are better than those of the fit, or its host "
            "starts them faster."
        )
    if found.against_expected >= 1 - AS_EXPECTED:
        return _as_expected(found)
    if shared := [one for one in record.warnings if "process" in one]:
        return f"Others used the machine, which makes every number too small: {shared[0]}."
    if record.graph_breaks:
        count = record.graph_breaks
        return (
            f"Not compiled throughout: {count} graph break{'s' if count > 1 else ''}, and between "
            "them kernels are called one after another from Python."
        )

    def off(suspect: Suspect) -> float:
        """How far the measured speed is from what the suspect would give, in log(speed)."""
        speed = as_counted(_predict(suspect.case, suspect.reached), found.case.work, _over(record))
        return abs(math.log(speed / found.measured))

    nearest = min(_suspects(found, reached), key=off, default=None)
    if nearest and off(nearest) < abs(math.log(found.against_expected)) * MORE_THAN_HALF:
        return nearest.sentence
    return _unexplained(found)


@dataclass(frozen=True)
class Suspect:
    """What may have gone otherwise than said, and what would then have been predicted."""

    sentence: str
    case: Case
    reached: Efficiency


def _suspects(found: Comparison, reached: Efficiency) -> list[Suspect]:
    case, likely = found.case, found.expected_reading
    plan = case.plan
    suspects = []
    if plan.compiled:
        sentence = (
            "Launch-bound: as slow as a run that is not compiled, whose kernels Python calls one "
            "after another."
        )
        eager = replace(case, plan=replace(plan, compiled=False))
        suspects.append(Suspect(sentence, eager, reached))
    if plan.precision.weight_bits < plan.precision.plain_bits:
        sentence = (
            "The weights seem not to be quantised where they are read: as slow as in "
            f"{plan.precision.plain_bits} bits."
        )
        wider = replace(plan.precision, weight_bits=plan.precision.plain_bits)
        plain = replace(case, plan=replace(plan, precision=wider))
        suspects.append(Suspect(sentence, plain, reached))
    if plan.tp > 1:
        sentence = (
            "Link-bound: its ranks wait for each other in all-reduces, which take several times "
            "what they take on the machines of the fit."
        )
        suspects.append(Suspect(sentence, case, _slower_links(reached)))
    if likely.breakdown_seconds["kv_read"] > MUCH * likely.tpot_seconds:
        sentence = (
            "Reading keys and values: at this length they are a good part of a token's bytes, and "
            "they seem to be read more than once."
        )
        longer = replace(case, work=replace(case.work, prompt=2 * case.work.prompt))
        suspects.append(Suspect(sentence, longer, reached))
    return suspects


def _slower_links(reached: Efficiency) -> Efficiency:
    """All-reduces that take five times as long."""
    names = ("all_reduce_seconds", "unlinked_seconds", "cpu_all_reduce_seconds")
    return replace(reached, **{name: 5 * (getattr(reached, name) or 0.0) for name in names})


def _as_expected(found: Comparison) -> str:
    likely = found.expected_reading
    if likely.bound == "launch overhead":
        return "As expected: launch-bound, by the starting of kernels."
    if likely.bound == "link":
        return "As expected: link-bound, by two all-reduces a layer."
    if likely.bound == "compute" and found.case.device.kind == "cpu":
        return "As expected: bound by its cores, which multiply slower than memory is read."
    if likely.bound == "compute":
        return "As expected: bound by compute."
    return "As expected: bound by memory bandwidth."


def _unexplained(found: Comparison) -> str:
    bound = found.expected_reading.bound
    if bound == "launch overhead":
        return (
            "Launch-bound: starting kernels takes longer here than on the machines of the fit; a "
            "slower processor or a shared node would do that."
        )
    if bound == "link":
        return "Link-bound: all-reduces take longer here than on the machines of the fit."
    if found.case.device.kind == "cpu":
        return (
            "Kernels read slower here than the processor's memory can; or others use the node at "
            "the same time."
        )
    return (
        f"Memory is read at {found.expected_reading.mbu * found.against_expected:.0%} of the "
        "data-sheet bandwidth: a power limit, a shared node, or kernels that are less good than "
        "those of the fit."
    )


def _predict(case: Case, reached: Efficiency) -> Prediction:
    return predict(case.shape, case.device, case.work, case.plan, reached, case.speculation)
