"""The record of one run: what flows from the measurement to every plot, report and grade."""

from __future__ import annotations

import html
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Literal, TypeGuard, TypeVar

import msgspec

from workshop.stages import variant
from workshop.stages.settings import Settings

SCHEMA = 1
PREFIX = "WORKSHOP-RESULT "
# What a killed run leaves behind, from which its record can be put together again.
SETTINGS_PREFIX = "WORKSHOP-SETTINGS "
SAMPLE_PREFIX = "WORKSHOP-SAMPLE "

Status = Literal["ok", "incomplete", "failed"]
Condition = bool | int | float | str
T = TypeVar("T")


class RecordError(ValueError):
    """A record that cannot be read; the message says where it goes wrong."""


@dataclass(frozen=True)
class Continuation:
    """What a further sequence of a batch said."""

    tokens: list[int]
    text: str


@dataclass(frozen=True)
class Sample:
    """One counted generation, of one sequence or of several side by side.

    Attributes:
        ttft_seconds: time to first token: prefill of the prompt and the first token's choice.
        decode_seconds: time of all later tokens, of the sequence that took longest.
        tokens: ids of the new tokens of the first sequence.
        text: the same as text.
        beside: the other sequences of a batch.
        verify_passes: passes of the verifier in decode; None where nothing was speculated.
        accepted: guesses that were accepted in those passes.
        proposed_by_position: how many of those passes made a first guess, a second, ...
        accepted_by_position: how many accepted it; that takes all guesses before it, too.
    """

    ttft_seconds: float
    decode_seconds: float
    tokens: list[int]
    text: str
    verify_passes: int | None = None
    accepted: int | None = None
    proposed_by_position: list[int] | None = None
    accepted_by_position: list[int] | None = None
    beside: list[Continuation] = field(default_factory=list)

    @property
    def proposed(self) -> int | None:
        """Guesses that were made; None where it is not known."""
        return None if self.proposed_by_position is None else sum(self.proposed_by_position)

    @property
    def seconds(self) -> float:
        return self.ttft_seconds + self.decode_seconds

    @property
    def tokens_per_second(self) -> float | None:
        """Decode speed of a sequence: tokens after the first, over the time that they took.

        The mean over the sequences of a batch, which may not all be of one length.
        """
        total = self.total_tokens_per_second
        return None if total is None else total / (1 + len(self.beside))

    @property
    def total_tokens_per_second(self) -> float | None:
        """Decode speed of all sequences together."""
        later = sum(self.lengths) - len(self.lengths)
        return later / self.decode_seconds if later > 0 and self.decode_seconds > 0 else None

    @property
    def lengths(self) -> list[int]:
        """How many new tokens each sequence has."""
        return [len(self.tokens), *(len(other.tokens) for other in self.beside)]

    @property
    def tpot_seconds(self) -> float | None:
        """Time per output token after the first."""
        speed = self.tokens_per_second
        return 1 / speed if speed else None


@dataclass(frozen=True)
class Definition:
    """What a source's tokens/s count. Numbers that count differently are not to be compared.

    Attributes:
        tokens: new tokens alone, those of the prompt alone, or both.
        seconds: which time they are divided by; wall clock is that of a whole benchmark, with
            requests side by side.
        per: one sequence; all sequences of a batch; one rank's share; all that a server answers.
    """

    tokens: Literal["new", "prompt", "prompt and new"]
    seconds: Literal["decode", "prefill", "prefill and decode", "wall clock"]
    per: Literal["sequence", "batch", "rank", "server"]

    def __str__(self) -> str:
        return f"{self.tokens} tokens over {self.seconds}, per {self.per}"


DECODE_OF_ONE = Definition("new", "decode", "sequence")


@dataclass(frozen=True)
class Reference:
    """A measurement beside the main one, made in the same process, that puts it in proportion."""

    label: str
    tokens_per_second: float
    tokens_per_second_std: float | None
    samples: list[float]


@dataclass(frozen=True)
class Quality:
    """How near a quantised model is to the one it was made from, on the same text.

    Attributes:
        tokens: how many were predicted.
        perplexity: e to the mean loss of a token, in nats.
        reference_perplexity: the unquantised model's.
        loss_increase: by how much the mean loss is larger, nats per token.
        loss_increase_error: its standard error over blocks of text; None for a single block.
        agreement: share of positions at which both find the same token likeliest.
        divergence: mean Kullback-Leibler divergence from the unquantised model, nats per token.
    """

    tokens: int
    perplexity: float
    reference_perplexity: float
    loss_increase: float
    loss_increase_error: float | None
    agreement: float
    divergence: float


@dataclass(frozen=True)
class Versions:
    """The software of a run; None for what is not there."""

    workshop: str
    python: str
    torch: str | None = None
    cuda: str | None = None
    rocm: str | None = None
    git_commit: str | None = None
    triton: str | None = None


@dataclass(frozen=True)
class SlurmJob:
    """Which Slurm job a run was."""

    job_id: str
    job_name: str | None = None
    partition: str | None = None
    nodes: str | None = None


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


@dataclass(frozen=True)
class Versioned:
    """The one field of a record that every version of it has."""

    schema: int = SCHEMA


def spread(values: Sequence[float]) -> float | None:
    """Sample standard deviation; None for fewer than two values."""
    return statistics.stdev(values) if len(values) > 1 else None


def with_samples(result: Result, samples: Sequence[Sample]) -> Result:
    """The record with these samples and the numbers that follow from them alone."""
    speeds = [s.tokens_per_second for s in samples if s.tokens_per_second is not None]
    totals = [s.total_tokens_per_second for s in samples if s.total_tokens_per_second is not None]
    tpots = [s.tpot_seconds for s in samples if s.tpot_seconds is not None]
    passes = sum(s.verify_passes or 0 for s in samples)
    accepted = sum(s.accepted or 0 for s in samples)
    proposed = sum(guesses_made(s, result) for s in samples)
    return replace(
        result,
        samples=list(samples),
        tokens_per_second=statistics.fmean(speeds) if speeds else None,
        tokens_per_second_std=spread(speeds),
        total_tokens_per_second=statistics.fmean(totals) if totals else None,
        ttft_seconds=statistics.fmean(s.ttft_seconds for s in samples) if samples else None,
        tpot_seconds=statistics.fmean(tpots) if tpots else None,
        mean_accepted=accepted / passes if passes else None,
        acceptance_rate=accepted / proposed if proposed else None,
        acceptance_by_position=acceptance_by_position(samples),
        new_tokens=max((max(s.lengths) for s in samples), default=None),
    )


def guesses_made(sample: Sample, result: Result) -> int:
    """How many tokens were guessed; records once did not tell, and k was the settings' always."""
    if sample.proposed is not None:
        return sample.proposed
    return (sample.verify_passes or 0) * (result.settings.draft_tokens if result.settings else 0)


def acceptance_by_position(samples: Sequence[Sample]) -> list[float] | None:
    """The share of first, second, ... guesses that were accepted; None where it is not known."""
    proposed = added_up([s.proposed_by_position or [] for s in samples])
    accepted = added_up([s.accepted_by_position or [] for s in samples])
    accepted += [0] * (len(proposed) - len(accepted))
    return [a / p for a, p in zip(accepted, proposed, strict=False) if p] or None


def added_up(counts: Sequence[Sequence[int]]) -> list[int]:
    """Sums by position of lists that may differ in length."""
    return [sum(column) for column in zip_longest(*counts, fillvalue=0)]


def to_json(record: object) -> str:
    """A record as one line of JSON; nan and inf, which JSON lacks, become null."""
    return msgspec.json.encode(record).decode()


def decode(text: str | bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise RecordError(str(error)) from None
    except RecursionError:
        raise RecordError("it is nested too deeply") from None


def sample_from_json(text: str | bytes) -> Sample:
    """Read a sample; raises RecordError."""
    return decode(text, Sample)


def settings_from_json(text: str | bytes) -> Settings:
    """Read settings; raises RecordError."""
    return decode(text, Settings)


def from_json(text: str | bytes) -> Result:
    """Read a record.

    Raises:
        RecordError: not JSON, a field of the wrong type, or a newer schema than this one.
    """
    schema = decode(text, Versioned).schema  # first: a later schema may change any other field
    if schema > SCHEMA:
        raise RecordError(
            f"the record has schema {schema}, and this workshop reads up to {SCHEMA}: update it"
        )
    return decode(text, Result)
