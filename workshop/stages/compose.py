"""What goes together, and what does not: one list of rules.

``plan.plan`` asks it before anything is loaded; docs/composes.md is the table that follows from
it. A rule that is not here is not made anywhere else, but for what only a model's files can tell
(heads that do not split, a draft with other tokens, no chat template).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from workshop.stages import settings_of
from workshop.stages.settings import Settings
from workshop.util.errors import UsageError


@dataclass(frozen=True)
class Rule:
    """Settings that cannot be run, and what to do instead.

    Attributes:
        refuses: (settings, kind of device or None where it is not known yet) -> whether they are
            such settings.
        sentence: for the user; ``{name}`` stands for the setting of that name.
    """

    refuses: Callable[[Settings, str | None], bool]
    sentence: str


RULES = (
    Rule(
        lambda s, device: s.speculate != "none" and sequences(s) > 1,
        "speculation handles one sequence at a time, because each sequence would accept a "
        "different number of tokens: use --batch-size 1, or --speculate none",
    ),
    Rule(
        lambda s, device: s.speculate != "none" and s.decode_steps > 1,
        "--decode-steps puts several plain decode steps into one graph, and speculation has no "
        "plain steps: leave out one of the two",
    ),
    Rule(
        lambda s, device: s.speculate == "none" and s.adaptive,
        "--adaptive adapts how many tokens are proposed, and nothing proposes any: add "
        "--speculate draft",
    ),
    Rule(
        lambda s, device: s.speculate != "draft" and s.draft is not None,
        "--draft names a model that nothing uses: add --speculate draft",
    ),
    Rule(
        lambda s, device: s.speculate == "self" and s.quantize == "int4",
        "a self-draft is the model in fewer bits, and int4 is the smallest precision there is: "
        "use --quantize int8, or --speculate draft",
    ),
    Rule(
        lambda s, device: int4_draft(s) and no_int4_kernel(s, device),
        "an int8 model drafts for itself in int4, and torch has no int4 kernel for {dtype} on "
        "device {device}: use --quantize none, or --speculate prompt-lookup",
    ),
    Rule(
        lambda s, device: s.compile_mode != "auto" and not s.compile,
        "--compile-mode says how to compile, and nothing is compiled: add --compile",
    ),
    Rule(
        lambda s, device: s.temperature == 0 and (s.top_k is not None or s.top_p < 1),
        "--top-k and --top-p say what is drawn from, and at temperature 0 nothing is drawn: "
        "add --temperature 1",
    ),
    Rule(
        lambda s, device: s.kernels == "triton" and device not in (None, "cuda"),
        "the Triton kernels need a GPU, and this run has device {device}: use --kernels torch",
    ),
    Rule(
        lambda s, device: s.kernels == "cpp" and device == "cuda",
        "the C++ kernels run only on a CPU, and this run has device {device}: use --kernels triton "
        "or --kernels torch",
    ),
    Rule(
        lambda s, device: s.kernels == "cpp" and device not in (None, "cpu", "cuda"),
        "the C++ kernels run only on a CPU, and this run has device {device}: use --kernels torch",
    ),
    Rule(
        lambda s, device: s.activations == "int8" and device not in (None, "cpu"),
        "integer matmuls run only on a CPU, and this run has device {device}: leave out "
        "--activations int8",
    ),
    Rule(
        lambda s, device: s.activations == "int8" and s.kernels == "triton",
        "the Triton kernels multiply by activations in {dtype}: leave out --activations int8, or "
        "use --kernels cpp",
    ),
    Rule(
        lambda s, device: s.activations == "int8" and s.quantize == "none",
        "--activations int8 multiplies integers by integers, and the weights are in {dtype}: add "
        "--quantize int8",
    ),
    Rule(
        lambda s, device: in_cpp(s) and s.dtype == "float16",
        "the C++ kernels compute in bfloat16 or float32, not {dtype}: use --dtype bfloat16, or "
        "leave out --kernels cpp and --activations int8",
    ),
    Rule(
        lambda s, device: s.kernels == "cpp" and s.quantize == "int4" and s.activations == "dtype",
        "the C++ kernels multiply int4 by int8: add --activations int8, or use --kernels torch",
    ),
    Rule(
        lambda s, device: int4_by_torch(s) and device not in (None, "cpu", "cuda"),
        "torch has no int4 kernel for device {device}: use --quantize int8",
    ),
    Rule(
        lambda s, device: int4_by_torch(s) and device == "cuda" and s.dtype != "bfloat16",
        "torch's int4 kernel for a GPU multiplies in bfloat16, not {dtype}: use --quantize int8",
    ),
    Rule(
        lambda s, device: s.attention == "efficient" and device not in (None, "cuda"),
        "the efficient attention kernel is for GPUs that torch calls cuda, and this run has device "
        "{device}: use --attention sdpa",
    ),
    Rule(
        lambda s, device: s.attention in ("flash", "flex") and device == "mps",
        "torch has no {attention} attention for device {device}: use --attention sdpa",
    ),
    Rule(
        # Inductor's template for CPUs (torch 2.13) finds no mask that the same graph computes.
        lambda s, device: s.attention == "flex" and s.compile and device == "cpu",
        "torch can compile flex attention into a step only on GPUs, and this run has device "
        "{device}: use --attention sdpa, or --no-compile for the uncompiled form",
    ),
    Rule(
        lambda s, device: flash_on_gpu(s, device) and s.dtype == "float32",
        "the flash attention kernel of a GPU computes in bfloat16 or float16, not {dtype}: "
        "use --attention sdpa",
    ),
    Rule(
        lambda s, device: flash_on_gpu(s, device) and (s.static_cache or len(s.prompts) > 0),
        "on a GPU, torch's flash attention accepts no mask, and the empty slots of a static cache "
        "and the padding of shorter prompts need one: use --attention sdpa, which selects another "
        "kernel there",
    ),
    Rule(
        lambda s, device: s.ranks > 1 and device == "mps",
        "ranks cannot exchange anything between Apple's GPUs: use --ranks 1 or --device cpu",
    ),
)


def flash_on_gpu(settings: Settings, device: str | None) -> bool:
    return settings.attention == "flash" and device == "cuda"


def int4_by_torch(settings: Settings) -> bool:
    return (
        settings.quantize == "int4"
        and settings.kernels == "torch"
        and settings.activations == "dtype"
    )


def in_cpp(settings: Settings) -> bool:
    return settings.kernels == "cpp" or settings.activations == "int8"


def int4_draft(settings: Settings) -> bool:
    return settings.speculate == "self" and settings.quantize == "int8"


def no_int4_kernel(settings: Settings, device: str | None) -> bool:
    if settings.kernels != "torch" or device in (None, "cpu"):
        return False
    return device != "cuda" or settings.dtype != "bfloat16"


def sequences(settings: Settings) -> int:
    """How many are generated side by side."""
    return max(settings.batch_size, 1 + len(settings.prompts))


def refusals(settings: Settings, device: str | None = None) -> list[str]:
    """Why settings cannot be run: a sentence for each rule that they break.

    ``device`` is ``cpu``, ``cuda`` or ``mps``; None, as on a login node, breaks no rule about it.
    """
    values = vars(settings) | {"device": device or settings.device}
    return [rule.sentence.format_map(values) for rule in RULES if rule.refuses(settings, device)]


def check(settings: Settings, device: str | None = None) -> None:
    """Raises UsageError where settings cannot be run."""
    for sentence in refusals(settings, device)[:1]:
        raise UsageError(sentence)


# What a column of the table is, and the settings that bring it.
COLUMNS: dict[str, dict[str, Any]] = {
    "compile": {"compile": True},
    "decode steps": {"decode_steps": 4},
    "fuse": {"fuse": True},
    "int8": {"quantize": "int8"},
    "int4": {"quantize": "int4"},
    "int8 activations": {"activations": "int8"},
    "draft": {"speculate": "draft"},
    "self-draft": {"speculate": "self"},
    "lookup": {"speculate": "prompt-lookup"},
    "adaptive": {"adaptive": True},
    "ranks": {"ranks": 2},
    "batch": {"batch_size": 2},
    "sampling": {"temperature": 0.8, "top_k": 50, "top_p": 0.9},
    "math": {"attention": "math"},
    "flash": {"attention": "flash"},
    "efficient": {"attention": "efficient"},
    "flex": {"attention": "flex"},
    "cpp": {"kernels": "cpp"},
    "triton": {"kernels": "triton"},
}

DEVICES = ("cpu", "cuda", "mps")

# What a technique is nothing without; another technique may bring another value of it.
NEEDS: dict[str, dict[str, Any]] = {
    "adaptive": {"speculate": "draft"},
    "int8 activations": {"quantize": "int8"},
}


def together(one: str, other: str) -> Settings | None:
    """A run with both techniques; None where they are two values of one setting."""
    first, second = COLUMNS[one], COLUMNS[other]
    if any(first[name] != second[name] for name in first.keys() & second.keys()):
        return None
    needed = NEEDS.get(one, {}) | NEEDS.get(other, {})
    return replace(settings_of("baseline"), **(needed | first | second))


def alone(name: str) -> Settings:
    """A run with one technique."""
    return replace(settings_of("baseline"), **(NEEDS.get(name, {}) | COLUMNS[name]))


def pairs(device: str | None = None) -> list[tuple[str, str, Settings]]:
    """Every two techniques that can be run together there, with the settings of such a run."""
    both = [(one, other, together(one, other)) for one, other in combinations(COLUMNS, 2)]
    return [(a, b, s) for a, b, s in both if s is not None and not refusals(s, device)]


def table() -> str:
    """Which technique goes with which, in Markdown, as docs/composes.md has it."""
    names = list(COLUMNS)
    notes: list[str] = []

    def cell(one: str, other: str) -> str:
        settings = together(one, other) if one != other else None
        if settings is None:
            return ""
        found = refusals(settings)
        notes.extend(sentence for sentence in found if sentence not in notes)
        return ", ".join(f"no {notes.index(sentence) + 1}" for sentence in found) or "yes"

    rows = [["", *names], ["---"] * (len(names) + 1)]
    rows += [[one, *(cell(one, other) for other in names)] for one in names]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([*lines, "", *(f"{i}. {note}." for i, note in enumerate(notes, start=1))])


def device_notes() -> str:
    """What the table leaves out: what does not run on one device or the other, in Markdown."""
    lines = []
    for device in DEVICES:
        found: dict[str, list[str]] = {}
        for name in COLUMNS:
            for sentence in refusals(alone(name), device):
                found.setdefault(sentence, []).append(name)
        single = {name for names in found.values() for name in names}
        for one, other, settings in pairs():
            for sentence in refusals(settings, device):
                if not single & {one, other}:
                    found.setdefault(sentence, []).append(f"{one} with {other}")
        lines += [f"- {device}, {', '.join(names)}: {why}." for why, names in found.items()]
    return "\n".join(lines)
