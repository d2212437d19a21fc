"""What generating should say, and judging what it says."""

from typing import Any

import torch
from torch import Tensor

from workshop.learn.checking import Draw, Wrong, tensor

from .model import Model, drawn_model, logits_of


def continued(model: Model, prompt: Tensor, count: int) -> tuple[Tensor, float]:
    """The likeliest ``count`` tokens after ``prompt`` [B, P], and how near a tie they were."""
    text, nearest = prompt, float("inf")
    for _ in range(count):
        logits = logits_of(model, [text])[0][:, -1]
        best = logits.topk(2, dim=-1).values
        nearest = min(nearest, float((best[:, 0] - best[:, 1]).min() / logits.abs().max()))
        text = torch.cat([text, logits.argmax(-1, keepdim=True)], dim=1)
    return text[:, prompt.shape[1] :], nearest


def drawn_prompt(
    draw: Draw, batch: int, words: int, count: int, spare: int
) -> tuple[Model, Tensor, Tensor]:
    """A model, a prompt, and the ``count`` + 1 tokens after it.

    By a margin that rounding does not reach, and no text that says one word over and over, in which
    a slip by one would not be seen.
    """
    for _ in range(20):
        model = drawn_model(draw, words + count + spare, 1)
        prompt = draw.integers(0, model.vocab - 1, batch, words)
        right, nearest = continued(model, prompt, count + 1)
        said = torch.cat([prompt[:, -1:], right], dim=1)
        if nearest > 1e-3 and (said[:, 1:3] != said[:, :2]).all():
            break
    return model, prompt, right


def judge_loop(found: dict[str, Any], prompt: Tensor, said: Tensor) -> None:
    right = said[:, :-1]
    (batch, count), words = right.shape, prompt.shape[1]
    made = found["made"][0]
    places = [position[0] if len(position) == 1 else position for _, position, _ in found["calls"]]
    fed = [token for token, _, _ in found["calls"]]
    if isinstance(made, Tensor) and list(made.shape) == [batch, words + count]:
        hint = "return what was made, without the prompt"
        raise Wrong("there are too many tokens", [batch, count], list(made.shape), hint)
    if isinstance(made, Tensor) and list(made.shape) == [count, batch] and count != batch:
        hint = "a row for each sequence: torch.stack(tokens, dim=1)"
        raise Wrong("the tokens stand the wrong way round", [batch, count], [count, batch], hint)
    made = tensor(made, "what generate returns", [batch, count], torch.int64)
    wanted = list(range(len(places)))
    if places != wanted:
        at = next(i for i, place in enumerate(places) if place != wanted[i])
        hint = "positions go on by one at every step, from 0 through prompt and answer"
        if at == 0 and places[0] == 1:
            hint = "the first token is at position 0"
        elif at == words and places[at] == words - 1:
            hint = "the prompt's last token is fed already: its logits give the first new token"
        elif at == words:
            hint = f"the first new token stands right after the prompt, at position {words}"
        raise Wrong(f"step {at + 1} is at the wrong position", wanted[at], places[at], hint)
    if torch.equal(made, right):
        return
    hint = None
    first = [right[:, :1].flatten().tolist(), prompt[:, -1].tolist()]
    if len(fed) > words and fed[words] == first[1] and first[0] != first[1]:
        hint = "the prompt's last token is fed already: its logits give the first new token"
    elif any(fed[i] != prompt[:, i].tolist() for i in range(min(words, len(fed)))):
        hint = "while the prompt is read, its own tokens are fed, in their order"
    elif torch.equal(made, said[:, 1:]):
        hint = "the first new token is missing: the logits of the prompt's last token give it"
    elif count > 1 and torch.equal(made[:, 1:], right[:, :-1]):
        hint = "the first of these is not new: count from the first token that was made"
    elif count > 1 and len(fed) > words + 1 and fed[words] == fed[words + 1] != made[:, 1].tolist():
        hint = "feed the token made last"
    row, place = (made != right).nonzero()[0].tolist()
    raise Wrong(f"sequence {row}: the tokens differ from number {place + 1} on", right, made, hint)
