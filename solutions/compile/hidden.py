"""Hidden checks of the static cache: several texts at work, a prompt used again, long texts."""

import torch

from workshop.learn.checking import Work, Wrong, check, is_close, pair, tensor

from ..cache import judge_masks
from ..loop import drawn_asked, generated, judge_loop
from ..model import Model, drawn_model, drawn_texts, fed, logits_of

FAR = ((33000, (32766, 32767, 32768, 32769, 32999)), (70001, (65534, 65535, 65536, 65537, 70000)))


@check(
    points=1,
    hints=(
        "Whose caches does a step write into?",
        "Into those that it is given, whatever it was given before: keep no cache of your own.",
        "for layer, cache in zip(model.layers, caches, strict=True): update(cache, k, v, position)",
    ),
)
def two_texts_in_turns(work: Work) -> None:
    """As a server has them: a token of one, a token of the other; with room for long texts."""
    draw = work.draw
    model = drawn_model(draw, draw.integer(1100, 1300), 1)
    count, batch = draw.integer(4, 6), draw.integer(1, 2)
    texts = drawn_texts(draw, model, batch, [count, count])
    found = pair(
        work.call("driver:fed_in_turns", model.weights, model.heads, model.length, texts), "decode"
    )
    expected = [logits_of(model, [text])[0] for text in texts]
    for number, (have, want) in enumerate(zip(found, expected, strict=True)):
        have = tensor(have, "the logits of all steps", want.shape)
        if not is_close(have, want, 1e-4):
            off = ~((have.double() - want).abs() <= 1e-4 * want.abs().max())
            place = int(off.any(2).any(0).nonzero()[0])
            hint = "each text has caches of its own: a step works on those that it is given"
            raise Wrong(
                f"text {number + 1} of two in turns, position {place}: the logits are off",
                want[0, place, 0], have[0, place, 0],
                hint if right_alone(work, model, texts) else None,
            )  # fmt: skip


def right_alone(work: Work, model: Model, texts: list[torch.Tensor]) -> bool:
    """Whether each of the texts goes well by itself, so that only turns can be the cause."""
    return all(
        is_close(fed(work, model, [text])[0], logits_of(model, [text])[0], 1e-4) for text in texts
    )


@check(
    points=1,
    hints=(
        "What is in the prompt's list after generate? And what has generate kept of it?",
        "Nothing new, and nothing: who asks twice wants the same steps and the same answer.",
        "made = [] for the new tokens, and prompt is only read",
    ),
)
def the_same_prompt_again(work: Work) -> None:
    draw = work.draw
    words, count = draw.integer(14, 18), draw.integer(9, 12)
    asked = drawn_asked(draw, draw.integer(1, 2), words, count, 4)
    found = generated(work, asked, "decode", [asked.prompt] * 2, [count] * 2, asked.model.length)
    for number in range(2):
        try:
            judge_loop(found, asked, number)
        except Wrong as wrong:
            wrong.message = f"call {number + 1} with the same prompt: {wrong.message}"
            raise


@check(
    points=1,
    hints=(
        "How large may a position be?",
        "As large as int64 is: compare it as it is, without another dtype or a table of places.",
        "torch.arange(length, device=position.device) <= position[:, None]",
    ),
)
def the_mask_of_a_long_text(work: Work) -> None:
    cases = [(at, length) for length, places in FAR for at in places]
    cases.append((work.draw.integer(3000, 39999), 40000))
    found = work.call("driver:masks", cases)
    judge_masks(found["masks"], cases)
