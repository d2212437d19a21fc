"""The capstone's hidden check: a prompt much longer than those that were timed."""

from __future__ import annotations

import time
from functools import partial

from workshop.learn.checking import Work, Wrong, check

from .. import ANY_MEANS
from ..reference import drawn_prompt
from ..speed import VOCAB, Times, baseline, leeway, their_clock, timed_model
from ..tokens import judge

PROMPT, NEW = 110, 2
BAND = 5


@check(
    points=1,
    limits=ANY_MEANS,
    hints=(
        "How many passes does a prompt of a hundred tokens take?",
        "One, of a hundred rows: the weights are read once for all of them.",
        "x = embed[prompt], with a causal mask; then a token at a time",
    ),
)
def a_long_prompt_in_one_pass(work: Work) -> None:
    draw = work.draw
    model, slow = timed_model(draw), baseline()
    number = work.call("driver:load", model)
    clock = their_clock(work)
    work.call("driver:generate", number, draw.integers(0, VOCAB - 1, PROMPT).tolist(), NEW)
    ours, theirs = Times(), Times()
    for _ in range(3):
        prompt = drawn_prompt(draw, model, PROMPT)
        value = theirs.take(clock, partial(work.call, "driver:generate", number, prompt, NEW))
        judge(model, prompt, NEW, value)
    ours.take(time.thread_time, partial(slow, model, prompt, NEW))
    busy, wall = theirs.beside(ours)
    ratio = min(busy, leeway(work) * wall)
    if ratio < BAND:
        raise Wrong(
            f"a prompt of {PROMPT} tokens, and {NEW} new ones", f"{BAND} times the baseline",
            f"{ratio:.2g} times", "is a long prompt read in one pass, as a short one is?",
        )  # fmt: skip
