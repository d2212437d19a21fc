"""A sample's text against its tokens, where the tokenizer is the one that comes with the workshop.

A doubt at the most: whoever trains the embedded pair anew has another tokenizer.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from workshop import tiny
from workshop.grading.evidence.finding import Check, found
from workshop.grading.evidence.log import Run
from workshop.grading.evidence.model import shape_of
from workshop.grading.records import Finding
from workshop.llm.text.tokenizer import Tokenizer

MOST_TOKENS = 4000  # of a run that are turned into text


def spelt(run: Run) -> Iterator[Finding]:
    """The tokens of each sample spell its text."""
    if shape_of(run.result) is None:  # a checkpoint has a tokenizer of its own
        return
    left = MOST_TOKENS
    for i, sample in enumerate(run.result.samples):
        left -= len(sample.tokens)
        if left < 0:
            return
        if tokenizer().decode(sample.tokens) != sample.text:
            yield found("doubt", run, f"the tokens of sample {i + 1} do not spell its text")
            return


@cache
def tokenizer() -> Tokenizer:
    """The embedded model's, which random weights speak too."""
    return Tokenizer(Path(tiny.__file__).parent / "weights" / "verifier" / "tokenizer.model")


CHECKS: tuple[Check, ...] = (spelt,)
