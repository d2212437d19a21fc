"""Calls their function and writes down what it makes, and what becomes of its arguments."""

import torch

from workshop.learn.made import Made


def watched(theirs, name, *arguments):
    """The value, the largest tensor and the most bytes made, and which arguments were changed."""
    before = copies(arguments)
    with Made() as made:
        value = getattr(theirs, name)(*arguments)
    return {
        "value": value,
        "largest": made.largest,
        "peak": made.peak,
        "operations": sorted({step.name for step in made.steps}),
        "changed": [not same(*pair) for pair in zip(before, copies(arguments), strict=True)],
    }


def stated(theirs, name, *arguments):
    """As ``watched``, with states as tuples."""
    return watched(theirs, name, *(tuple(a) if isinstance(a, list) else a for a in arguments))


def copies(values):
    return [
        copies(value)
        if isinstance(value, list | tuple)
        else value.clone()
        if isinstance(value, torch.Tensor)
        else value
        for value in values
    ]


def same(one, other):
    if isinstance(one, list):
        return all(map(same, one, other))
    if isinstance(one, torch.Tensor):
        return torch.equal(one.nan_to_num(), other.nan_to_num())
    return one == other
