"""The machine that was measured on, in words and in numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from quoted.words import in_words


@dataclass(frozen=True)
class Host:
    """A machine without a GPU.

    Attributes:
        name: of its processor, as the system has it.
        architecture: 'Zen 4'; empty where it is not known.
        cores: that a run may use.
        cache_bytes: of their last-level caches; None where the system does not tell.
    """

    name: str
    architecture: str
    cores: int
    cache_bytes: int | None

    @property
    def words(self) -> str:
        """'two cores of an AMD EPYC (Zen 4)'."""
        article = "an" if self.name[:1] in "AEIOUaeiou" else "a"
        kind = f" ({self.architecture})" if self.architecture else ""
        return (
            f"{in_words(self.cores)} core{'s' * (self.cores != 1)} of {article} {self.name}{kind}"
        )


def this_host() -> Host:
    """The machine at hand."""
    import torch

    from workshop.runner import machine

    cpu = torch.device("cpu")
    return Host(machine.device_name(cpu), architecture(), machine.cores(), machine.cache_bytes(cpu))


def architecture(told: Path = Path("/proc/cpuinfo")) -> str:
    """'Zen 4', from what AMD's processors tell of their family and model; '' for all others."""
    try:
        text = told.read_text("utf-8")
    except OSError:
        return ""
    found = re.search(r"AuthenticAMD.*?family\s*: (\d+).*?model\s*: (\d+)", text, re.DOTALL)
    if not found:
        return ""
    family, model = int(found[1]), int(found[2])
    if family == 25:  # arch/x86/kernel/cpu/amd.c of Linux
        return "Zen 4" if model // 16 in (1, 6, 7, 10) else "Zen 3"
    return {23: "Zen", 26: "Zen 5"}.get(family, "")
