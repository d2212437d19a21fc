"""Checks of the capstone: the same tokens first, then how much faster than the baseline here."""

from __future__ import annotations

import importlib.util
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workshop.judge.forkserver import descendants
from workshop.judge.limits import Limits
from workshop.learn.checking import Draw, Work, Wrong, check

STARTER = Path(__file__).parents[1] / "exercise.py"
ANY_MEANS = Limits(seconds=90, cpu_seconds=180, memory_mb=4000, processes=16)
CLEAR = 1e-4  # between the two best logits, in standard deviations: fp32 cannot confuse them
NARROW = 0.05  # what 16 bits can confuse
ROUNDS, MORE_ROUNDS = 2, 6
TURNS = 3  # of theirs for one of the baseline: what is short is disturbed as a whole
TELLING = 8  # new tokens that agree are no accident
CPU_OF_PROCESS = 2  # as Linux numbers the clocks of other processes
UNSURE = 1.25  # this near to a band, more rounds are taken
PROMPT, NEW = 16, 12
VOCAB = 200
SHORT, LONG = 8, 200  # tokens of text, to see what grows with it
SAME = "the tokens are the same"

SLIPS = {
    "tiled": "head h belongs to key/value head h // (heads // kv_heads), not to h % kv_heads",
    "seen": "tokens of the prompt see those that come later: a mask is missing in prefill",
    "shifted": "a new token's position is off by one: the first stands at len(prompt)",
    "behind": "a new token's position is off by one: the first stands at len(prompt)",
    "overwritten": "the first new token is written over the last of the prompt in the cache: its "
    "place is off by one",
    "blind": "a new token does not see itself: its key and value go into the cache BEFORE it "
    "looks at it, and the place is counted in",
    "unscaled": "scores are divided by the root of the head's size",
    "neighbours": "RoPE turns elements i and i + D/2 together, not neighbours",
    "unturned": "keys of the prompt and of new tokens are both turned by RoPE, at their places",
}


@dataclass(frozen=True)
class Said:
    """What is right.

    Attributes:
        margins: how far the best logit is above the second, in standard deviations, token by token.
    """

    tokens: list[int]
    margins: list[float]


def drawn_model(
    draw: Draw, heads: int, kv_heads: int, size: int, hidden: int, layers: int, vocab: int
) -> dict[str, Any]:
    """Random weights with which attention counts: what is said depends on all that was read."""
    dim = heads * size

    def matrix(rows: int, columns: int, gain: float = 1.0) -> Tensor:
        return draw.normal(rows, columns) * (gain / math.sqrt(columns))

    def near_one() -> Tensor:
        return 1 + 0.2 * draw.normal(dim)

    return {
        "embed": 0.4 * draw.normal(vocab, dim),
        "layers": [
            {
                "attention_norm": near_one(),
                "q": matrix(dim, dim, 1.5),
                "k": matrix(kv_heads * size, dim, 1.5),
                "v": matrix(kv_heads * size, dim),
                "o": matrix(dim, dim, 1.5),
                "mlp_norm": near_one(),
                "gate": matrix(hidden, dim),
                "up": matrix(hidden, dim),
                "down": matrix(dim, hidden),
            }
            for _ in range(layers)
        ],
        "norm": near_one(),
        "head": matrix(vocab, dim),
        "heads": heads,
        "kv_heads": kv_heads,
        "theta": float(draw.choice([1000.0, 10000.0, 50000.0])),
        "eps": 1e-5,
    }


def right(model: dict[str, Any], prompt: list[int], new_tokens: int, slip: str = "") -> Said:
    """All of the text anew for every token, in fp64; or with a typical mistake."""
    text, margins = list(prompt), []
    for _ in range(new_tokens):
        logits = last_logits(model, text, len(prompt), slip)
        best = logits.topk(2).values
        margins.append(float((best[0] - best[1]) / logits.std()))
        text.append(int(logits.argmax()))
    return Said(text[len(prompt) :], margins)


def last_logits(model: dict[str, Any], text: list[int], read: int, slip: str) -> Tensor:
    """Logits [vocab] after ``text``, whose first ``read`` tokens are the prompt."""
    heads, kv_heads, eps = model["heads"], model["kv_heads"], model["eps"]
    x = model["embed"][text].double()
    length = len(text)
    place = torch.arange(length)
    new = place >= read
    allowed = place[:, None] >= place
    if slip == "seen":
        allowed = allowed | (~new[:, None] & ~new)
    if slip == "overwritten":
        allowed = allowed & ~(new[:, None] & (place == read - 1))
    if slip == "blind":
        allowed = allowed & ~(new[:, None] & (place[:, None] == place))
    where = place + new.long() * {"shifted": 1, "behind": -1}.get(slip, 0)
    owner = torch.arange(heads)
    owner = owner % kv_heads if slip == "tiled" else owner // (heads // kv_heads)
    for layer in model["layers"]:
        h = norm(x, layer["attention_norm"], eps)
        q, k, v = ((h @ layer[n].double().T).unflatten(1, (-1, x.shape[1] // heads)).transpose(0, 1)
                   for n in "qkv")  # fmt: skip
        q = turned(q, where, model["theta"], slip)
        k = k if slip == "unturned" else turned(k, where, model["theta"], slip)
        scores = q @ k[owner].mT / (1 if slip == "unscaled" else math.sqrt(q.shape[-1]))
        weights = scores.masked_fill(~allowed, -math.inf).softmax(-1)
        x = x + (weights @ v[owner]).transpose(0, 1).flatten(1) @ layer["o"].double().T
        h = norm(x, layer["mlp_norm"], eps)
        gate, up = h @ layer["gate"].double().T, h @ layer["up"].double().T
        x = x + (gate * gate.sigmoid() * up) @ layer["down"].double().T
    return norm(x[-1], model["norm"], eps) @ model["head"].double().T


def norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    return x / (x.pow(2).mean(-1, keepdim=True) + eps).sqrt() * weight.double()


def turned(x: Tensor, where: Tensor, theta: float, slip: str) -> Tensor:
    half = x.shape[-1] // 2
    angles = where[:, None] * theta ** (-torch.arange(half, dtype=torch.float64) / half)
    pairs = (x[..., 0::2], x[..., 1::2]) if slip == "neighbours" else (x[..., :half], x[..., half:])
    a = pairs[0] * angles.cos() - pairs[1] * angles.sin()
    b = pairs[0] * angles.sin() + pairs[1] * angles.cos()
    return torch.stack([a, b], -1).flatten(-2) if slip == "neighbours" else torch.cat([a, b], -1)


def drawn_prompt(
    draw: Draw, model: dict[str, Any], length: int, new_tokens: int
) -> tuple[list[int], Said]:
    """A prompt after which no two logits are so near that rounding in fp32 could decide."""
    vocab = model["embed"].shape[0]
    for _ in range(20):
        prompt = draw.integers(0, vocab - 1, length).tolist()
        said = right(model, prompt, new_tokens)
        if min(said.margins) > CLEAR:
            break
    return prompt, said


def plain_tokens(value: Any, new_tokens: int, prompt: list[int]) -> list[int]:
    """Token ids, as a list or a tensor of one dimension."""
    if isinstance(value, Tensor) and value.dim() == 1 and not value.dtype.is_floating_point:
        value = value.tolist()
    ids = isinstance(value, list) and all(type(token) is int for token in value)
    if not ids:
        raise Wrong("generate should return a list of token ids", f"{new_tokens} numbers", value)
    if len(value) == len(prompt) + new_tokens and value[: len(prompt)] == prompt:
        hint = "return the new tokens alone, without the prompt"
        raise Wrong("the prompt is returned as well", new_tokens, len(value), hint)
    return value


def judge(
    model: dict[str, Any], prompt: list[int], said: Said, value: Any, earlier: list[list[int]]
) -> None:
    """Raises Wrong, with the cause where it betrays itself, unless the tokens are right.

    Args:
        earlier: what was rightly said in earlier calls of the same process.
    """
    asked = len(said.tokens)
    actual = plain_tokens(value, asked, prompt)
    if actual == said.tokens:
        return
    what = f"prompt of {len(prompt)}, {asked} new tokens"
    if len(actual) != asked:
        hint = "every call must give as many new tokens as it is asked for"
        if actual in earlier:
            hint = "that is the answer of an earlier call: the text may be longer this time"
        elif actual[:asked] == said.tokens[: len(actual)] and len(actual) < asked:
            hint = f"it stops early: {hint}. Is there room for a text of any length?"
        raise Wrong(f"{what}: {len(actual)} came", asked, len(actual), hint)
    if actual in earlier:
        hint = "that is what an earlier model or prompt got: nothing may be kept across them"
        raise Wrong(f"{what}: the tokens differ", said.tokens[:8], actual[:8], hint)
    first = next(i for i in range(asked) if actual[i] != said.tokens[i])
    hint = None
    if asked >= TELLING:
        slips = (slip for slip in SLIPS if right(model, prompt, asked, slip).tokens == actual)
        hint = SLIPS.get(next(slips, ""))
    if hint is None and actual[1:] == said.tokens[:-1]:
        hint = "they come one place late: is the last token of the prompt, or the first new, twice?"
    elif hint is None and actual[:-1] == said.tokens[1:]:
        hint = "the first new token is missing: it comes with the prompt's own pass"
    elif hint is None and said.margins[first] < NARROW:
        hint = (
            f"the two best logits are only {said.margins[first]:.2g} standard deviations apart "
            "there: is the precision lowered? fp32 tells them apart, 16 bits do not"
        )
    elif hint is None and earlier:
        hint = (
            "texts before this one were right: what is left of an earlier call? Each begins with "
            "an empty cache, whatever the lengths are"
        )
    elif hint is None and first > 0:
        hint = "the first new tokens are right: look at what later ones find in the cache"
    place = slice(first, first + 6)
    raise Wrong(
        f"{what}: they differ from token {first} on", said.tokens[place], actual[place], hint
    )


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
    draw, earlier = work.draw, []
    with one_thread():
        for shared in (2, 1, 3):
            kv_heads = draw.integer(2, 3)
            model = drawn_model(
                draw, kv_heads * shared, kv_heads, 2 * draw.integer(3, 6), draw.integer(20, 60),
                draw.integer(2, 3), draw.integer(150, 250),
            )  # fmt: skip
            work.call("driver:load", model)
            prompt: list[int] = []
            for length, new in ((draw.integer(9, 20), 12), (1, 3), (draw.integer(30, 60), 30),
                                (draw.integer(3, 8), 1)):  # fmt: skip
                prompt, said = drawn_prompt(draw, model, length, new)
                judge(model, prompt, said, work.call("driver:generate", prompt, new), earlier)
                earlier.append(said.tokens)
            said = right(model, prompt, 5)  # the same prompt, and more of the text
            if min(said.margins) > CLEAR:
                judge(model, prompt, said, work.call("driver:generate", prompt, 5), earlier)
        if not work.call("driver:leaves_prompt_alone", prompt, 2):
            hint = "it belongs to who calls: append to a copy"
            raise Wrong("the prompt is changed by generate", "the list as it was", hint=hint)


@contextmanager
def one_thread() -> Iterator[None]:
    """As it is where the participant's code runs."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def baseline() -> Callable[[dict[str, Any], list[int], int], list[int]]:
    """The engine as it is handed out."""
    spec = importlib.util.spec_from_file_location("capstone_baseline", STARTER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate


def timed_model(draw: Draw, heads: int = 8) -> dict[str, Any]:
    return drawn_model(draw, heads, heads // 2, 64 // heads, 128, 3, VOCAB)


def reach(work: Work, band: float) -> None:
    """Raises Wrong unless the engine is ``band`` times as fast as the baseline, here and now.

    The two take turns, each time on a prompt that neither has seen, and the fastest of each counts.
    Processor time is taken, which on an idle machine is the time on the clock: who else is at work
    there flatters nobody, and harms nobody.
    """
    slow, model = baseline(), timed_model(work.draw)
    with one_thread():
        work.call("driver:load", model)
        clock = their_clock(work)
        for _ in range(2):  # warm-up
            work.call("driver:generate", work.draw.integers(0, VOCAB - 1, PROMPT).tolist(), 4)
        ours, theirs = [], []
        while len(ours) < ROUNDS + MORE_ROUNDS:
            for turn in range(TURNS):
                prompt, said = drawn_prompt(work.draw, model, PROMPT, NEW)
                if turn == 0:
                    started = time.thread_time()
                    slow(model, prompt, NEW)
                    ours.append(time.thread_time() - started)
                started = clock()
                value = work.call("driver:generate", prompt, NEW)
                theirs.append(clock() - started)
                judge(model, prompt, said, value, [])
            ratio = min(ours) / min(theirs)
            clear = not band / UNSURE < ratio < band * UNSURE
            if len(ours) >= ROUNDS and clear:
                break
        if ratio < band:
            told = f"{min(ours) * 1e3:.0f} ms became {min(theirs) * 1e3:.1f} ms"
            raise Wrong(
                f"{ratio:.2g} times as fast as the baseline ({told})", f"{band:g} times",
                f"{ratio:.2g} times", what_takes_the_time(work, clock, ratio),
            )  # fmt: skip


def what_takes_the_time(work: Work, clock: Callable[[], float], ratio: float) -> str:
    """What grows that need not, as a stopwatch from outside shows it."""
    start = "" if ratio > 1.1 else "This is no faster than what was handed out. "
    first = {n: asked(work, clock, n, 1) for n in (SHORT, LONG)}
    five = {n: asked(work, clock, n, 5) for n in (SHORT, LONG)}
    each = {n: max(five[n] - first[n], 1e-5) / 4 for n in (SHORT, LONG)}
    growth = each[LONG] / each[SHORT]
    if growth > 2 and five[LONG] > 2 * first[LONG]:
        return (
            f"{start}A token takes {growth:.2g} times as long after {LONG} tokens of text as after "
            f"{SHORT}: earlier tokens are computed again. Keep their keys and values"
        )
    if first[LONG] > LONG / SHORT / 2 * first[SHORT]:
        return (
            f"{start}Reading {LONG} tokens takes {first[LONG] / first[SHORT]:.2g} times as long "
            f"as {SHORT}: they can be read in one pass, as rows of one matrix"
        )
    work.call("driver:load", timed_model(work.draw, heads=2))
    fewer = max(asked(work, clock, SHORT, 5) - asked(work, clock, SHORT, 1), 1e-6) / 4
    if each[SHORT] > 1.6 * fewer:
        return (
            f"{start}8 heads take {each[SHORT] / fewer:.2g} times as long as 2 of the same size "
            "together: make one product of them all, and look at all heads at once"
        )
    return (
        f"{start}A token takes {each[SHORT] * 1e3:.2g} ms however long the text is: now count the "
        "calls of torch in a step. What is the same for all tokens belongs into prepare"
    )


def asked(work: Work, clock: Callable[[], float], length: int, new_tokens: int) -> float:
    """Seconds of a generation, the fastest of two."""
    took = []
    for _ in range(2):
        prompt = work.draw.integers(0, VOCAB - 1, length).tolist()
        started = clock()
        work.call("driver:generate", prompt, new_tokens)
        took.append(clock() - started)
    return min(took)


def their_clock(work: Work) -> Callable[[], float]:
    """Seconds of processor time of their process and of those that it has started.

    Where the kernel does not tell, it is the clock on the wall.
    """
    family = descendants(work.student.server.process.pid)
    if not family:
        return time.perf_counter
    own = family[-1]  # the deepest: it has just been forked

    def clock() -> float:
        total = 0.0
        for pid in (own, *descendants(own)):
            with suppress(OSError):  # it has ended meanwhile
                total += time.clock_gettime((~pid << 3) | CPU_OF_PROCESS)
        return total

    return clock if clock() > 0 else time.perf_counter


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
