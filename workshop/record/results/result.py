"""The record of one run: what flows from the measurement to every plot, report and grade."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import Literal, TypeGuard

from workshop.record.results.parts import (
    DECODE_OF_ONE,
    Definition,
    Quality,
    Reference,
    Sample,
    SlurmJob,
    TokenCheck,
    Versions,
)
from workshop.stages import variant
from workshop.stages.settings import Settings

SCHEMA = 1

Status = Literal["ok", "incomplete", "failed"]
Condition = bool | int | float | str


@dataclass(frozen=True)
class Result:
    """One run of one stage. None means that it is not known; no value stands for 'nothing'.

    Bytes are counted in GB = 1e9 bytes. What the numbers mean is in docs/measuring.md:
    ``tokens_per_second`` is decode only, for one sequence; ``bandwidth_gb_per_second`` counts the
    bytes of weights read in decode, over all ranks; ``memory_gb`` is the whole job's. A record that
    was read from another tool's log says in ``definition`` what its tokens/s count.

    Attributes:
        total_tokens_per_second: of all sequences of a batch together.
        prompt_tokens: of the longest prompt, where those of a batch differ.
        new_tokens: most that a sequence has.
        format: whose log it was read from: workshop, gpt-fast, vllm-serve, ...
        acceptance_by_position: of the passes that made a first guess, a second, ..., the share
            that accepted it and those before it.
        speeds: tokens/s of each sample, where a source gives no more of a sample than that.
        cache_bytes: of the last-level caches of the cores that the run could use; None on a GPU.
        stage_source: what told the stage of another tool's run: the log, its file name or the user.
        concurrency: requests that a server was kept busy with at a time.
        conditions: the source's settings that no other field holds, by name and unit, such as
            ``flash attention`` or ``request rate, 1/s``. Runs that differ in one are not pooled.
        latency_seconds: mean time of a whole batch or request, from its start to its last token.
        latencies: the times that this is the mean of, in seconds.
        latency_percentiles: in seconds, by percentile: ``{"50": 0.766, "99": 0.977}``.
    """

    stage: str | None
    status: Status
    schema: int = SCHEMA
    reason: str | None = None
    advice: str | None = None
    against: str | None = None
    change: str | None = None
    settings: Settings | None = None

    tokens_per_second: float | None = None
    tokens_per_second_std: float | None = None
    total_tokens_per_second: float | None = None
    ttft_seconds: float | None = None
    tpot_seconds: float | None = None
    bandwidth_gb_per_second: float | None = None
    bandwidth_std: float | None = None
    device_bandwidth_gb_per_second: float | None = None
    device_bandwidth_source: str | None = None
    mbu: float | None = None
    memory_gb: float | None = None
    memory_kind: str | None = None
    peak_rss_gb: float | None = None
    load_seconds: float | None = None
    compile_seconds: float | None = None
    mean_accepted: float | None = None
    acceptance_rate: float | None = None
    acceptance_by_position: list[float] | None = None
    samples: list[Sample] = field(default_factory=list)
    reference: Reference | None = None
    quality: Quality | None = None
    token_check: TokenCheck | None = None
    format: str = "workshop"
    definition: Definition | None = DECODE_OF_ONE
    speeds: list[float] = field(default_factory=list)
    stage_source: str | None = None
    latency_seconds: float | None = None
    latencies: list[float] = field(default_factory=list)
    latency_percentiles: dict[str, float] = field(default_factory=dict)
    concurrency: int | None = None
    conditions: dict[str, Condition] = field(default_factory=dict)

    batch_size: int | None = None
    prompt_tokens: int | None = None
    prompt_ids: list[int] | None = None
    new_tokens: int | None = None
    model: str | None = None
    model_parameters: int | None = None
    model_bytes: int | None = None
    draft_parameters: int | None = None
    draft_bytes: int | None = None
    dtype: str | None = None
    device: str | None = None
    threads: int | None = None
    cache_bytes: int | None = None
    world_size: int | None = None
    graph_breaks: int | None = None
    recompiles: int | None = None

    host: str | None = None
    user: str | None = None
    started: str | None = None
    versions: Versions | None = None
    slurm: SlurmJob | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def has_number(self) -> bool:
        """Whether there is anything of this run to draw."""
        values = (
            self.memory_gb,
            self.bandwidth_gb_per_second,
            self.tokens_per_second,
            self.ttft_seconds,
            self.tpot_seconds,
        )
        return any(drawable(value) for value in values)

    @property
    def sample_speeds(self) -> list[float]:
        """tokens/s of each sample that has one."""
        own = [s.tokens_per_second for s in self.samples if s.tokens_per_second is not None]
        return own or self.speeds

    @property
    def is_server(self) -> bool:
        """Whether its tokens/s are those of all requests that a server answers together."""
        return self.definition is not None and self.definition.per == "server"

    @property
    def meaning(self) -> str:
        """What its tokens/s count, in words."""
        return str(self.definition) if self.definition else "tokens/s of unknown meaning"

    @property
    def label(self) -> str:
        """The stage, and what an option changed about it: 'tp (quantize none)'."""
        name = self.stage or "unknown"
        differs = variant(self.settings) if self.settings else ""
        return f"{name} ({differs})" if differs else name

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        rows = {
            "status": self.status if self.status == "ok" else f"{self.status}: {self.reason}",
            "model": self.model,
            "device": self.device,
            "tokens/s": _with_spread(self.tokens_per_second, self.tokens_per_second_std, 1),
            "time to the first token, ms": _with_spread(self.ttft_seconds, None, 1e3),
            "time of a later token, ms": _with_spread(self.tpot_seconds, None, 1e3),
            "memory, GB": _with_spread(self.memory_gb, None, 1),
            "bandwidth, GB/s": _with_spread(self.bandwidth_gb_per_second, self.bandwidth_std, 1),
        }
        cells = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
            for name, value in rows.items()
            if value is not None
        )
        return f"<table><caption>{html.escape(self.label)}</caption>{cells}</table>"


def drawable(value: float | None) -> TypeGuard[float]:
    """Whether a bar can stand for the value: known, finite, of a size that the units allow."""
    return value is not None and 0 <= value < 1e15


def _with_spread(value: float | None, spread: float | None, scale: float) -> str | None:
    """'241 ± 3.2'; None of no number."""
    if value is None:
        return None
    return f"{value * scale:.4g}" + (f" ± {spread * scale:.2g}" if spread is not None else "")
