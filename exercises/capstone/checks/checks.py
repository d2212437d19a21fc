"""Checks of the capstone: the same tokens first, then how much faster than the baseline here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from workshop.judge.judge import FaultError
from workshop.judge.limits import Limits
from workshop.learn.checking import Work, Wrong, check

from .reference import THETAS, drawn_model, drawn_prompt, narrow_at_second, narrow_prompt
from .speed import reach
from .tokens import Asking, Told, judge

ANY_MEANS = Limits(seconds=90, cpu_seconds=180, memory_mb=4000, processes=16)
MORE = 12  # new tokens of a further question
TIES = 6  # of which a cache in 16 bits breaks some the wrong way
SAME = "the tokens are the same"


@check(
    points=0,
    limits=ANY_MEANS,
    hints=(
        "Change one thing at a time, and check again: which change was it?",
        "Compare with the starter: 'workshop reset capstone' keeps yours beside it.",
        "With a cache: a new token stands at len(text), sees all before it AND itself.",
    ),
)
def the_tokens_are_the_same(work: Work) -> None:
    """On models and texts of several sizes, one after another in one process."""
    draw, vocab = work.draw, work.draw.integer(150, 250)
    models: list[dict[str, Any]] = []
    earlier: list[list[int]] = []

    def said(number: int, prompt: list[int], new: int) -> None:
        value = work.call("driver:generate", number, prompt, new)
        others = models[:number] + models[number + 1 :]
        asking = asking_more(work, models, number)
        earlier.append(judge(models[number], prompt, new, value, earlier, others, asking))

    turn = draw.integer(0, 2)  # of three models, each has another theta
    for i, (shared, eps) in enumerate(
        ((1, draw.number(0.1, 0.3)), (3, draw.number(0.01, 0.05)), (2, 1e-5))
    ):
        kv_heads = draw.integer(2, 3)
        model = drawn_model(
            draw, kv_heads * shared, kv_heads, 2 * draw.integer(3, 6), draw.integer(20, 60),
            draw.integer(2, 3), vocab, eps, THETAS[(i + turn) % 3],
        )  # fmt: skip
        number = work.call("driver:load", model)
        models.append(model)
        prompt: list[int] = []
        for length, new in ((draw.integer(9, 20), 12), (1, 3), (draw.integer(30, 60), 20),
                            (draw.integer(3, 8), 1)):  # fmt: skip
            prompt = drawn_prompt(draw, model, length)
            said(number, prompt, new)
        said(number, prompt, 5)  # the same prompt, and more of the text
        said(number, narrow_prompt(draw, model, 200), 1)
        for narrow in narrow_at_second(draw, model, 200, TIES):
            said(number, narrow, 2)
    said(0, drawn_prompt(draw, models[0], draw.integer(9, 20)), 10)  # back to an earlier model
    said(1, drawn_prompt(draw, models[1], draw.integer(250, 400)), 2)
    if not work.call("driver:leaves_prompt_alone", 0, prompt, 2):
        hint = "it belongs to who calls: append to a copy"
        raise Wrong("the prompt is changed by generate", "the list as it was", hint=hint)


def asking_more(work: Work, models: list[dict[str, Any]], number: int) -> Asking:
    """Further questions to their engine, about the model ``number`` first."""

    def ask(number: int, prompt: list[int], new: int) -> list[int]:
        value = again(lambda: work.call("driver:generate", number, prompt, new))
        return value if isinstance(value, list) and len(value) == new else [-1] * new

    def more() -> Iterator[Told]:
        for one in (number, number, *range(len(models))):
            prompt = drawn_prompt(work.draw, models[one], work.draw.integer(12, 40))
            yield Told(models[one], prompt, ask(one, prompt, MORE))

    def anew(prompt: list[int], new: int) -> Any:
        return again(lambda: work.call("driver:generate_anew", models[number], prompt, new))

    return Asking(more, anew, lambda prompt, new: ask(number, prompt, new))


def again(call: Callable[[], Any]) -> Any:
    """What a call gives; None where it gives nothing."""
    try:
        return call()
    except FaultError:
        return None


@check(
    points=2,
    needs=(SAME,),
    limits=ANY_MEANS,
    hints=(
        "What is computed in every call of forward that was computed in the one before?",
        "Tables, masks and conversions: once in prepare, or once a call, not once a head.",
        "No .double(): fp32 from the start. One table of angles for all layers and heads.",
    ),
)
def half_as_fast_again(work: Work) -> None:
    reach(work, 1.5)


@check(
    points=3,
    needs=(SAME, "half as fast again"),
    limits=ANY_MEANS,
    hints=(
        "How often is the key of the first token computed?",
        "Once a token: keep keys and values, and feed the new token alone.",
        "cache [layers, 2, kv_heads, len(prompt) + new_tokens, D]; a step works on x [1, dim]",
    ),
)
def three_times_as_fast(work: Work) -> None:
    reach(work, 3)


@check(
    points=3,
    needs=(SAME, "three times as fast"),
    limits=ANY_MEANS,
    hints=(
        "How many calls of torch does a step make, for each head?",
        "All heads at once: q as [heads, 1, D], keys as [heads, S, D].",
        "F.scaled_dot_product_attention(q, k, v, is_causal=..., enable_gqa=True)",
    ),
)
def six_times_as_fast(work: Work) -> None:
    reach(work, 6)


@check(
    points=4,
    needs=(SAME, "six times as fast"),
    limits=ANY_MEANS,
    hints=(
        "What is left is calling. Which two calls could be one?",
        "q, k and v in one product; gate and up in another; logits of the last token alone.",
        "F.linear, F.rms_norm, F.silu; merge the weights in prepare; @torch.inference_mode()",
    ),
)
def twelve_times_as_fast(work: Work) -> None:
    reach(work, 12)
