"""What the tensors of a Hugging Face checkpoint are called, with and without what is around them.

``model.`` stands before all names but the head's. The state dict of the inner model lacks it;
torch's wrappers (DataParallel, compile) and trainers put words of their own before it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from pathlib import Path

from workshop.llm.weights.safetensors_file import CheckpointError

INNER = "model."
AROUND = ("module.", "_orig_mod.", "_fsdp_wrapped_module.", "_forward_module.")
DEEPEST = 4


def canonical(name: str, wanted: Container[str]) -> str:
    """The name of ``wanted`` that a stored tensor goes by; its own where it goes by none."""
    bare = name
    for _ in range(DEEPEST):
        for candidate in (bare, INNER + bare):
            if candidate in wanted:
                return candidate
        around = next((word for word in AROUND if bare.startswith(word)), None)
        if around is None:
            break
        bare = bare[len(around) :]
    return name


def check_new(path: Path, name: str, stored: str, found: Iterable[str]) -> None:
    """Raises CheckpointError where a second tensor goes by a name."""
    if name in found and name != stored:
        raise CheckpointError(f"{path}: the tensors {name} and {stored} are the same one, twice")
