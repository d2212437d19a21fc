"""Mistakes in quantising, as somebody writes them who makes them: simulated, and compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from workshop.learn.causes import Call, Slip, cause

SMALLEST = "a smallest scale leaves small weights without steps: only 0 needs another one"
ADDED = "something is added to every scale: only a row of zeros needs another one"
BELOW = 1e-5  # a scale of small weights: where something that is added, or a smallest scale, shows


def alike(actual: Tensor, wrong: Tensor, within: float = 1e-4) -> bool:
    """Whether each element is that near to the simulated one, relative to it."""
    if actual.shape != wrong.shape:
        return False
    return bool(((actual.double() - wrong.double()).abs() <= within * wrong.double().abs()).all())


def equal(actual: Tensor, wrong: Tensor) -> bool:
    return actual.shape == wrong.shape and torch.equal(actual.double(), wrong.double())


def close(actual: Tensor, wrong: Tensor) -> bool:
    """Whether each element is near, relative to the largest one."""
    if actual.shape != wrong.shape:
        return False
    largest = float(wrong.double().abs().max())
    return bool(((actual.double() - wrong.double()).abs() <= 1e-4 * largest).all())


def not_zero(scale: Tensor) -> Tensor:
    return torch.where(scale > 0, scale, torch.ones_like(scale))


ROW_SCALES: tuple[Slip, ...] = (
    ("each row has a largest element of its own: a scale of its own",
     lambda w: (w.abs().amax() / 127).expand(len(w))),
    ("the largest element becomes 127, so divide by 127", lambda w: w.abs().amax(1) / 128),
    ("the largest element becomes 127, so divide by 127", lambda w: w.abs().amax(1) / 127.5),
    ("values * scale is the weight again: scale is largest / 127",
     lambda w: 127 / w.abs().amax(1)),
    ("divide the largest by 127", lambda w: w.abs().amax(1)),
    ("the largest in SIZE: take abs() first", lambda w: w.amax(1) / 127),
    ("the largest in SIZE: take abs() first", lambda w: not_zero(w.amax(1) / 127)),
    ("the largest in SIZE: take abs() first", lambda w: w.amax(1).abs() / 127),
    ("the largest in SIZE, of both signs: take abs() first", lambda w: w.amin(1).abs() / 127),
    ("the largest element decides, not the mean", lambda w: w.abs().mean(1) / 127),
    ("the largest element decides, not the standard deviation", lambda w: w.std(1) / 127),
    ("symmetric int8 has 127 steps on each side of zero", lambda w: w.abs().amax(1) / 255),
    ("symmetric: the same scale for both signs, of the largest in size",
     lambda w: not_zero((w.amax(1) - w.amin(1)) / 255)),
    ("symmetric: the same scale for both signs, of the largest in size",
     lambda w: not_zero((w.amax(1) - w.amin(1)) / 254)),
    ("int8 reaches to 127; 7 is the largest of int4", lambda w: w.abs().amax(1) / 7),
    ("a scale belongs to an output channel, and a row is one: take the maximum along dim 1",
     lambda w: w.abs().amax(0) / 127),
)  # fmt: skip

VALUES: tuple[Slip, ...] = (
    ("converting cuts the fraction off: round first", lambda w, s: (w / s).trunc()),
    ("that is rounded down: to the nearest", lambda w, s: (w / s).floor()),
    ("that is rounded up: to the nearest", lambda w, s: (w / s).ceil()),
    ("values * scale is the weight: divide by the scale", lambda w, s: (w * s).round()),
    ("values * scale is the weight: divide by the scale",
     lambda w, s: (w * s).round().clamp(-127, 127)),
    ("divide by the scale first", lambda w, s: w.round().clamp(-127, 127)),
    ("a value keeps its sign", lambda w, s: (w / s).round().abs()),
    ("negative weights have negative values: clamp to -127, not to 0",
     lambda w, s: (w / s).round().clamp(0, 127)),
)  # fmt: skip


def added_or_smallest(calls: Sequence[Call]) -> str | None:
    """Whether scales of small weights have something added, or stop at a smallest one.

    ``calls`` have right and actual scales, of rows or of groups.
    """
    right = torch.cat([call.expected.double().flatten() for call in calls])
    found = torch.cat([call.actual.double().flatten() for call in calls])
    small = (right > 0) & (right < BELOW)
    large = right > 1e-3
    if int(small.sum()) < 2 or not alike(found[large], right[large], 0.01):
        return None
    more, kept = (found - right)[small], found[small]
    if float(more.min()) > 0 and alike(more, more[0].expand_as(more), 1e-3):
        return ADDED
    least = kept.min()
    lifted = right[small] < least
    if int(lifted.sum()) > 1 and alike(kept[lifted], least.expand(int(lifted.sum())), 1e-6):
        return SMALLEST if alike(kept[~lifted], right[small][~lifted]) else None
    return None


def groups_of(weight: Tensor, group: int) -> Tensor:
    return weight.unflatten(1, (-1, group))


def along_outputs(weight: Tensor, group: int) -> Tensor:
    largest = weight.T.reshape(-1, group).abs().amax(1)
    return largest.reshape(weight.shape[0], -1) / 7


SEVEN = "the largest element becomes 7, so divide by 7"
GROUP_SCALES: tuple[Slip, ...] = (
    ("every group has a scale of its own, not every row",
     lambda w, g: (w.abs().amax(1, keepdim=True) / 7).expand(-1, w.shape[1] // g)),
    ("every group has a scale of its own, not the whole weight",
     lambda w, g: (w.abs().amax() / 7).expand(w.shape[0], w.shape[1] // g)),
    *((SEVEN, lambda w, g, by=by: groups_of(w, g).abs().amax(2) / by) for by in (8, 7.5, 15, 16)),
    ("int4 reaches to 7; 127 is the largest of int8",
     lambda w, g: groups_of(w, g).abs().amax(2) / 127),
    ("divide the largest by 7", lambda w, g: groups_of(w, g).abs().amax(2)),
    ("values * scale is the weight again: scale is largest / 7",
     lambda w, g: 7 / groups_of(w, g).abs().amax(2)),
    ("the largest in SIZE: take abs() first", lambda w, g: groups_of(w, g).amax(2) / 7),
    ("the largest in SIZE: take abs() first", lambda w, g: groups_of(w, g).amax(2).abs() / 7),
    ("the largest element decides, not the mean", lambda w, g: groups_of(w, g).abs().mean(2) / 7),
    ("a group are NEIGHBOURS in a row: unflatten(1, (-1, group))",
     lambda w, g: w.unflatten(1, (g, -1)).abs().amax(1) / 7),
    ("a group are neighbours in a ROW, not in a column: unflatten(1, (-1, group))", along_outputs),
)  # fmt: skip

IN_FP32 = "16 bits are too coarse: x, scale and result are fp32, and so is what is between them"


def of_steps(x: Tensor, largest: Tensor) -> Tensor:
    """Activations in steps of int8."""
    scale = largest / 127
    return (x / scale).round() * scale


PRODUCTS: tuple[Slip, ...] = (
    ("the scales are missing", lambda x, v, s: x @ v.T),
    ("a scale belongs to an output, not to an input: multiply after the product",
     lambda x, v, s: (x * s) @ v.T if len(s) == x.shape[1] else (x @ v.T) * s),
    ("the activations stay as they are: convert the values to x's dtype",
     lambda x, v, s: (x.round() @ v.T) * s),
    ("the activations stay as they are: convert the values to x's dtype, not x to int8",
     lambda x, v, s: (x.trunc() @ v.T) * s),
    ("the activations stay as they are: convert the values to x's dtype, not x to int8",
     lambda x, v, s: (of_steps(x, x.abs().amax(1, keepdim=True)) @ v.T) * s),
    ("the activations stay as they are: convert the values to x's dtype, not x to int8",
     lambda x, v, s: (of_steps(x, x.abs().amax()) @ v.T) * s),
    *((IN_FP32, lambda x, v, s, few=few: ((x.to(few) @ v.to(few).T) * s.float()).double())
      for few in (torch.bfloat16, torch.float16)),
    *((IN_FP32, lambda x, v, s, few=few: ((x.to(few) @ v.to(few).T) * s.to(few)).double())
      for few in (torch.bfloat16, torch.float16)),
    ("y is [batch, out] where batch or out is 1, too: no squeeze()",
     lambda x, v, s: ((x @ v.T) * s).squeeze()),
    ("multiply by the scale: values * scale is the weight", lambda x, v, s: (x @ v.T) / s),
    ("weights have the outputs first: x @ values.T", lambda x, v, s: (x @ v) * s),
    ("the scale counts once", lambda x, v, s: (x @ v.T) * s * s),
    ("outputs are the LAST dimension: * scale, not * scale[:, None]",
     lambda x, v, s: (x @ v.T) * s[:, None]),
    ("outputs are the LAST dimension: * scale, not * scale[:, None]",
     lambda x, v, s: (x @ v.T) * (s[:, None] if len(x) == len(s) else s)),
    ("y = x @ weight.T has the batch first: [batch, out]", lambda x, v, s: ((x @ v.T) * s).T),
    ("one scale for each output, not one for all", lambda x, v, s: (x @ v.T) * s.amax()),
    ("one scale for each output, not one for all", lambda x, v, s: (x @ v.T) * s.mean()),
    ("one scale for each output, not one for all", lambda x, v, s: (x @ v.T) * s[0]),
)  # fmt: skip

TURNED_BACK: tuple[Slip, ...] = (
    ("scale * values multiplies COLUMNS: scale[:, None] multiplies rows", lambda v, s: v * s),
    ("scale * values multiplies COLUMNS: scale[:, None] multiplies rows",
     lambda v, s: v * s if v.shape[1] == len(s) else v * s[:, None]),
    *((IN_FP32, lambda v, s, few=few: (v.to(few) * s.to(few)[:, None]).double())
      for few in (torch.bfloat16, torch.float16)),
    ("multiply by the scale", lambda v, s: v / s[:, None]),
    ("the scale is missing", lambda v, s: v),
    ("one scale for each row, not one for all", lambda v, s: v * s.amax()),
    ("one scale for each row, not one for all", lambda v, s: v * s.mean()),
    ("one scale for each row, not one for all", lambda v, s: v * s[0]),
    ("[out, in] as the values are, not transposed", lambda v, s: (v * s[:, None]).T),
)  # fmt: skip


def nibbles(low: Tensor, high: Tensor) -> Tensor:
    return (low | (high << 4)) & 255


PACKED: tuple[Slip, ...] = (
    ("element 2i is in the LOW four bits",
     lambda v: nibbles(v[:, 1::2].int() + 8, v[:, 0::2].int() + 8)),
    ("8 is added to each, so that none is negative",
     lambda v: nibbles(v[:, 0::2].int() & 15, v[:, 1::2].int() & 15)),
    ("8 is added to each, so that none is negative",
     lambda v: (v[:, 0::2].int() | (v[:, 1::2].int() << 4)) & 255),
    ("8 is added, not 7", lambda v: nibbles(v[:, 0::2].int() + 7, v[:, 1::2].int() + 7)),
    ("a byte holds neighbours: 2i and 2i + 1",
     lambda v: nibbles(*(half.int() + 8 for half in v.chunk(2, dim=1)))),
    ("the high nibble is four bits up: << 4",
     lambda v: (v[:, 0::2].int() + 8) | (v[:, 1::2].int() + 8)),
    ("8 is added to both of them", lambda v: nibbles(v[:, 0::2].int() + 8, v[:, 1::2].int() & 15)),
    ("8 is added to both of them", lambda v: nibbles(v[:, 0::2].int() & 15, v[:, 1::2].int() + 8)),
)  # fmt: skip


def stacked(low: Tensor, high: Tensor) -> Tensor:
    return torch.stack([low, high], dim=2).flatten(1)


def as_signed(packed: Tensor) -> Tensor:
    """The bytes read as int8: those from 128 on are negative."""
    return packed.to(torch.int8).int()


UNPACKED: tuple[Slip, ...] = (
    ("element 2i is in the LOW four bits", lambda p: stacked(p >> 4, p & 15).int() - 8),
    ("8 was added to each: subtract it again", lambda p: stacked(p & 15, p >> 4)),
    ("8 was added, not 7", lambda p: stacked(p & 15, p >> 4).int() - 7),
    ("8 was added to each: subtract it; no two's complement was stored",
     lambda p: (stacked(p & 15, p >> 4).int() + 8) % 16 - 8),
    ("neighbours come from one byte: stack along a new last dimension, then flatten",
     lambda p: torch.cat([p & 15, p >> 4], dim=1).int() - 8),
    (">> of a negative int8 brings the sign along: shift the uint8",
     lambda p: stacked(as_signed(p) & 15, as_signed(p) >> 4) - 8),
    ("the high nibble is p >> 4", lambda p: stacked(p & 15, p & 240).int() - 8),
    ("the low nibble is p & 15", lambda p: (stacked(p, p >> 4).int() - 8).to(torch.int8)),
    ("8 was added to both of them", lambda p: stacked((p & 15).int() - 8, (p >> 4).int())),
    ("8 was added to both of them", lambda p: stacked((p & 15).int(), (p >> 4).int() - 8)),
)  # fmt: skip


def of_earlier_call(calls: Sequence[Call], right: Callable[..., Tensor], hint: str) -> str | None:
    """Whether weights of the first call with the same shapes are used again in a later one."""
    first: dict[tuple[int, ...], Call] = {}
    repeated = False
    for call in calls:
        x, values, scale = call.given
        before = first.setdefault(tuple(values.shape), call)
        repeated |= before is not call
        options = [right(x, before.given[1], one) for one in (scale, before.given[2])]
        if not any(close(call.actual, option) for option in options):
            return None
    return hint if repeated else None


def in_double(calls: Sequence[Call]) -> list[Call]:
    """The calls with arguments in fp64; none where something that is no tensor came back."""
    if not all(isinstance(call.actual, Tensor) for call in calls):
        return []
    return [Call(tuple(one.double() for one in c.given), None, c.actual) for c in calls]


def product_cause_of(calls: Sequence[Call], right: Callable[..., Tensor]) -> str | None:
    kept = "these are the weights of an earlier call of the same shape: keep nothing between calls"
    exact = in_double(calls)
    return cause(exact, PRODUCTS, close) or of_earlier_call(exact, right, kept)
