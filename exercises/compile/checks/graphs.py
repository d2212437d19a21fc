"""Judging what the compiler made of a step: one graph for all of them, or why not."""

import re
from typing import Any

from workshop.learn.checking import Wrong

BREAKS = {  # in torch's words, without those in which it gives advice
    "builtin operator `print`": "print leaves the graph for Python: take it out of decode",
    "Data-dependent branching": "an `if` on what is in a tensor cannot be in a graph: use the mask",
    "data-dependent": ".item() or int(position), or bool() of a tensor: a shape or an `if` that "
    "depends on a value. Attend to all places, and let the mask hide the rest",
    "Skip calling `torch.compiler.disable()`": "something in decode is kept from the compiler",
    "logging.Logger": "logging leaves the graph for Python: take it out of decode",
    "builtin `time.": "the clock is outside of the graph: measure around decode",
    "builtin operator `open`": "files are outside of the graph: write none in decode",
}


def why_broken(text: str) -> str | None:
    """What in decode cannot be in a graph, by what torch says of it."""
    lines = (line for line in text.splitlines() if not line.strip().startswith("Hint:"))
    known = "\n".join(lines)
    return next((hint for words, hint in BREAKS.items() if words in known), None)


def judge_compiled(found: dict[str, Any], steps: int) -> None:
    """Raises Wrong unless there is a graph, and every step is one run of it."""
    off = (
        "the compiler is switched off here: by TORCHDYNAMO_DISABLE, TORCH_COMPILE_DISABLE, "
        "torch._dynamo.config or torch.compiler, in the file or around it. Leave it on"
    )
    if not found["counts"][-1]:
        raise Wrong("decode was compiled, and no graph was made", "one graph", "none", off)
    if found["apart"]:
        raise Wrong(
            "not every step is one run of a graph", f"{steps} runs for {steps} steps",
            f"{found['apart']} steps without", "something in decode is kept from the compiler",
        )  # fmt: skip


NUMBERS = "something in Python changes at each step, and every value of it is another graph"
SHAPES = "token and position have the same shape, dtype and strides at every step"


def hint_anew(because: str) -> str | None:
    """What changes, by what no longer held: torch tells of tensors that something mismatches."""
    if not because or "mismatch" not in because:
        return NUMBERS if because else None
    return SHAPES if re.search(r"(size|stride|rank|dtype) mismatch", because) else None


def why_anew(found: dict[str, Any]) -> str:
    return str((found["why"] or [""])[0]).partition("#")[0].partition(":")[2].strip()
