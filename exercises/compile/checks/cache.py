"""Judging what became of a cache, and which places a mask shows."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from workshop.learn.checking import Wrong, tensor
from workshop.learn.mistakes import Tells, only_cause

Case = tuple[int, int]  # a position, and the length of the cache

FEW_BITS = (torch.float16, torch.bfloat16, torch.int8, torch.int16)
WHAT = ("keys", "values")
COUNTED = (
    "counted in too few bits: fp16 has no 2049, bf16 no 257, int8 no 128. Leave position in int64"
)
# Lengths, and positions in them: both ends, and both sides of where a count in few bits goes wrong.
PLACES = (
    (1, (0,)),
    (9, tuple(range(9))),
    (130, (62, 63, 64, 65, 127, 128, 129)),
    (300, (254, 255, 256, 257, 258, 299)),
    (2100, (1023, 1024, 2046, 2047, 2048, 2049, 2050, 2051, 2099)),
)


# --- the cache -----------------------------------------------------------------------------------


def judge_update(
    found: dict[str, Any],
    before: tuple[Tensor, Tensor],
    new: tuple[Tensor, Tensor],
    position: int,
    others: bool,
) -> None:
    """Raises Wrong unless that place is written, and nothing else; ``others`` went well before."""
    length = before[0].shape[2]
    at = f"position {position} of {length}"
    kept = [torch.equal(found[what], old) for what, old in zip(WHAT, before, strict=True)]
    if kept[0] != kept[1]:
        raise Wrong(f"{at}: {WHAT[kept.index(True)]} are not written", "both change", "one does")
    for what, old, one, other in zip(WHAT, before, new, new[::-1], strict=True):
        now = tensor(found[what], what, old.shape, old.dtype)
        if torch.equal(now, put(old, one, position)):
            continue
        changed = (now != old).any(-1).any(0).any(0).nonzero().flatten().tolist()
        raise Wrong(
            f"{at}: {what} are not what they should be", f"place {position} changes",
            f"places {changed} change" if changed else "nothing changes",
            only_cause(update_causes(now, old, one, other, position, others)),
        )  # fmt: skip
    for what, one in zip("kv", new, strict=True):
        if not torch.equal(found[what], one):
            raise Wrong(f"{what} is changed", hint="k and v belong to the caller: only read them")
    if found["position"].tolist() != [position]:
        raise Wrong("position is changed", [position], found["position"])
    judge_copies(found, before[0], new[0], at)


def judge_copies(found: dict[str, Any], keys: Tensor, k: Tensor, at: str) -> None:
    """Raises Wrong where more is made than what is written."""
    if keys.shape[2] < 8:
        return
    if 2 * found["largest"] > keys.numel():
        raise Wrong(
            f"{at}: to change one place, a tensor of {found['largest']} elements is made",
            f"about {k.numel()} elements are written", f"{found['by']}: {found['largest']}",
            "a whole new cache is made and copied at each step: write the one place",
        )  # fmt: skip
    whole = keys.numel() * keys.element_size()
    if whole > 8000 and 2 * found["outside"] > whole:
        raise Wrong(
            f"{at}: to change one place, numpy or Python allocates {found['outside']} bytes",
            f"about {k.numel()} elements are written", f"{found['outside']} bytes",
            "a whole new cache is made and copied at each step: write the one place",
        )  # fmt: skip


def update_causes(
    now: Tensor, old: Tensor, one: Tensor, other: Tensor, position: int, others: bool
) -> dict[str, Tells]:
    length = old.shape[2]

    def gives(wrong: Tensor) -> Tells:
        return lambda: torch.equal(now, wrong)

    return {
        "what update makes anew is lost when it returns: write into the cache that is given": (
            gives(old)
        ),
        "keys and values are exchanged": gives(put(old, other, position)),
        "the cache may hold what an earlier text left there: copy over it, do not add": (
            gives(put(old, one + old[:, :, position : position + 1], position))
        ),
        "the first token is at position 0: nothing needs to be added": (
            lambda: not others and torch.equal(now, put(old, one, (position + 1) % length))
        ),
        "position is counted from 0: nothing needs to be subtracted": (
            lambda: not others and torch.equal(now, put(old, one, (position - 1) % length))
        ),
        "only one place is written: the others keep what they have": gives(one.expand_as(old)),
        COUNTED: lambda: any(
            low < length and torch.equal(now, put(old, one, low))
            for low in (int(torch.tensor(position).to(dtype)) for dtype in FEW_BITS)
            if low != position
        ),
        "the places are dimension 2 of [batch, heads, places, size]": (
            lambda: any(written_along(now != old, dim, position) for dim in (0, 1, 3))
        ),
    }


def written_along(changed: Tensor, dim: int, position: int) -> bool:
    """Whether what changed lies at ``position`` of dimension ``dim``, and at several places."""
    where = changed.movedim(dim, 0)
    inside = position < len(where) and bool(where[position].any())
    elsewhere = where[:position].any() or where[position + 1 :].any()
    return inside and not elsewhere and int(changed.any(-1).any(0).any(0).sum()) > 1


def put(old: Tensor, one: Tensor, position: int) -> Tensor:
    new = old.clone()
    new[:, :, position] = one[:, :, 0]
    return new


# --- the mask ------------------------------------------------------------------------------------


def judge_masks(found: Any, cases: Sequence[Case]) -> None:
    """Raises Wrong unless each is the mask of that position and length."""
    seen = [judge_form(mask, *case) for mask, case in zip(found, cases, strict=True)]
    for mask, (position, length) in zip(seen, cases, strict=True):
        right = torch.arange(length) <= position
        if not torch.equal(mask, right):
            raise Wrong(
                f"position {position} of {length}: the wrong places are seen",
                seen_words(right), seen_words(mask),
                only_cause(mask_causes(seen, cases, int(mask.sum()))),
            )  # fmt: skip


def judge_form(found: Any, position: int, length: int) -> Tensor:
    """The mask [length], bool; raises Wrong where it is something else."""
    at = f"position {position} of {length}"
    if isinstance(found, Tensor) and found.numel() == length and found.dtype != torch.bool:
        flat, right = found.flatten().double(), torch.arange(length) <= position
        hint = "torch takes a mask of numbers as what to ADD to the scores: give it bool"
        if torch.equal(flat == 0, right) and flat[~right].lt(-1e3).all():
            hint = "0 and -inf would do, added to the scores; here True and False are asked for"
        raise Wrong(f"{at}: the mask is no bool", "torch.bool", str(found.dtype), hint)
    if isinstance(found, Tensor) and found.numel() not in (length, 1):
        hint = "its second dimension is the whole cache, whatever is written: shapes must stay"
        raise Wrong(f"{at}: the mask has the wrong shape", [1, length], list(found.shape), hint)
    return tensor(found, "the mask", [1, length], torch.bool)[0]


def mask_causes(
    seen: Sequence[Tensor], cases: Sequence[Case], many: int
) -> Iterator[tuple[str, Tells]]:
    """What gives all these masks; ``many`` places are seen in the first of them that is wrong."""
    wrong: dict[str, Callable[[Tensor, int], Tensor]] = {
        "a token sees itself too: place <= position": lambda s, p: s < p,
        "one too many: the place after position is not written yet": lambda s, p: s <= p + 1,
        "upside down: True is what may be seen": lambda s, p: s > p,
        "upside down, and a token sees itself: place <= position": lambda s, p: s >= p,
        "earlier tokens are seen too, not the one at position alone": lambda s, p: s == p,
        "places that are not written must be hidden": lambda s, p: s >= 0,
        f"only the last {many} are seen: a token sees all before it, however far back": (
            lambda s, p: (s <= p) & (s > p - many) if many > 1 else s < 0
        ),
        f"no place from {many} on is seen: a token sees all before it, and itself": (
            lambda s, p: (s <= p) & (s < many)
        ),
    }

    def gives(make: Callable[[Tensor, int], Tensor]) -> Tells:
        return lambda: all(
            torch.equal(mask, make(torch.arange(length), position))
            for mask, (position, length) in zip(seen, cases, strict=True)
        )

    yield from ((cause, gives(make)) for cause, make in wrong.items())
    for dtype in FEW_BITS:
        for both in (True, False):
            yield COUNTED, gives(counted_in(dtype, both))


def counted_in(dtype: torch.dtype, both: bool) -> Callable[[Tensor, int], Tensor]:
    """A mask that compares numbers of that dtype, on both sides or on that of the places."""

    def mask(places: Tensor, position: int) -> Tensor:
        at = torch.tensor(position)
        return places.to(dtype) <= (at.to(dtype) if both else at)

    return mask


def seen_words(mask: Tensor) -> str:
    places = mask.nonzero().flatten().tolist()
    if not places:
        return "none"
    if places == list(range(places[0], places[-1] + 1)):
        return f"{len(places)} places: {places[0]} to {places[-1]}"
    return f"{len(places)} places: {places[:8]}"
