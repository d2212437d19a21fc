"""The settings of a run: each declared once, with its help, its choices and its name in a report.

The options of the command line (``cli/options.py``), the label of a run that differs from its
stage, and the facts of a report are made of these declarations.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from workshop.util.errors import UsageError

DType = Literal["bfloat16", "float16", "float32"]
CompileMode = Literal["auto", "default", "reduce-overhead", "max-autotune"]
Quantize = Literal["none", "int8", "int4"]
Speculate = Literal["none", "draft", "self", "prompt-lookup"]
Attention = Literal["sdpa", "math", "flash", "efficient", "flex"]
Kernels = Literal["torch", "cpp", "triton"]
Activations = Literal["dtype", "int8"]

PLAIN_BITS = {"bfloat16": 16, "float16": 16, "float32": 32}  # by the setting ``dtype``
WEIGHT_BITS = {"int8": 8, "int4": 4}  # of a quantised weight, by the setting ``quantize``
LEAST_SEED, MOST_SEED = -(2**63), 2**63 - 1  # of every seed: 64 bits, signed


@dataclass(frozen=True)
class Declared:
    """What is said of a setting.

    Attributes:
        help: of its option; None where the command line has none of that name.
        label: its name in a report; None where a report shows it elsewhere or not at all.
        technique: whether it is a way to compute, of which a stage may have one value and a run
            another; the rest is the question that is asked, and how often.
        choices: the values there are, where the type does not tell.
        least, most: bounds of a number; ``least_open`` excludes the lower one.
    """

    help: str | None = None
    label: str | None = None
    technique: bool = False
    choices: tuple[Any, ...] = ()
    least: float | None = None
    most: float | None = None
    least_open: bool = False


def technique(help: str | None = None, label: str | None = None, **more: Any) -> dict[str, Any]:
    """Metadata of a field that is a way to compute."""
    return {"declared": Declared(help, label, technique=True, **more)}


def question(help: str | None = None, label: str | None = None, **more: Any) -> dict[str, Any]:
    """Metadata of a field that is what a run is asked."""
    return {"declared": Declared(help, label, **more)}


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
    model: str = field(
        default="tiny",
        metadata=question(
            "tiny, tiny:1 (small) to tiny:16 (wide), random:<shape> (random:110m), or a checkpoint "
            "directory."
        ),
    )
    dtype: DType = field(
        default="bfloat16",
        metadata=technique("Precision of weights and activations that are not quantised."),
    )
    compile: bool = field(
        default=False, metadata=technique("Use torch.compile and a static KV cache.", "Compiled")
    )
    compile_mode: CompileMode = field(
        default="auto",
        metadata=technique("Mode of torch.compile; auto: CUDA graphs on a GPU."),
    )
    decode_steps: int = field(
        default=1, metadata=technique("Decode steps per graph.", least=1, most=64)
    )
    fuse: bool = field(
        default=False, metadata=technique("Fuse the q, k, v matmuls into one, and gate and up too.")
    )
    kernels: Kernels = field(
        default="torch",
        metadata=technique(
            "GEMV implementation: torch's, ours in C++ for a CPU, ours in Triton for a GPU."
        ),
    )
    attention: Attention = field(
        default="sdpa", metadata=technique("Attention implementation; sdpa: torch chooses.")
    )
    quantize: Quantize = field(
        default="none", metadata=technique("Precision of the linear layers' weights.", "Quantised")
    )
    group_size: int = field(
        default=32, metadata=technique("Weights per scale in int4.", choices=(32, 64, 128))
    )
    activations: Activations = field(
        default="dtype",
        metadata=technique("int8: quantise activations too, for integer matmuls (CPU only)."),
    )
    speculate: Speculate = field(
        default="none",
        metadata=technique(
            "Who proposes k tokens: draft, self (a copy in fewer bits), prompt-lookup or none.",
            "Speculation",
        ),
    )
    draft: str | None = field(
        default=None, metadata=question("Draft model; takes the same values as --model.")
    )
    draft_tokens: int = field(
        default=3,
        metadata=technique("Tokens proposed per pass.", "Proposed a pass", least=1, most=16),
    )
    adaptive: bool = field(
        default=False,
        metadata=technique("Adapt k to the acceptance rate.", "k follows the acceptance"),
    )
    ranks: int = field(default=1, metadata=technique("Tensor-parallel ranks.", least=1))
    batch_size: int = field(
        default=1, metadata=technique("Sequences generated side by side.", least=1)
    )
    prompt: str = field(default="Hello, my name is", metadata=question(None, "Prompt"))
    prompts: tuple[str, ...] = field(default=(), metadata=question())
    chat: bool = field(default=False, metadata=question("Apply the model's chat template."))
    samples: int = field(
        default=5,
        metadata=question("Measured repetitions, after a warm-up.", "Samples asked for", least=1),
    )
    new_tokens: int = field(
        default=200, metadata=question("Tokens to generate per sample.", "Most new tokens", least=1)
    )
    temperature: float = field(
        default=0.0, metadata=question("Sampling temperature; 0: greedy.", "Temperature", least=0)
    )
    top_k: int | None = field(
        default=None, metadata=question("Sample from the k likeliest tokens.", "Top-k", least=1)
    )
    top_p: float = field(
        default=1.0,
        metadata=question(
            "Sample from the likeliest tokens whose probabilities add up to this.",
            "Top-p",
            least=0,
            most=1,
            least_open=True,
        ),
    )
    seed: int = field(
        default=0,
        metadata=question("Seed of the sampling.", "Seed", least=LEAST_SEED, most=MOST_SEED),
    )
    ignore_eos: bool = field(
        default=False,
        metadata=question("Do not stop at the end of the text.", "Goes on after the end of text"),
    )
    device: str = field(
        default="auto",
        metadata=question(
            "Device; cuda stands for AMD GPUs too.", choices=("auto", "cpu", "cuda", "mps")
        ),
    )
    exercise: str | None = None

    @property
    def title(self) -> str:
        """What a run's log and job are called by."""
        return f"exercise-{self.exercise.partition('=')[0]}" if self.exercise else self.stage

    @property
    def plain_bits(self) -> int:
        """Bits of a number that is not quantised."""
        return PLAIN_BITS.get(self.dtype, 16)

    @property
    def weight_bits(self) -> int:
        """Bits of a weight of the linear layers, without its share of a scale."""
        return WEIGHT_BITS.get(self.quantize, self.plain_bits)

    @property
    def static_cache(self) -> bool:
        """A compiled step needs fixed shapes, and a rejected draft needs to go back."""
        return self.compile or self.speculate != "none"


@functools.cache
def declared() -> dict[str, tuple[Declared, Any, Any]]:
    """Of each setting that is declared: what is said of it, its type, and its default."""
    types = typing.get_type_hints(Settings)
    return {
        one.name: (one.metadata["declared"], types[one.name], one.default)
        for one in dataclasses.fields(Settings)
        if "declared" in one.metadata
    }


TECHNIQUES = tuple(name for name, (said, _, _) in declared().items() if said.technique)
LABELS = {name: said.label for name, (said, _, _) in declared().items() if said.label}


def changed(settings: Settings, given: dict[str, Any]) -> Settings:
    """The settings with those that were given in place of their own, by name.

    Raises:
        UsageError: a name that no setting has, or a value that it cannot have.
    """
    import msgspec

    known = declared()
    values = {}
    for name, value in given.items():
        if name not in known:
            raise UsageError(f"there is no setting {name!r}; the settings are {', '.join(known)}")
        said, kind, _ = known[name]
        choices = said.choices or (typing.get_args(kind) if kind_is_literal(kind) else ())
        if choices and value not in choices:
            listed = ", ".join(map(str, choices))
            raise UsageError(f"{name} is one of {listed}, not {value!r}")
        plain = str(value) if isinstance(value, Path) else value
        try:
            values[name] = msgspec.convert(plain, kind)
        except msgspec.ValidationError as error:
            raise UsageError(f"{name} cannot be {value!r}: {error}") from None
        if value is not None and not within(said, plain):
            raise UsageError(f"{name} cannot be {value!r}: {bounds(said)}")
    return dataclasses.replace(settings, **values)


def kind_is_literal(kind: Any) -> bool:
    """Whether a setting's type lists its values."""
    return typing.get_origin(kind) is Literal


def within(said: Declared, value: Any) -> bool:
    """Whether a number is finite and in the bounds of a setting; without any, all values are."""
    if said.least is None:
        return True
    above = value > said.least or (value == said.least and not said.least_open)
    return above and value <= (math.inf if said.most is None else said.most) and value < math.inf


def bounds(said: Declared) -> str:
    """'it is at least 1', 'it is above 0 and at most 1'."""
    lower = f"{'above' if said.least_open else 'at least'} {said.least}"
    return f"it is {lower}" + (f" and at most {said.most}" if said.most is not None else "")


def in_words(name: str, value: Any) -> str:
    """'fuse', 'no compile', 'quantize int4'."""
    words = name.replace("_", " ")
    if isinstance(value, bool):
        return words if value else f"no {words}"
    return f"{words} {value}"
