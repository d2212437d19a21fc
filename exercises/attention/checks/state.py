"""The state of a softmax that has not seen all its scores: right, and wrong in known ways."""

from typing import Any

import torch
from torch import Tensor

from workshop.learn.checking import Work, Wrong, is_close, pair, tensor
from workshop.learn.mistakes import Tells, only_cause

from .reference import MINUS, NAMES, State, in_fp32, state_of


def judge_state(found: Any, right: State, causes: dict[str, State], what: str) -> None:
    """Raises Wrong where a state differs, with the cause that gives just that."""
    parts = [
        tensor(one, f"{what}: {name}", want.shape, torch.float32)
        for one, name, want in zip(pair(found, what, 3), NAMES, right, strict=True)
    ]
    for one, name, want in zip(parts, NAMES, right, strict=True):
        if one.isnan().any():
            at = one.isnan().nonzero()[0].tolist()
            unseen = torch.equal(
                one.isnan().reshape(*right[0].shape, -1).any(-1), right[0] == MINUS
            )
            raise Wrong(
                f"{what}: {name} is nan for head {at[0]}, query {at[1]}", want[tuple(at)].item(),
                "nan", NAN if unseen else only_cause(naming(parts, causes)),
            )  # fmt: skip
    if all(map(same_or_minus, parts, right)):
        return
    hint = only_cause(naming(parts, causes))
    one, name, want = next(
        (one, name, want)
        for one, name, want in zip(parts, NAMES, right, strict=True)
        if not same_or_minus(one, want)
    )
    equal = (one.double() == want) | ((one.double() - want).abs() <= 1e-4 * (1 + want.abs()))
    off = (~equal).nonzero()
    at = tuple(off[0].tolist()) if len(off) else (0, 0)
    raise Wrong(
        f"{what}: {name} is off for head {at[0]}, query {at[1]}",
        want[at].flatten()[0].item(), one[at].flatten()[0].item(), hint,
    )  # fmt: skip


NAN = "-inf - -inf is nan: where nothing was seen, subtract something finite"


def naming(parts: list[Tensor], causes: dict[str, State]) -> dict[str, Tells]:
    """For each cause, whether it gives these three."""

    def gives(wrong: State) -> Tells:
        return lambda: all(map(same_or_minus, parts, wrong))

    return {cause: gives(wrong) for cause, wrong in causes.items()}


def same_or_minus(one: Tensor, want: Tensor) -> bool:
    """Close, and -inf, inf and nan at the same places."""
    want = want.to(torch.float32).double()
    finite = want.isfinite()
    if not torch.equal(one.double()[~finite].nan_to_num(7), want[~finite].nan_to_num(7)):
        return False
    return bool(one[finite].isfinite().all()) and is_close(one[finite], want[finite], 1e-4)


def wrong_states(old: State, scores: Tensor, values: Tensor) -> dict[str, State]:
    """What typical mistakes make of a state and one more block."""
    largest, total, mixed = (one.double() for one in old)
    scores, values = scores.double(), values.double()
    block = scores.amax(-1)
    new = torch.maximum(largest, block)
    kept = torch.where(largest == MINUS, torch.zeros_like(new), torch.exp(largest - new))
    risen = torch.where(largest == MINUS, torch.zeros_like(new), torch.exp(new - largest))
    weights = torch.exp(scores - new[:, :, None])
    summed, blended = weights.sum(-1), weights @ values
    right_total, right_mixed = total * kept + summed, mixed * kept[:, :, None] + blended
    local = torch.exp(scores - block[:, :, None])
    plain = torch.exp(scores)
    since = torch.exp(scores - torch.where(largest == MINUS, new, largest)[:, :, None])
    raw = torch.exp(new - largest)

    def about(other: Tensor) -> State:
        """The state that refers to ``other`` in place of the largest score."""
        by = torch.exp(new - other)
        return other, right_total * by, right_mixed * by[:, :, None]

    unseen = bool((largest == MINUS).any())
    first: dict[str, State] = {
        "rescaled the wrong way: exp(new - old) is inf where nothing was seen before: multiply by "
        "exp(old - new), which is at most 1": (
            new, total * raw + summed, mixed * raw[:, :, None] + blended,
        ),
    }  # fmt: skip
    return (first if unseen else {}) | {
        "mixed is not rescaled: when the largest score grows, what was summed before is too large "
        "by exp(new - old)": (new, right_total, mixed + blended),
        "total is not rescaled: it is a sum of exp(score - largest) too": (
            new, total + summed, right_mixed,
        ),
        "neither sum is rescaled: when the largest score grows, what was summed before is too "
        "large by exp(new - old)": (new, total + summed, mixed + blended),
        "rescaled the wrong way: multiply by exp(old - new), which is at most 1": (
            new, total * risen + summed, mixed * risen[:, :, None] + blended,
        ),
        "mixed is divided by total already: divide once, at the very end": (
            new, right_total, right_mixed / right_total[:, :, None],
        ),
        "largest is that of ALL scores so far, not of this block alone": (
            block,
            total * torch.exp(largest - block) + local.sum(-1),
            mixed * torch.exp(largest - block)[:, :, None] + local @ values,
        ),
        "the block's weights are exp(score - largest of all so far), not of the block alone": (
            new, total * kept + local.sum(-1), right_mixed - blended + local @ values,
        ),
        "nothing is subtracted from the scores: exp(score - largest)": (
            new, total * kept + plain.sum(-1), right_mixed - blended + plain @ values,
        ),
        "the largest score stays as it was: take the larger of the old one and the block's": (
            torch.where(largest == MINUS, new, largest),
            total + since.sum(-1), mixed + since @ values,
        ),
        "what was summed before is lost: add to it": (new, summed, blended),
        "every head and query has a largest score of its own: the maximum over its keys": (
            about(scores.amax().expand_as(new).maximum(largest))
        ),
        "largest begins at -inf, not at 0: all scores may be negative": about(new.clamp(min=0)),
    }  # fmt: skip


def hidden_causes(old: State, scores: Tensor, values: Tensor) -> dict[str, State]:
    """What typical mistakes make of a block that some queries see nothing of."""
    largest, total, mixed = (one.double() for one in old)
    right = joined(old, state_of(scores, values))
    none = (scores == MINUS).all(-1)
    zero = joined(old, state_of(scores.masked_fill(scores == MINUS, 0), values))
    reset = [torch.where(none, 0, right[1]), torch.where(none[:, :, None], 0, right[2])]
    least = torch.full_like(right[0], torch.finfo(torch.float32).min)
    lowest = torch.where(right[0] == MINUS, least, right[0])
    finite = torch.where(right[0] == MINUS, torch.zeros_like(right[0]), right[0])
    kept = torch.where(largest == MINUS, 0, torch.exp(largest - finite))
    ones = torch.exp(torch.where(none[:, :, None], 0, scores.double() - finite[:, :, None]))
    counted = (total * kept + ones.sum(-1), mixed * kept[:, :, None] + ones @ values.double())
    return {
        "the score of a key that is not seen is -inf, not 0: exp(0) is 1": zero,
        "a query that sees nothing of a block has weights of 0 there, and not of exp(0)": (
            right[0], *counted,
        ),
        "where nothing was seen, the state stays as it is: it is lost": (right[0], *reset),
        "largest is -inf where nothing was seen: nan_to_num makes it a number": (
            lowest, right[1], right[2],
        ),
        "largest is -inf where nothing was seen, and not the 0 that is subtracted": (
            finite, right[1], right[2],
        ),
    }  # fmt: skip


def joined(one: State, other: State) -> State:
    """The state over the keys of both, in fp64."""
    one = (one[0].double(), one[1].double(), one[2].double())
    largest = torch.maximum(one[0], other[0])
    a, b = (
        torch.where(state[0] == MINUS, torch.zeros_like(largest), torch.exp(state[0] - largest))
        for state in (one, other)
    )
    total = one[1] * a + other[1] * b
    return largest, total, one[2] * a[:, :, None] + other[2] * b[:, :, None]


def absorbed(work: Work, old: State, scores: Tensor, values: Tensor, what: str) -> Any:
    """Their state after one more block; the old one must stay as it was."""
    found = work.call("driver:stated", "absorb", in_fp32(old), scores.float(), values.float())
    if any(found["changed"]):
        which = ("the state", "scores", "values")[found["changed"].index(True)]
        hint = "an operation with _ at its end, or += on a tensor, writes into it"
        raise Wrong(f"{what}: absorb changes {which} that it is given", hint=hint)
    return found["value"]


def merge_causes(one: State, other: State) -> dict[str, State]:
    largest = torch.maximum(one[0], other[0])

    def kept(state: State, by: Tensor) -> Tensor:
        return torch.where(state[0] == MINUS, torch.zeros_like(by), torch.exp(state[0] - by))

    first, second = kept(one, largest), kept(other, largest)
    total = one[1] * first + other[1] * second
    mixed = one[2] * first[:, :, None] + other[2] * second[:, :, None]
    return {
        "each is rescaled by its own largest score, exp(its own - new): here they are exchanged": (
            largest, one[1] * second + other[1] * first,
            one[2] * second[:, :, None] + other[2] * first[:, :, None],
        ),
        "mixed is divided by total already: divide once, at the very end": (
            largest, total, (mixed / total[:, :, None]).nan_to_num(),
        ),
        "largest is the larger of the two, not their sum": (
            one[0] + other[0], one[1] + other[1], one[2] + other[2],
        ),
        "neither is rescaled: their sums refer to different largest scores": (
            largest, one[1] + other[1], one[2] + other[2],
        ),
        "the first is not rescaled: either can have the smaller largest score": (
            largest,
            one[1] + other[1] * second, one[2] + other[2] * second[:, :, None],
        ),
        "the second is not rescaled: either can have the smaller largest score": (
            largest,
            one[1] * first + other[1], one[2] * first[:, :, None] + other[2],
        ),
        "mixed is not rescaled": (
            largest, one[1] * first + other[1] * second, one[2] + other[2],
        ),
        "total is not rescaled": (
            largest, one[1] + other[1],
            one[2] * first[:, :, None] + other[2] * second[:, :, None],
        ),
    }  # fmt: skip
