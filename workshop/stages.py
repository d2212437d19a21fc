"""The stages of the lesson: each changes one thing against a named earlier stage."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

DType = Literal["bfloat16", "float16", "float32"]
CompileMode = Literal["auto", "default", "reduce-overhead", "max-autotune"]
Quantize = Literal["none", "int8", "int4"]
Speculate = Literal["none", "draft", "self", "prompt-lookup"]
Attention = Literal["sdpa", "math", "flash", "efficient", "flex"]
Kernels = Literal["torch", "cpp", "triton"]
Activations = Literal["dtype", "int8"]


class UsageError(ValueError):
    """Something asked for that cannot be: one sentence for the user, exit code 2."""


@dataclass(frozen=True)
class Settings:
    """Everything that decides what a run computes.

    Attributes:
        stage: the stage's name; which techniques it brings is in the fields below.
        model: ``tiny``, ``tiny:1`` and so on, ``random:<shape>`` or a checkpoint directory.
        dtype: precision of weights and activations where they are not quantised.
        compile: static KV cache and ``torch.compile`` instead of eager with a growing one.
        compile_mode: of ``torch.compile``; ``auto`` is reduce-overhead (CUDA graphs) on a GPU and
            default elsewhere.
        decode_steps: decode steps in one graph, so that Python is entered once for all of them.
        fuse: q, k and v in one product, gate and up in another.
        kernels: GEMV implementation: torch's and its compiler's; ours in C++ for a CPU; ours in
            Triton for a GPU. A compiled step of 2 to 8 tokens on a CPU takes the C++ one anyway.
        attention: which implementation; ``sdpa`` leaves the choice to torch.
        quantize: precision of the linear layers' weights.
        group_size: weights that share a scale in int4.
        activations: what quantised weights are multiplied by: numbers in ``dtype``, or int8, which
            makes the products integer ones.
        speculate: who proposes tokens for the model to verify; ``self`` is its own copy
            in fewer bits: int8, or int4 of an int8 model.
        draft: draft model; None takes the one that belongs to ``tiny``.
        draft_tokens: how many tokens a draft proposes at a time (k).
        adaptive: let k follow how many were accepted, up to ``draft_tokens``.
        ranks: processes that share the model (tensor parallel).
        batch_size: sequences that are generated side by side.
        prompts: further prompts, of any length: sequence i takes the i-th of all, in turn.
        chat: wrap each prompt as the model's chat template says.
        samples: counted repetitions; the warm-up comes on top.
        new_tokens: most tokens to generate in each sample.
        temperature: 0 takes the likeliest token; above, tokens are drawn.
        top_k: draw from the k likeliest tokens only; None from all.
        top_p: draw from the fewest likeliest tokens that have this probability together.
        seed: of the drawing; sample i draws with ``seed + i``.
        ignore_eos: go on to ``new_tokens`` whatever the model says, for timing.
        device: ``auto``, ``cpu``, ``cuda`` (also AMD's) or ``mps``.
        exercise: NAME=FILE: run with a participant's functions in place of ours (plugged.py).
    """

    stage: str
    model: str = "tiny"
    dtype: DType = "bfloat16"
    compile: bool = False
    compile_mode: CompileMode = "auto"
    decode_steps: int = 1
    fuse: bool = False
    kernels: Kernels = "torch"
    attention: Attention = "sdpa"
    quantize: Quantize = "none"
    group_size: int = 32
    activations: Activations = "dtype"
    speculate: Speculate = "none"
    draft: str | None = None
    draft_tokens: int = 3
    adaptive: bool = False
    ranks: int = 1
    batch_size: int = 1
    prompt: str = "Hello, my name is"
    prompts: tuple[str, ...] = ()
    chat: bool = False
    samples: int = 5
    new_tokens: int = 200
    temperature: float = 0.0
    top_k: int | None = None
    top_p: float = 1.0
    seed: int = 0
    ignore_eos: bool = False
    device: str = "auto"
    exercise: str | None = None

    @property
    def title(self) -> str:
        """What a run's log and job are called by."""
        return f"exercise-{self.exercise.partition('=')[0]}" if self.exercise else self.stage

    @property
    def static_cache(self) -> bool:
        """A compiled step needs fixed shapes, and a rejected draft needs to go back."""
        return self.compile or self.speculate != "none"


@dataclass(frozen=True)
class Stage:
    """One step of the lesson.

    Attributes:
        against: the earlier stage that this one is measured against; None for the first.
        changes: the settings that differ from that stage's: one, and only one.
        summary: the change, in a participant's words.
    """

    name: str
    against: str | None
    summary: str
    changes: dict[str, Any] = field(default_factory=dict)


BASELINE = "baseline"

STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(
            BASELINE,
            None,
            "plain PyTorch, eager, bf16 weights, a KV cache that grows by one token a step",
        ),
        Stage(
            "compile",
            "baseline",
            "torch.compile of prefill and decode, with the static KV cache that it needs",
            {"compile": True},
        ),
        Stage(
            "quantize",
            "compile",
            "weights of the linear layers in int8, one scale per output channel",
            {"quantize": "int8"},
        ),
        Stage(
            "speculative",
            "quantize",
            "a small draft model proposes 3 tokens, the model verifies them in one pass",
            {"speculate": "draft"},
        ),
        Stage(
            "tp",
            "quantize",
            "tensor parallel: each layer's weights split over 2 ranks, two all-reduces a layer",
            {"ranks": 2},
        ),
    )
}


def find_stage(name: str) -> Stage:
    """The stage of that name.

    Raises:
        UsageError: there is none; the message lists what there is.
    """
    try:
        return STAGES[name]
    except KeyError:
        listed = ", ".join(STAGES)
        raise UsageError(f"there is no stage {name!r}; the stages are {listed}") from None


def stage_order(name: str | None) -> int:
    """Place in the progression; what is not a stage comes last."""
    return list(STAGES).index(name) if name in STAGES else len(STAGES)


def settings_of(name: str) -> Settings:
    """The settings of a stage: those of the stage it builds on, and its one change."""
    stage = find_stage(name)
    if stage.against is None:
        return Settings(stage=name)
    return dataclasses.replace(settings_of(stage.against), stage=name, **stage.changes)


TECHNIQUES = (
    "dtype",
    "compile",
    "compile_mode",
    "decode_steps",
    "fuse",
    "kernels",
    "attention",
    "quantize",
    "group_size",
    "activations",
    "speculate",
    "draft_tokens",
    "adaptive",
    "ranks",
    "batch_size",
)


def variant(settings: Settings) -> str:
    """How the techniques differ from the stage's own, for a label: '' or 'quantize none'.

    Of a stage that is not known here (a record from a later version), nothing can be said.
    """
    if settings.stage not in STAGES:
        return ""
    plain = settings_of(settings.stage)
    words = [
        in_words(name, getattr(settings, name))
        for name in TECHNIQUES
        if getattr(settings, name) != getattr(plain, name)
    ]
    if settings.exercise:
        words.append(f"exercise {settings.exercise.partition('=')[0]}")
    return ", ".join(words)


def in_words(name: str, value: Any) -> str:
    """'fuse', 'no compile', 'quantize int4'."""
    words = name.replace("_", " ")
    if isinstance(value, bool):
        return words if value else f"no {words}"
    return f"{words} {value}"
