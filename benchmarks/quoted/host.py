"""The machine that was measured on, in words and in numbers."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")


@dataclass(frozen=True)
class Host:
    """A machine without a GPU.

    Attributes:
        name: of its processor, as the system has it.
        architecture: what the compiler takes it for: 'Zen 4'; empty where it does not say.
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
        count = NUMBERS[self.cores] if self.cores < len(NUMBERS) else str(self.cores)
        article = "an" if self.name[:1] in "AEIOUaeiou" else "a"
        kind = f" ({self.architecture})" if self.architecture else ""
        return f"{count} core{'s' * (self.cores != 1)} of {article} {self.name}{kind}"


def this_host() -> Host:
    """The machine at hand."""
    import torch

    from workshop import machine

    cpu = torch.device("cpu")
    return Host(machine.device_name(cpu), architecture(), machine.cores(), machine.cache_bytes(cpu))


def architecture() -> str:
    """What g++ takes ``native`` for: 'znver4' is 'Zen 4', 'sapphirerapids' stays as it is."""
    command = ["g++", "-march=native", "-Q", "--help=target"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    found = re.search(r"^\s*-march=\s+(\S+)", told.stdout, re.MULTILINE)
    return re.sub(r"^znver(\d+)$", r"Zen \1", found[1]) if found else ""
