"""What is wanted of a GPU, and whether it was met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workshop.runner import machine


@dataclass(frozen=True)
class Target:
    """A figure that is wanted, and what was measured; None where it was not."""

    name: str
    least: float
    value: float | None

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "not measured"
        return "met" if self.value >= self.least else "not met"


def ratio(a: float | None, b: float | None) -> float | None:
    return a / b if a and b else None


def targets(
    speed: dict[str, float], bytes_per_pass: int, copy_gb: float, ttft: dict[str, Any]
) -> list[Target]:
    def best(*names: str) -> float | None:
        return max((speed[name] for name in names if name in speed), default=None)

    bf16 = best("compile", "compile + fuse", "compile + fuse + triton")
    int8 = best("int8 + fuse", "int8 + fuse + triton")
    int4 = best("int4 + fuse", "int4 + fuse + triton")
    read = bf16 * bytes_per_pass / machine.GB if bf16 else None
    found = [
        Target("compile against gpt-fast's", 1.05, ratio(bf16, speed.get("gpt-fast compile"))),
        Target("compile, share of copy bandwidth", 0.80, ratio(read, copy_gb)),
        Target("int8 against bf16", 1.7, ratio(int8, bf16)),
        Target("int4 against bf16", 2.6, ratio(int4, bf16)),
        Target("best against baseline", 10.0, ratio(best(*OURS), speed.get("baseline"))),
    ]
    for length, medians in ttft.items():
        if isinstance(medians, dict):
            ours = [
                medians[name]["median"] for name in ("ours", "ours compiled") if name in medians
            ]
            theirs = medians.get("transformers", {}).get("median")
            faster = ratio(theirs, min(ours, default=None))
            found.append(Target(f"TTFT of {length} tokens, transformers' over ours", 1.0, faster))
    return found


OURS = (
    "compile",
    "compile + fuse",
    "compile + fuse + triton",
    "int8 + fuse",
    "int8 + fuse + triton",
    "int4 + fuse",
    "int4 + fuse + triton",
)  # speculation is no target on text that means nothing
