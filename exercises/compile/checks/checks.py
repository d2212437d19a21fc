"""Checks of the static cache and the compiled step, on little models that nobody has seen."""

from typing import Any

import torch
from torch import Tensor

from workshop.judge.limits import Limits
from workshop.learn.checking import Work, Wrong, check, is_close, pair, tensor

from .cache import PLACES, judge_masks, judge_update
from .graphs import hint_anew, judge_compiled, why_anew, why_broken
from .loop import drawn_asked, generated, judge_loop
from .model import (
    KEPT,
    Model,
    drawn_model,
    drawn_texts,
    fed,
    first_text,
    logits_of,
    same_logits,
)

COMPILER = ("workshop.learn.compiler",)
PATIENT = Limits(seconds=30)
# Operations that make a tensor anew, where a cache is to be written into.
WHOLE = {
    "cat", "stack", "zeros", "zeros_like", "new_zeros", "empty", "empty_like", "new_empty", "full",
    "full_like", "new_full", "ones", "index_copy", "index_put", "index_add", "scatter",
    "scatter_add", "slice_scatter", "select_scatter", "where", "clone", "_to_copy",
}  # fmt: skip


# --- the cache and its mask ----------------------------------------------------------------------


@check(
    points=1,
    hints=(
        "How many numbers does it hold, of which dtype?",
        "Two tensors of zeros, made apart, of the shape [batch, heads, length, size].",
        "torch.zeros(batch, heads, length, size, dtype=dtype), twice",
    ),
)
def room_for_all_tokens(work: Work) -> None:
    draw = work.draw
    calls: list[list[Any]] = [[2, 3, 11, 5, "float32"]]  # of which no two are the same
    for dtype in ("float32", "bfloat16", "float16"):
        shape = [draw.integer(1, 3), draw.integer(2, 4), draw.integer(5, 20), draw.integer(3, 9)]
        calls.append([*shape, dtype])
    calls.append(calls[-1])
    found = work.call("driver:room", calls)
    # The driver has filled memory with sevens and given it back.
    found_before = any(
        isinstance(one, Tensor) and one.eq(7).any()
        for cache in found["caches"]
        if isinstance(cache, tuple | list)
        for one in cache
    )
    for cache, (*shape, dtype) in zip(found["caches"], calls, strict=True):
        for one, what in zip(pair(cache, "make_cache"), ("keys", "values"), strict=True):
            if isinstance(one, Tensor) and one.dtype != getattr(torch, dtype):
                hint = f"a model in {dtype} writes {dtype}: the cache has the dtype that is given"
                raise Wrong(f"{what}: the wrong dtype", f"torch.{dtype}", str(one.dtype), hint)
            one = tensor(one, what, shape)
            if one.ne(0).any() or one.isnan().any():
                hint = "torch.empty holds whatever was there before" if found_before else None
                raise Wrong(f"{what} are not zero at first", 0, one[one != 0][0].item(), hint)
    folded = found["folded"]
    if any(folded):
        raise Wrong(
            "the places share their memory", "an element for each number",
            f"so in {sum(folded)} of {len(folded)} tensors",
            "expand() only looks like many zeros: make them all",
        )  # fmt: skip
    for one, other in found["overwritten"]:
        together = one // 2 == other // 2
        raise Wrong(
            "keys and values lie in the same memory" if together
            else "two caches lie in the same memory",
            "what is written to one changes no other", "it does",
            "two names of one tensor are one tensor: make each of its own" if together
            else "each call makes tensors of its own: what an earlier call made is in use",
        )  # fmt: skip


@check(
    points=2,
    hints=(
        "Which elements of the cache change, and where do they lie?",
        "All of [:, :, position] in the tensors that are there; a new tensor would be lost.",
        "keys.index_copy_(2, position, k), and values alike",
    ),
)
def update_writes_in_place(work: Work) -> None:
    draw = work.draw
    same = draw.integer(4, 6)
    cases = [
        ((same, same, same, same), (0, same - 1, 1)),  # where a wrong dimension goes unnoticed
        ((1, draw.integer(2, 3), draw.integer(16, 30), draw.integer(4, 9)), (0, 15, 9)),
        ((draw.integer(2, 3), draw.integer(4, 5), 12, 7), (0, 11, draw.integer(1, 10))),
        ((1, 1, 130, 2), (64, 127, 128)),
        ((1, 1, 2100, 2), (256, 257, 2048, 2049, 2099)),
    ]
    others = False
    for (batch, heads, length, size), positions in cases:
        shape = (batch, heads, length, size)
        for position in positions:
            keys, values = draw.normal(*shape), draw.normal(*shape)
            k, v = draw.normal(batch, heads, 1, size), draw.normal(batch, heads, 1, size)
            found = work.call(
                "driver:updated", keys.clone(), values.clone(), k, v, torch.tensor([position])
            )
            judge_update(found, (keys, values), (k, v), position, others)
            others = True


@check(
    points=2,
    hints=(
        "The third token is at position 2. How many places does it see?",
        "Those before it, and itself: place <= position.",
        "torch.arange(length, device=position.device) <= position[:, None]",
    ),
)
def the_mask(work: Work) -> None:
    draw = work.draw
    length = draw.integer(6, 40)
    drawn = (length, (0, draw.integer(1, length - 3), length - 2, length - 1))
    cases = [(at, length) for length, places in (drawn, *PLACES) for at in places]
    found = work.call("driver:masks", cases)
    judge_masks(found["masks"], cases)
    if found["changed"]:
        before, after = found["changed"]
        hint = "it belongs to the caller: position + 1 makes a new tensor, position += 1 does not"
        raise Wrong("mask changes the position that it is given", f"[{before}]", after, hint)


# --- the step ------------------------------------------------------------------------------------


@check(
    points=3,
    limits=PATIENT,
    needs=("room for all tokens", "update writes in place", "the mask"),
    hints=(
        "In each layer: what must be in the cache before attention looks at it?",
        "project, then update, then attention over keys and values with the mask, then finish.",
        "F.scaled_dot_product_attention(q, keys, values, attn_mask=mask(position, S)) after update",
    ),
)
def the_same_logits(work: Work) -> None:
    draw = work.draw
    model, texts = first_text(work, 1, 1, 4)

    def still_right() -> bool:
        """What went well goes well again, in the same process and in new caches."""
        return is_close(fed(work, model, texts)[0], logits_of(model, texts)[0], 1e-4)

    for batch, layers, spare in ((draw.integer(2, 3), 2, draw.integer(1, 6)), (2, 3, 0)):
        try:
            first_text(work, batch, layers, spare)
        except Wrong as wrong:
            if wrong.hint is None and not still_right():
                wrong.hint = KEPT
            raise
    if not still_right():
        raise Wrong("a text that went well gives other logits when it comes again", hint=KEPT)


@check(
    points=1,
    needs=("the same logits",),
    hints=(
        "What is in the cache when the second prompt begins?",
        "What the first left there. Nothing need be wiped, if the mask hides it.",
        "Nothing may be kept between steps but the cache: position says where you are.",
    ),
)
def a_second_prompt_over_the_first(work: Work) -> None:
    draw = work.draw
    long = draw.integer(8, 11)
    model = drawn_model(draw, long + 1, 2)
    texts = drawn_texts(draw, model, draw.integer(1, 3), [long, draw.integer(2, 4), 6])
    same_logits(work, fed(work, model, texts), model, texts)


@check(
    points=1,
    needs=("the same logits",),
    hints=(
        "Is there a number in your step that is always fp32?",
        "Cache, keys and logits have the dtype of the model.",
        "A mask of bool has no precision to disagree about.",
    ),
)
def a_model_in_bf16(work: Work) -> None:
    draw = work.draw
    count = draw.integer(5, 8)
    model = drawn_model(draw, count + 3, 1)
    weights = {
        **{name: model.weights[name].bfloat16() for name in ("tokens", "head", "places")},
        "layers": [
            {name: one.bfloat16() for name, one in each.items()} for each in model.weights["layers"]
        ],
    }
    model = Model(weights, model.heads, model.size, model.vocab, model.length)
    texts = drawn_texts(draw, model, 2, [count])
    logits = fed(work, model, texts)
    if logits[0].dtype != torch.bfloat16:
        raise Wrong("the logits have the wrong dtype", "torch.bfloat16", str(logits[0].dtype))
    same_logits(work, logits, model, texts, within=0.06)


@check(
    points=2,
    needs=("the same logits",),
    hints=(
        "Which of your operations give back a tensor as large as the cache?",
        "cat, where, zeros and index_copy (without _) make a new one; index_copy_ writes.",
        "Call make_cache never in decode, and attend to keys and values as they are.",
    ),
)
def no_new_memory(work: Work) -> None:
    draw = work.draw
    batch, steps = draw.integer(1, 2), draw.integer(6, 9)
    model = drawn_model(draw, draw.integer(300, 400), 2, heads=4)
    texts = drawn_texts(draw, model, batch, [steps])
    found = work.call("driver:fed", model.weights, model.heads, model.length, texts, True)
    lies = found["lies"]
    if any(place != lies[0] for place in lies):
        step = next(i for i, place in enumerate(lies) if place != lies[0])
        raise Wrong(
            f"after step {step} the cache is another tensor than before",
            "the same address at every step", "another",
            "write into the tensors that are there; CUDA graphs know addresses, not tensors",
        )  # fmt: skip
    whole = batch * model.heads * model.length * model.size
    made = [sum(size for *_, size in step) for step in found["steps"]]
    if made[-1] > made[0]:
        raise Wrong(
            "the steps make larger and larger tensors", f"{made[0]} bytes at each step",
            f"{made[0]} bytes at position 0, {made[-1]} at position {len(made) - 1}",
            "something grows with position: shapes must be the same at every step",
        )  # fmt: skip
    for step, names in enumerate(found["copies"][1:], 1):
        if names:
            raise Wrong(
                f"step {step} makes a copy of the cache, by {names[0]}",
                "the cache is made once", f"{len(names)} copies at each step",
                "a whole new cache at every step costs as much as torch.cat does",
            )  # fmt: skip
    needs = whole * model.weights["tokens"].element_size()
    for step, outside in enumerate(found["outside"][1:], 1):  # the first one may import something
        if outside >= max(needs, 20_000):
            raise Wrong(
                f"step {step} allocates as much as the cache outside of torch",
                "the cache is made once", f"{outside} bytes of numpy or Python",
                "a whole new cache at every step costs as much as torch.cat does",
            )  # fmt: skip
    for step, operations in enumerate(found["steps"]):
        for name, elements, size in operations:
            if name in WHOLE and elements >= whole:
                raise Wrong(
                    f"step {step} makes a tensor as large as the cache, by {name}",
                    "the cache is made once", f"{size} bytes at each step",
                    "a whole new cache at every step costs as much as torch.cat does",
                )  # fmt: skip


# --- compiled ------------------------------------------------------------------------------------


@check(
    points=2,
    needs=("the same logits",),
    limits=PATIENT,
    imports=COMPILER,
    hints=(
        "What in decode needs Python to know a VALUE, not a shape?",
        "print, .item(), int(position), `if` on a tensor and slices up to position break a graph.",
        "position stays a tensor: index_copy_ takes it as it is, and the mask compares with it.",
    ),
)
def one_graph(work: Work) -> None:
    draw = work.draw
    count = draw.integer(3, 4)
    model = drawn_model(draw, count + draw.integer(2, 9), 1)
    texts = drawn_texts(draw, model, draw.integer(1, 2), [count])
    found = work.call("driver:fed_compiled", model.weights, model.heads, model.length, texts)
    if "broken" in found:
        text = str(found["broken"])
        raise Wrong(
            "torch.compile(decode, fullgraph=True) finds no single graph",
            "one graph", text.strip().splitlines()[0][:200], why_broken(text),
        )  # fmt: skip
    judge_compiled(found, count)
    if found["asks"]:
        raise Wrong(
            f"the graph asks for a value: .{found['asks'][0]}()",
            "position stays on the device", "the processor waits for it at every step",
            ".item() or int(position) in decode: keep position a tensor; no CUDA graph can have it",
        )  # fmt: skip
    same_logits(work, found["logits"], model, texts)


@check(
    points=2,
    needs=("one graph",),
    limits=PATIENT,
    imports=COMPILER,
    hints=(
        "What is different from step to step, other than what is in tensors?",
        "Shapes, dtypes and Python numbers are part of a graph: another value, another graph.",
        "Keep no count of steps in Python: position is in its tensor.",
    ),
)
def no_graph_after_the_first(work: Work) -> None:
    draw = work.draw
    long = draw.integer(6, 8)
    model = drawn_model(draw, long + 2, 1)
    texts = drawn_texts(draw, model, draw.integer(1, 3), [4, long, 3])
    found = work.call("driver:fed_compiled", model.weights, model.heads, model.length, texts)
    if "broken" in found:
        raise Wrong("a step cannot be compiled", "one graph", str(found["broken"])[:200])
    counts = found["counts"]
    judge_compiled(found, len(counts))
    if counts[3] > 2 or counts[-1] > counts[3]:
        because = why_anew(found)
        raise Wrong(
            f"{len(counts)} steps made {counts[-1]} graphs", "1",
            f"{counts[-1]}; compiled anew because this no longer held: {because}",
            hint_anew(because),
        )  # fmt: skip
    same_logits(work, found["logits"], model, texts)


# --- the loop ------------------------------------------------------------------------------------


@check(
    points=2,
    hints=(
        "Which step gives the first new token?",
        "The prompt's last token does. Each new one is fed at the next position.",
        "step(model, caches, token, torch.tensor([place])) for place = 0, 1, 2, ...",
    ),
)
def the_loop(work: Work) -> None:
    """With a step that needs no cache: what decode does is another matter."""
    draw = work.draw
    for batch, words, count, spare in (
        (1, draw.integer(3, 6), draw.integer(4, 6), draw.integer(1, 5)),
        (draw.integer(2, 3), 1, draw.integer(3, 5), 0),
        (2, draw.integer(2, 4), 1, 0),
        (1, 1, 1, 0),
    ):
        asked = drawn_asked(draw, batch, words, count, spare, simple=True)
        room = max(words + count - 1 + spare, 1)  # spare 0: not even for the last new token
        judge_loop(generated(work, asked, "simple", [asked.prompt], [count], room), asked)


@check(
    points=2,
    needs=("the loop", "no graph after the first"),
    limits=PATIENT,
    imports=COMPILER,
    hints=(
        "What does torch.compile take a Python number for?",
        "A constant, which is built into the graph. A tensor's value is not.",
        "torch.tensor([place]) with the same dtype and shape every time",
    ),
)
def one_graph_for_all_prompts(work: Work) -> None:
    draw = work.draw
    count = draw.integer(3, 4)
    asked = drawn_asked(draw, 1, 4, count, 4)
    model = asked.model
    more = [draw.integers(0, model.vocab - 1, 1, words) for words in (2, draw.integer(5, 6))]
    prompts = [asked.prompt, *more]
    found = generated(work, asked, "compiled", prompts, [count] * 3, model.length)
    steps = sum(map(len, found["calls"]))
    judge_compiled({**found, "apart": steps - found["runs"]}, steps)
    counts = found["counts"]
    if counts[0] > 2 or counts[-1] > counts[0]:
        because = why_anew(found)
        raise Wrong(
            f"{steps} steps of three prompts made {counts[-1]} graphs", "1",
            f"{counts[-1]}; compiled anew because this no longer held: {because}",
            hint_anew(because),
        )  # fmt: skip
    right = asked.said[:, :-1]
    made = tensor(found["made"][0], "what generate returns", right.shape, torch.int64)
    if not torch.equal(made, right):
        raise Wrong("compiled, other tokens come out", right, made)
