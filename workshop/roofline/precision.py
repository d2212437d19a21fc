"""In how many bits weights and activations are stored and multiplied."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workshop.roofline.errors import RooflineError

PRECISIONS = ("w16a16", "w8a16", "w4a16", "w8a8", "w4a8", "w4a4")
GROUP_SIZES = (32, 64, 128)
GROUP_SIZE = 128  # of published int4 checkpoints: GPTQ, AWQ
PLAIN_BITS = 16  # of what is not quantised: embedding, norms, scales


@dataclass(frozen=True)
class Precision:
    """Bits of weights and activations.

    Attributes:
        weight_bits: of the linear layers' weights, the output head's among them.
        activation_bits: of activations, and of the keys and values that are kept of them.
        group_size: 4-bit weights of a row that share a scale and a zero point.
    """

    weight_bits: int = 16
    activation_bits: int = 16
    group_size: int = GROUP_SIZE

    def __post_init__(self) -> None:
        for bits in (self.weight_bits, self.activation_bits):
            if bits not in (4, 8, 16, 32):
                raise RooflineError(f"weights and activations have 4, 8, 16 or 32 bits, not {bits}")
        if self.group_size not in GROUP_SIZES:
            sizes = ", ".join(map(str, GROUP_SIZES))
            raise RooflineError(f"a group of int4 weights is one of {sizes}, not {self.group_size}")

    def __str__(self) -> str:
        group = f" (groups of {self.group_size})" if self.weight_bits == 4 else ""
        return f"w{self.weight_bits}a{self.activation_bits}{group}"

    @property
    def plain_bits(self) -> int:
        """Of what stays as it was: embedding, norms, the residual stream."""
        return max(PLAIN_BITS, self.activation_bits)

    @property
    def compute_bits(self) -> int:
        """A product is computed in the wider of its two factors' precisions.

        Source: llm-analysis, https://github.com/cli99/llm-analysis: to use INT4 or INT8
        instructions, weights and activations must both have that precision.
        """
        return max(self.weight_bits, self.activation_bits)

    @property
    def unpacks(self) -> bool:
        """Whether weights are made wider before each product."""
        return self.weight_bits < self.compute_bits

    def weight_bytes(self, inputs: int, outputs: int) -> float:
        """Bytes of a linear layer, scales included.

        int8 has a scale for each output channel (bf16); int4 a scale and a zero for each group of
        a row (bf16 both), which makes 4 + 32 / group bits a weight: 5 in groups of 32
        (gpt-fast's layout, https://github.com/meta-pytorch/gpt-fast/blob/main/quantize.py).
        """
        weights = inputs * outputs
        plain = weights * self.weight_bits / 8
        if self.weight_bits == 8:
            return plain + outputs * PLAIN_BITS / 8
        if self.weight_bits == 4:
            return plain + weights / self.group_size * 2 * PLAIN_BITS / 8
        return plain


def precision(text: str, group_size: int = GROUP_SIZE) -> Precision:
    """'w4a16' -> 4-bit weights, 16-bit activations; raises RooflineError."""
    found = re.fullmatch(r"w(\d+)a(\d+)", text)
    if not found:
        raise RooflineError(
            f"{text!r} is not a precision such as w4a16; there are {', '.join(PRECISIONS)}"
        )
    return Precision(int(found[1]), int(found[2]), group_size)
