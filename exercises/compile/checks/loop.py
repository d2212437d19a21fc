"""What generating should say, and judging what it says, and with which steps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from workshop.learn.checking import Draw, Work, Wrong, tensor
from workshop.learn.mistakes import Tells, only_cause

from .model import Model, drawn_model, logits_of, unit

SHOWN = 6  # tokens
FED_ALREADY = "the prompt's last token is fed already: its logits give the first new token"


@dataclass(frozen=True)
class Asked:
    """A model, a prompt [B, P], and the tokens after it: one more than are asked for.

    Attributes:
        simple: the step looks at the token and its position alone, and at no cache.
    """

    model: Model
    prompt: Tensor
    said: Tensor
    simple: bool

    @property
    def count(self) -> int:
        return self.said.shape[1] - 1


def next_logits(model: Model, text: Tensor, simple: bool) -> Tensor:
    """Logits [B, vocab] of the token after the text [B, T]."""
    if not simple:
        return logits_of(model, [text])[0][:, -1]
    x = model.weights["tokens"][text[:, -1]] + model.weights["places"][text.shape[1] - 1]
    return unit(x.double()) @ model.weights["head"].double().T


def continued(model: Model, prompt: Tensor, count: int, simple: bool) -> tuple[Tensor, float]:
    """The likeliest ``count`` tokens after ``prompt`` [B, P], and how near a tie they were."""
    text, nearest = prompt, float("inf")
    for _ in range(count):
        logits = next_logits(model, text, simple)
        best = logits.topk(2, dim=-1).values
        nearest = min(nearest, float((best[:, 0] - best[:, 1]).min() / logits.abs().max()))
        text = torch.cat([text, logits.argmax(-1, keepdim=True)], dim=1)
    return text[:, prompt.shape[1] :], nearest


def drawn_asked(
    draw: Draw, batch: int, words: int, count: int, spare: int, simple: bool = False
) -> Asked:
    """By a margin that rounding does not reach, and no text that says one word over and over, in

    which a slip by one would not be seen.
    """
    while True:
        model = drawn_model(draw, words + count + max(spare, 1), 1)
        prompt = draw.integers(0, model.vocab - 1, batch, words)
        right, nearest = continued(model, prompt, count + 1, simple)
        said = torch.cat([prompt[:, -1:], right], dim=1)
        if nearest > 1e-3 and (said[:, 1:3] != said[:, :2]).all():
            return Asked(model, prompt, right, simple)


def generated(
    work: Work, asked: Asked, how: str, prompts: list[Tensor], counts: list[int], room: int
) -> dict[str, Any]:
    """What generate makes of each prompt [B, P], and its steps; equal prompts are one list.

    Args:
        how: "simple", "decode" or "compiled": which step it is given.
        room: places in the caches.
    """
    model = asked.model
    different: list[Tensor] = []
    numbers = []
    for prompt in prompts:
        if not any(prompt is one for one in different):
            different.append(prompt)
        numbers.append(next(i for i, one in enumerate(different) if one is prompt))
    lists = [list(one.unbind(1)) for one in different]
    found: dict[str, Any] = work.call(
        "driver:generated", model.weights, model.heads, room, lists, numbers, counts, how
    )
    return found


# --- judging -------------------------------------------------------------------------------------


def judge_loop(found: dict[str, Any], asked: Asked, number: int = 0) -> None:
    """Raises Wrong unless call ``number`` gave the tokens that follow, in as few steps."""
    prompt, count = asked.prompt, asked.count
    batch, words = prompt.shape
    made, calls = found["made"][number], found["calls"][number]
    if not calls:
        hint = "call the step that is given, which may be compiled: step(model, caches, ...)"
        raise Wrong("generate never calls step", f"{words + count - 1} steps", "none", hint)
    if isinstance(made, Tensor) and list(made.shape) == [batch, words + count]:
        hint = "return what was made, without the prompt"
        raise Wrong("there are too many tokens", [batch, count], list(made.shape), hint)
    if isinstance(made, Tensor) and list(made.shape) == [count, batch] and count != batch:
        hint = "a row for each sequence: torch.stack(tokens, dim=1)"
        raise Wrong("the tokens stand the wrong way round", [batch, count], [count, batch], hint)
    judge_places(calls, words)
    made = tensor(made, "what generate returns", [batch, count], torch.int64)
    right = asked.said[:, :-1]
    judge_number(made, calls, asked)
    judge_lists(found, asked)
    if not torch.equal(made, right):
        row, place = (made != right).nonzero()[0].tolist()
        raise Wrong(
            f"sequence {row}: the tokens differ from number {place + 1} on",
            right[row, place : place + SHOWN], made[row, place : place + SHOWN],
            only_cause(loop_causes(made, calls, asked)),
        )  # fmt: skip


def judge_places(calls: list[Any], words: int) -> None:
    """Raises Wrong unless each step is at its position."""
    kinds = {kind for *_, kind in calls} - {"tensor"}
    other = next((kind for kind in sorted(kinds) if kind.startswith("tensor ")), None)
    if other:
        raise Wrong(
            f"position is a {other}", "a tensor [1] of torch.int64", f"a {other}",
            "torch.tensor([place]) has one dimension, and its dtype is int64",
        )  # fmt: skip
    if kinds:
        raise Wrong(
            f"position is a Python {kinds.pop()}", "a tensor [1]", "a graph for each value of it",
            "to the compiler a Python number is a constant: pass torch.tensor([place])",
        )  # fmt: skip
    places = [position[0] if len(position) == 1 else position for _, position, _ in calls]
    at = next((i for i, place in enumerate(places) if place != i), None)
    if at is not None:
        hint = None
        if at == 0 and places[0] == 1:
            hint = "the first token is at position 0"
        elif at == words and places[at] == words - 1:
            hint = FED_ALREADY
        elif at == words and places[at] == 0:
            hint = (
                "positions go on through prompt and answer: the first new token stands right "
                f"after the prompt, at position {words}"
            )
        elif at == words and places[at] == words + 1:
            hint = f"the first new token stands right after the prompt, at position {words}"
        raise Wrong(f"step {at + 1} is at the wrong position", at, places[at], hint)


def judge_number(made: Tensor, calls: list[Any], asked: Asked) -> None:
    """Raises Wrong unless there are as many steps as it takes."""
    words, count = asked.prompt.shape[1], asked.count
    needed = words + count - 1
    if len(calls) == needed:
        return
    hint = only_cause(loop_causes(made, calls, asked))
    if len(calls) == needed + 1 and torch.equal(made, asked.said[:, :-1]):
        hint = "the last new token need not be fed: nobody asks what comes after it"
    raise Wrong(
        f"a prompt of {words} tokens and {count} new ones take {needed} steps",
        f"{needed} steps", f"{len(calls)} steps", hint,
    )  # fmt: skip


def judge_lists(found: dict[str, Any], asked: Asked) -> None:
    """Raises Wrong unless the prompt is as it was, and the caches given were the ones used."""
    longer, changed = found["longer"], found["prompts_changed"]
    words = asked.prompt.shape[1]
    if longer:
        raise Wrong(
            "generate changes the prompt's list", f"{words} tokens", f"{words + longer} tokens",
            "the prompt belongs to the caller: do not append to it, nor take from it",
        )  # fmt: skip
    if changed:
        raise Wrong("generate changes the tokens of the prompt", hint="only read them")
    if found["other_caches"]:
        raise Wrong(
            "step is given other caches than generate was", "the caches that were made before",
            "others", "they may be used again, whatever an earlier prompt left there: making new "
            "ones takes time, and a CUDA graph knows the old ones alone",
        )  # fmt: skip


def loop_causes(made: Tensor, calls: list[Any], asked: Asked) -> dict[str, Tells]:
    """What gives the tokens ``made``, where the right ones differ."""
    prompt, said = asked.prompt, asked.said
    right, words = said[:, :-1], prompt.shape[1]
    fed = [token for token, _, _ in calls]
    new = fed[words:]
    last = prompt[:, -1].tolist()
    return {
        FED_ALREADY: lambda: bool(new) and new[0] == last != right[:, 0].tolist(),
        "while the prompt is read, its own tokens are fed, in their order": (
            lambda: fed[:words] != [prompt[:, i].tolist() for i in range(words)]
        ),
        "the first new token is missing: the logits of the prompt's last token give it": (
            lambda: torch.equal(made, said[:, 1:])
        ),
        "the first of these is not new: count from the first token that was made": (
            lambda: torch.equal(made, torch.cat([prompt[:, -1:], right[:, :-1]], dim=1))
        ),
        "feed the token made last": (
            lambda: len(new) > 1 and new[0] == right[:, 0].tolist() and all(
                one == new[0] for one in new
            ) and made.shape[1] > 1 and new[1] != made[:, 1].tolist()
        ),
        "the least likely token is taken: argmax, not argmin": (
            lambda: always(made, asked, lambda logits: logits.argmin(-1))
        ),
        "the second likeliest token is taken": (
            lambda: always(made, asked, lambda logits: logits.topk(2, dim=-1).indices[:, 1])
        ),
    }  # fmt: skip


def always(made: Tensor, asked: Asked, pick: Callable[[Tensor], Tensor]) -> bool:
    """Whether each of the tokens is the one that ``pick`` takes of the logits before it."""
    text = torch.cat([asked.prompt, made], dim=1)
    words = asked.prompt.shape[1]
    return all(
        torch.equal(text[:, end], pick(next_logits(asked.model, text[:, :end], asked.simple)))
        for end in range(words, text.shape[1])
    )
