"""Hidden checks of the static cache: several texts at work, and a prompt that is used again."""

import torch

from workshop.learn.checking import Work, Wrong, check, is_close, pair, tensor

from ..loop import drawn_prompt
from ..model import drawn_model, drawn_texts, logits_of


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
            raise Wrong(
                f"text {number + 1} of two in turns, position {place}: the logits are off",
                want[0, place, 0], have[0, place, 0],
                "each text has caches of its own: a step works on those that it is given",
            )  # fmt: skip


@check(
    points=1,
    hints=(
        "What is in the prompt's list after generate?",
        "What was in it before: who asks twice with the same list wants the same answer.",
        "made = [] for the new tokens, and prompt is only read",
    ),
)
def the_same_prompt_again(work: Work) -> None:
    draw = work.draw
    words, count = draw.integer(14, 18), draw.integer(9, 12)
    model, prompt, said = drawn_prompt(draw, draw.integer(1, 2), words, count, 4)
    counts = [count, count, 1]
    found = work.call(
        "driver:generated_again", model.weights, model.heads, model.length,
        list(prompt.unbind(1)), counts,
    )  # fmt: skip
    for number, asked in enumerate(counts):
        shape = [prompt.shape[0], asked]
        made = tensor(found["made"][number], "what generate returns", shape, torch.int64)
        places = found["places"][number]
        hint = "the prompt belongs to the caller: do not append to it" if found["longer"] else None
        if places != list(range(words + asked - 1)):
            expected = f"positions 0 to {words + asked - 2}"
            raise Wrong(f"call {number + 1} with the same prompt", expected, places, hint)
        if not torch.equal(made, said[:, :asked]):
            what = f"call {number + 1} with the same prompt says something else"
            raise Wrong(what, said[:, :asked], made, hint)
    if found["longer"]:
        told = f"{words + found['longer']} tokens"
        raise Wrong("the prompt is longer than before", f"{words} tokens", told)
