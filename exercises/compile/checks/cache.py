"""Judging what became of a cache, and which places a mask shows."""

from typing import Any

import torch
from torch import Tensor

from workshop.learn.checking import Wrong, tensor


def judge_update(
    found: dict[str, Any], before: tuple[Tensor, Tensor], new: tuple[Tensor, Tensor], position: int
) -> None:
    length = before[0].shape[2]
    at = f"position {position} of {length}"
    for what, old, one, other in zip(("keys", "values"), before, new, new[::-1], strict=True):
        now = tensor(found[what], what, old.shape, old.dtype)
        right = old.clone()
        right[:, :, position] = one[:, :, 0]
        if torch.equal(now, right):
            continue
        causes: dict[str, Tensor] = {
            "what update makes anew is lost when it returns: write into the cache that is given": (
                old
            ),
            "keys and values are exchanged": put(old, other, position),
            "the cache may hold what an earlier text left there: copy over it, do not add": (
                put(old, one + old[:, :, position : position + 1], position)
            ),
            "the first token is at position 0: nothing need be added": (
                put(old, one, (position + 1) % length)
            ),
            "position is counted from 0: nothing need be subtracted": (
                put(old, one, (position - 1) % length)
            ),
            "only one place is written: the others keep what they have": one.expand_as(old),
        }
        hint = next((cause for cause, w in causes.items() if torch.equal(now, w)), None)
        changed = (now != old).any(-1).any(0).any(0).nonzero().flatten().tolist()
        if hint is None and changed != [position]:
            hint = "the places are dimension 2 of [batch, heads, places, size]"
        raise Wrong(
            f"{at}: {what} are not what they should be", f"place {position} changes",
            f"places {changed} change" if changed else "nothing changes", hint,
        )  # fmt: skip
    for what, one in zip("kv", new, strict=True):
        if not torch.equal(found[what], one):
            raise Wrong(f"{what} is changed", hint="k and v belong to the caller: only read them")
    if found["position"].tolist() != [position]:
        raise Wrong("position is changed", [position], found["position"])
    if 2 * found["largest"] > before[0].numel() and length > 7:
        raise Wrong(
            f"{at}: to change one place, a tensor of {found['largest']} elements is made",
            f"about {new[0].numel()} elements are written", f"{found['by']}: {found['largest']}",
            "a whole new cache is made and copied at each step: write the one place",
        )  # fmt: skip


def put(old: Tensor, one: Tensor, position: int) -> Tensor:
    new = old.clone()
    new[:, :, position] = one[:, :, 0]
    return new


def seen_words(mask: Tensor) -> str:
    places = mask.nonzero().flatten().tolist()
    if not places:
        return "none"
    if places == list(range(places[0], places[-1] + 1)):
        return f"{len(places)} places: {places[0]} to {places[-1]}"
    return f"{len(places)} places: {places[:8]}"
