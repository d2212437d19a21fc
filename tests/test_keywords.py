"""Sentences of the command line as a function of Python says them."""

from __future__ import annotations

import pytest

from workshop.util.keywords import as_keywords

CHOICES = {
    "batch_size": (),
    "compile": (),
    "compile_mode": ("auto", "default", "max-autotune"),
    "draft": (),
    "speculate": ("none", "prompt-lookup"),
    "temperature": (),
}


@pytest.mark.parametrize(
    ("sentence", "reworded"),
    [
        ("use --batch-size 1, or go", "use batch_size=1, or go"),
        ("add --temperature 0.5.", "add temperature=0.5."),
        ("use --speculate prompt-lookup", "use speculate='prompt-lookup'"),
        ("--compile-mode says how", "compile_mode says how"),
        ("add --compile", "add compile=True"),
        ("use --no-compile to see it", "use compile=False to see it"),
        ("name one with --draft.", "name one with draft."),
        ("ask Slurm for more (--mem 4G)", "ask Slurm for more (--mem 4G)"),
        ("a -- b, ---, x--batch-size 1", "a -- b, ---, x--batch-size 1"),
        ("--draft and --speculate none", "draft and speculate='none'"),
    ],
)
def test_an_option_becomes_a_keyword(sentence: str, reworded: str) -> None:
    assert as_keywords(sentence, CHOICES, flags=("compile",)) == reworded
