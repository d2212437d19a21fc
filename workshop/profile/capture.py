"""Settings to Profile: a few decode steps under torch.profiler, and the same without it."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, record_function

from workshop.llm.model import RMSNorm
from workshop.llm.sampling import Sampler
from workshop.profile.classes import NORM, STEP, class_of, class_within, is_operator
from workshop.profile.length import SKIPPED
from workshop.profile.predicted import predicted_classes
from workshop.profile.spans import Kernel, Row, Span, add_up
from workshop.profile.trace import write_trace
from workshop.runner import machine
from workshop.runner.assemble import Engine, Place, assemble
from workshop.runner.measure import SEEDS_APART, unmeasured, warm_up
from workshop.stages.settings import Settings

LOOKS = 3  # at the same steps without the profiler
MICRO = 1e-6


@dataclass(frozen=True)
class Profile:
    """Where the time of a few decode steps went.

    Attributes:
        prompt_tokens: of the longest prompt.
        steps: decode steps, or passes of the verifier with its guesses.
        tokens: of each sequence, that they made.
        seconds_per_token: without the profiler, the median of a few looks.
        profiled_seconds_per_token: with it; the classes add up to this.
        busy_is: what ``host_share`` is the rest of: kernels on a GPU, operators on a CPU.
        unpredicted: why there is no prediction; None where there is one.
        trace: the file that was written.
    """

    stage: str
    model: str
    device: str
    threads: int | None
    ranks: int
    batch_size: int | None
    prompt_tokens: int
    steps: int
    tokens: int
    seconds_per_token: float
    profiled_seconds_per_token: float
    busy_seconds_per_token: float
    host_share: float
    busy_is: str
    classes: list[Row]
    kernels: list[Kernel]
    unpredicted: str | None
    trace: str
    warnings: list[str] = field(default_factory=list)


def profile(settings: Settings, place: Place, steps: int, trace: Path | None) -> Profile | None:
    """Profile ``steps`` decode steps; every rank calls it, and rank 0 has the answer.

    Raises:
        TraceError: the trace could not be written.
    """
    with torch.inference_mode(), kernels_with_names():
        return _profile(settings, place, steps, trace)


def _profile(settings: Settings, place: Place, steps: int, trace: Path | None) -> Profile | None:
    busy = machine.busy_warning(place.ranks)
    engine = assemble(settings, place)
    warm_up(settings, place, engine)
    bandwidth = machine.read_bandwidth(place.device, engine.model_bytes)
    looks = [run_steps(engine, settings, place, steps) for _ in range(LOOKS)]
    if place.rank:
        for many in (1, steps):
            run_steps(engine, settings, place, many)
        return None
    with _profiler(place):  # the first time, the profiler itself has to be loaded
        run_steps(engine, settings, place, 1)
    with contextlib.nullcontext() if settings.compile else norms_marked():
        profiler = _profiler(place)
        ran = run_steps(engine, settings, place, steps, profiler)

    prompt = max(map(len, engine.prompts))
    record = replace(
        unmeasured(settings, place),
        prompt_tokens=prompt + ran.skipped,
        new_tokens=ran.tokens + 1,
        device_bandwidth_gb_per_second=bandwidth.gb_per_second,
        mean_accepted=ran.tokens / steps - 1 if settings.speculate != "none" else None,
    )
    found = predicted_classes(record)
    ideal, expected = (None, None) if isinstance(found, str) else found
    on_gpu, events = place.device.type == "cuda", profiler.events()
    spans = device_spans(events) if on_gpu else host_spans(events)
    inside = sum(_seconds(one) for one in events if one.name == STEP and not _on_device(one))
    sums = add_up(spans, inside, ran.tokens, ideal, expected)
    return Profile(
        stage=record.label,
        model=settings.model,
        device=record.device or "",
        threads=record.threads,
        ranks=place.ranks,
        batch_size=record.batch_size,
        prompt_tokens=prompt,
        steps=steps,
        tokens=ran.tokens,
        seconds_per_token=statistics.median(look.seconds / look.tokens for look in looks),
        profiled_seconds_per_token=sums.seconds,
        busy_seconds_per_token=sums.busy_seconds,
        host_share=sums.host_share,
        busy_is="kernels" if on_gpu else "operators",
        classes=sums.rows,
        kernels=sums.kernels,
        unpredicted=found if isinstance(found, str) else None,
        trace=str(write_trace(profiler.export_chrome_trace, trace, settings.stage)),
        warnings=[busy] if busy else [],
    )


@dataclass(frozen=True)
class Ran:
    """What some decode steps did: tokens of each sequence, and seconds."""

    tokens: int
    skipped: int
    seconds: float


def run_steps(
    engine: Engine,
    settings: Settings,
    place: Place,
    steps: int,
    around: contextlib.AbstractContextManager[Any] | None = None,
) -> Ran:
    """Generate up to a step after prefill, then ``steps`` steps inside of ``around``."""
    parts = engine.generate(engine.prompts, settings.new_tokens, samplers(engine, settings, place))
    skipped = sum(len(next(parts)[0]) for _ in range(1 + SKIPPED)) - 1
    tokens = 0
    machine.synchronise(place.device)
    with around or contextlib.nullcontext():
        start = time.perf_counter()
        for _ in range(steps):
            with record_function(STEP):
                tokens += len(next(parts)[0])
                machine.synchronise(place.device)
        seconds = time.perf_counter() - start
    return Ran(tokens, skipped, seconds)


def samplers(engine: Engine, settings: Settings, place: Place) -> list[Sampler]:
    return [
        Sampler(
            settings.temperature,
            engine.model.config.vocab,
            settings.seed + i * SEEDS_APART,
            place.device,
            settings.top_k,
            settings.top_p,
        )
        for i in range(len(engine.prompts))
    ]


def _profiler(place: Place) -> Any:
    activities = [ProfilerActivity.CPU]
    if place.device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    return torch.profiler.profile(activities=activities, acc_events=True)


def host_spans(events: Any) -> list[Span]:
    """Operators inside of the steps, on the thread that called them."""
    spans = []
    for one in events:
        if _on_device(one) or not is_operator(one.name):
            continue
        callers = _callers(one)
        if STEP not in callers:
            continue
        inner = callers[callers.index(STEP) + 1 :]
        spans.append(
            Span(
                one.name,
                class_within([*inner, one.name]),
                one.time_range.start * MICRO,
                one.time_range.end * MICRO,
                one.self_cpu_time_total * MICRO,
                outermost=not any(map(is_operator, inner)),
            )
        )
    return spans


def device_spans(events: Any) -> list[Span]:
    """Kernels and copies on a GPU; the marks that the profiler copies there are none."""
    return [
        Span(
            one.name,
            class_of(one.name),
            one.time_range.start * MICRO,
            one.time_range.end * MICRO,
            _seconds(one),
        )
        for one in events
        if _on_device(one)
        and not getattr(one, "is_user_annotation", False)
        and not one.name.startswith(("workshop: ", "ProfilerStep"))
    ]


def _on_device(event: Any) -> bool:
    return event.device_type != DeviceType.CPU


def _seconds(event: Any) -> float:
    return (event.time_range.end - event.time_range.start) * MICRO


def _callers(event: Any) -> list[str]:
    """Names of the spans around this one, outermost first."""
    names, around = [], event.cpu_parent
    while around is not None:
        names.append(around.name)
        around = around.cpu_parent
    return names[::-1]


@contextlib.contextmanager
def kernels_with_names() -> Iterator[None]:
    """What Inductor writes for a CPU then tells the profiler its name; it is compiled for that."""
    import torch._inductor.config as inductor

    with inductor.patch({"cpp.enable_kernel_profile": True}):
        yield


@contextlib.contextmanager
def norms_marked() -> Iterator[None]:
    """Norms, which are several small operators, stand under one mark; not for compiled code."""
    open_marks: list[record_function] = []

    def before(module: torch.nn.Module, inputs: Any) -> None:
        if isinstance(module, RMSNorm):
            open_marks.append(record_function(NORM))
            open_marks[-1].__enter__()

    def after(module: torch.nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(module, RMSNorm):
            open_marks.pop().__exit__(None, None, None)

    hooks = [
        torch.nn.modules.module.register_module_forward_pre_hook(before),
        torch.nn.modules.module.register_module_forward_hook(after),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
