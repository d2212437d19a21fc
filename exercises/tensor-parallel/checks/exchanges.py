"""What came back from real ranks, and what went wrong where the sums are not right."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from workshop.learn.checking import Wrong, is_close, same_tensor, tensor
from workshop.learn.mistakes import Tells, only_cause


def done_on_ranks(found: dict[str, Any]) -> list[Any]:
    """What every rank has, if all came to an end; else raises Wrong and tells what went wrong."""
    if "fault" in found:
        rank, kind, name, text, line = found["fault"]
        where = f" (line {line})" if line else ""
        if kind == "not written":
            raise Wrong(f"not written yet{where}")
        hint = next((hint for words, hint in FAULTS.items() if words in f"{name} {text}"), None)
        raise Wrong(f"rank {rank}: {name}{where}{': ' if text else ''}{text}", hint=hint)
    if "waits" in found:
        rank, (kind, shape), count, ready = found["waits"]
        raise Wrong(
            f"rank {rank} waits for ever in its exchange number {count} ({kind} of {shape}), which "
            f"rank {ready} never makes",
            hint="every rank must make the same exchanges in the same order: none in an if that "
            "only some ranks come to",
        )
    if "differ" in found:
        count, first, rank, other = found["differ"]
        raise Wrong(
            f"exchange number {count} is not the same on all ranks",
            f"rank 0: {first[0]} of {first[1]}", f"rank {rank}: {other[0]} of {other[1]}",
            "parts that differ in shape cannot be added up: exchange only after a row-parallel "
            "product, whose parts all have the whole shape"
            if first[0] == other[0]
            else "every rank must make the same exchanges in the same order",
        )  # fmt: skip
    if "slow" in found:
        raise Wrong(
            "the ranks were not done in time", hint="do they wait for each other, or loop for ever?"
        )
    return found["done"]


FAULTS = {
    "group has not been initialized": "the ranks have met already, and meet once: leave the group "
    "as it is",
    "AVG": "parts of a sum are added up: the sum, not the mean",
    "contiguous": "all_reduce wants a contiguous tensor: y.contiguous() before, and use that",
    "twice": "the ranks have met already: init_process_group is not yours to call",
    "trying to initialize": "the ranks have met already: init_process_group is not yours to call",
    "SystemExit": "a rank that leaves keeps the others waiting: return in place of it",
    "shapes cannot be multiplied": "does each rank multiply its part of x by its part of the "
    "weight, transposed?",
    "must match the size": "do the parts fit together: this rank's outputs of the first product "
    "are its inputs of the second?",
}


def exchanged(parts: list[Tensor], how: str) -> list[Tensor]:
    """What each rank has after an exchange of ``parts``, rightly ("sum") or wrongly."""
    total = torch.stack(parts).sum(0)
    count = len(parts)
    return {
        "sum": [total] * count,
        "none": parts,
        "twice": [total * count] * count,
        "mean": [total / count] * count,
        "first": [total, *parts[1:]],
        "others": [parts[0] for _ in parts],
        "largest": [torch.stack(parts).amax(0)] * count,
        "smallest": [torch.stack(parts).amin(0)] * count,
        "product": [torch.stack(parts).prod(0)] * count,
    }[how]


MISSING = (
    "this is one rank's part of the sum: the all-reduce is missing, or was not waited for "
    "(async_op), or its result not used"
)
EXCHANGES = {
    "none": MISSING,
    "twice": "added up twice: after an all-reduce every rank has the sum, and a second one "
    "multiplies it by the number of ranks",
    "mean": "that is the mean: parts of a sum are added up",
    "first": "only rank 0 has the sum: reduce is not all-reduce",
    "others": "every rank has rank 0's part: a broadcast adds nothing up",
    "largest": "that is the largest of the parts: parts of a sum are added up",
    "smallest": "that is the smallest of the parts: parts of a sum are added up",
    "product": "that is the product of the parts: parts of a sum are added up",
}


def same_on_all(
    actual: list[Any], expected: Tensor, causes: list[tuple[list[Tensor], str]], what: str,
    hint: str | None, within: float = 1e-4,
) -> None:  # fmt: skip
    """Raises Wrong, with the cause that gives what all ranks have, unless each has ``expected``."""
    found = [
        tensor(one, f"{what} of rank {rank}", expected.shape) for rank, one in enumerate(actual)
    ]
    bad = [rank for rank, one in enumerate(found) if not is_close(one, expected, within)]
    if not bad:
        return

    def gives(wrong: list[Tensor]) -> Tells:
        return lambda: all(
            is_close(a, w, max(within, 1e-4)) for a, w in zip(found, wrong, strict=True)
        )

    exact = only_cause((cause, gives(wrong)) for wrong, cause in causes)
    hint = exact or hint
    largest = expected.abs().max()
    off = ~((found[bad[0]].double() - expected).abs() <= within * largest)
    place = tuple(off.nonzero()[0].tolist())
    raise Wrong(
        f"rank {bad[0]} of {len(found)}: {what} differs at {list(place)} from that of one process",
        f"{expected[place]:.5g}", f"{found[bad[0]][place]:.5g}", hint,
    )  # fmt: skip


def not_all_there(value: Any, own: Tensor, expected: Tensor) -> Tensor:
    """What a rank may find that does not wait: of some elements the sum, of others its own part."""
    if not isinstance(value, Tensor) or value.shape != own.shape:
        return expected
    near = (value.double() - own).abs() <= 1e-4 * own.abs().max()
    return torch.where(near, own, expected)


def counted(exchanges: list[Any]) -> str:
    """ "2 all-reduces", "1 all-reduce, 1 all-gather", "nothing"."""
    kinds = [kind for kind, _ in exchanges]
    told = [
        f"{kinds.count(kind)} {kind}{'s' if kinds.count(kind) > 1 else ''}"
        for kind in dict.fromkeys(kinds)
    ]
    return ", ".join(told) or "nothing"


def judge_column(
    told: list[Any], x: Tensor, weight: Tensor, bias: Tensor | None, given: list[Any]
) -> None:
    if told[0]["exchanges"]:
        raise Wrong(
            "column_linear exchanges something", "nothing", counted(told[0]["exchanges"]),
            "the ranks have DIFFERENT outputs after a column-parallel product: no sum of them "
            "means anything, and the next product wants this rank's alone",
        )  # fmt: skip
    for rank, (one, (_, part)) in enumerate(zip(told, given, strict=True)):
        expected = x.double() @ part.double().T
        value = tensor(one["value"], f"column_linear of rank {rank}", expected.shape, x.dtype)
        within = 0.02 if x.dtype == torch.bfloat16 else 1e-4
        same_tensor(value, expected, f"column_linear of rank {rank}", within)


def not_none(values: list[Any], expected: Tensor) -> None:
    """Raises Wrong where row_linear has exchanged something, and returns nothing."""
    if all(one is None for one in values):
        raise Wrong(
            "row_linear returns None", f"a tensor {list(expected.shape)}", "None",
            "all_reduce returns nothing: the sum is in y itself, so return y",
        )  # fmt: skip


def judge_row(
    told: list[Any], x: Tensor, weight: Tensor, bias: Tensor | None, given: list[Any]
) -> None:
    ranks = len(given)
    within = 0.02 if x.dtype == torch.bfloat16 else 1e-4
    parts = [own.double() @ part.double().T for own, part, _ in given]
    added = torch.zeros(weight.shape[0]).double() if bias is None else bias.double()
    total = torch.stack(parts).sum(0)
    expected = total + added
    causes = [
        ([one + added for one in exchanged(parts, how)], hint) for how, hint in EXCHANGES.items()
    ]
    if bias is not None:
        once = "the bias is added on every rank, and the all-reduce adds those up: add it after"
        causes += [
            (exchanged([one + added for one in parts], "sum"), once),
            ([expected + added * ranks] * ranks, once),
            ([total] * ranks, "the bias is missing"),
            ([expected, *[total] * (ranks - 1)],
             "only rank 0 has the bias: after the all-reduce, every rank adds it"),
            (exchanged([one + added for one in parts], "twice"), EXCHANGES["twice"]),
            (exchanged([one + added for one in parts], "mean"),
             "that is the mean of the parts: divide nothing, and add the bias after the sum"),
        ]  # fmt: skip
    shapes = [shape for _, shape in told[0]["exchanges"]]
    hint = None
    if any(shape != list(expected.shape) for shape in shapes):
        hint = f"exchanged is {shapes[0]}, and the parts of the sum are {list(expected.shape)}: "
        hint += "exchange only after the product"
    inputs = [own.double() for own, _, _ in given]
    if len({own.shape for own in inputs}) == 1:  # also where their shape is that of the product
        summed = [torch.stack(inputs).sum(0) @ part.double().T + added for _, part, _ in given]
        causes.append((summed, "added up are the inputs: exchange only after the product"))
    values = [one["value"] for one in told]
    if shapes:
        not_none(values, expected)
    late = [not_all_there(v, one + added, expected) for v, one in zip(values, parts, strict=True)]
    there = all(isinstance(one, Tensor) and one.shape == expected.shape for one in values)
    if there and all(is_close(v, w, within) for v, w in zip(values, late, strict=True)):
        hint = MISSING
    same_on_all(values, expected, causes, "row_linear", hint, within)
    tensor(values[0], "row_linear", expected.shape, x.dtype)
    kinds = [kind for kind, _ in told[0]["exchanges"]]
    if kinds != ["all-reduce"]:
        hint = "gathering everything and adding it up here moves more, and needs more memory"
        if "all-gather" not in kinds:
            hint = "one all-reduce of the whole product is enough"
        raise Wrong("row_linear exchanges too much", "1 all-reduce", counted(told[0]["exchanges"]),
                    hint)  # fmt: skip
