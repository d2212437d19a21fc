"""Checks of the static cache and the compiled step, on little models that nobody has seen."""

import torch
from torch import Tensor

from workshop.judge.limits import Limits
from workshop.learn.checking import Work, Wrong, check, pair, tensor

from .cache import judge_update, seen_words
from .loop import drawn_prompt, judge_loop
from .model import KEPT, Model, drawn_model, drawn_texts, first_text, same_logits

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
    calls = []
    for dtype in ("float32", "bfloat16", "float16"):
        shape = [draw.integer(1, 3), draw.integer(2, 4), draw.integer(5, 20), draw.integer(3, 9)]
        calls.append([*shape, dtype])
    calls.append(calls[-1])
    found = work.call("driver:room", calls)
    for cache, (*shape, dtype) in zip(found["caches"], calls, strict=True):
        for one, what in zip(pair(cache, "make_cache"), ("keys", "values"), strict=True):
            if isinstance(one, Tensor) and one.dtype != getattr(torch, dtype):
                hint = f"a model in {dtype} writes {dtype}: the cache has the dtype that is given"
                raise Wrong(f"{what}: the wrong dtype", f"torch.{dtype}", str(one.dtype), hint)
            one = tensor(one, what, shape)
            if one.ne(0).any() or one.isnan().any():
                raise Wrong(f"{what} are not zero at first", 0, one[one != 0][0].item())
    sizes = [s[0] * s[1] * s[2] * s[3] * getattr(torch, s[4]).itemsize for s in calls]
    if min(found["stored"][0::2]) < 1 or any(
        have < want for have, want in zip(found["stored"][0::2], sizes, strict=True)
    ):
        raise Wrong(
            "the places share their memory", f"{sizes[0]} bytes", f"{found['stored'][0]} bytes",
            "expand() only looks like many zeros: make them all",
        )  # fmt: skip
    if found["storages"] < 2 * len(calls):
        raise Wrong(
            "keys and values, or two caches, lie in the same memory",
            f"{2 * len(calls)} tensors", f"{found['storages']}",
            "two names of one tensor are one tensor: make each of its own",
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
    same = draw.integer(3, 6)
    shapes = [
        (same, same, same, same),  # where a wrong dimension goes unnoticed
        (1, draw.integer(2, 3), draw.integer(16, 30), draw.integer(4, 9)),
        (draw.integer(2, 3), draw.integer(4, 5), draw.integer(8, 15), draw.integer(6, 7)),
    ]
    for shape in shapes:
        batch, heads, length, size = shape
        for position in {0, length - 1, draw.integer(1, length - 2)}:
            keys, values = draw.normal(*shape), draw.normal(*shape)
            k, v = draw.normal(batch, heads, 1, size), draw.normal(batch, heads, 1, size)
            found = work.call(
                "driver:updated", keys.clone(), values.clone(), k, v, torch.tensor([position])
            )
            judge_update(found, (keys, values), (k, v), position)


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
    for position in (0, draw.integer(1, length - 3), length - 2, length - 1):
        found = work.call("mask", torch.tensor([position]), length)
        places = torch.arange(length)
        right = places <= position
        at = f"position {position} of {length}"
        if isinstance(found, Tensor) and found.numel() == length and found.dtype != torch.bool:
            flat = found.flatten().double()
            hint = "torch takes a mask of numbers as what to ADD to the scores: give it bool"
            if torch.equal(flat == 0, right) and flat[~right].lt(-1e3).all():
                hint = "0 and -inf would do, added to the scores; here True and False are asked for"
            raise Wrong(f"{at}: the mask is no bool", "torch.bool", str(found.dtype), hint)
        if isinstance(found, Tensor) and found.numel() not in (length, 1):
            hint = "its second dimension is the whole cache, whatever is written: shapes must stay"
            raise Wrong(f"{at}: the mask has the wrong shape", [1, length], list(found.shape), hint)
        found = tensor(found, "the mask", [1, length], torch.bool)[0]
        if torch.equal(found, right):
            continue
        causes = {
            "a token sees itself too: place <= position": places < position,
            "one too many: the place after position is not written yet": places <= position + 1,
            "upside down: True is what may be seen": places > position,
            "upside down, and a token sees itself: place <= position": places >= position,
            "earlier tokens are seen too, not the one at position alone": places == position,
            "places that are not written must be hidden": torch.ones(length).bool(),
        }
        hint = next((cause for cause, wrong in causes.items() if torch.equal(found, wrong)), None)
        raise Wrong(f"{at}: the wrong places are seen", seen_words(right), seen_words(found), hint)


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
    first_text(work, 1, 1, 4)
    for batch, layers, spare in ((draw.integer(2, 3), 2, draw.integer(1, 6)), (2, 3, 0)):
        try:
            first_text(work, batch, layers, spare)
        except Wrong as wrong:
            if wrong.hint is None:
                try:
                    for _ in range(3):  # a position that is kept may be right by chance
                        first_text(work, 1, 1, 4)  # which went well before
                except Wrong:
                    wrong.hint = KEPT
            raise


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
    found = work.call("driver:fed", model.weights, model.heads, model.length, texts)
    same_logits(found["logits"], model, texts)


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
    found = work.call("driver:fed", model.weights, model.heads, model.length, texts)
    logits = found["logits"][0]
    if isinstance(logits, Tensor) and logits.dtype != torch.bfloat16:
        raise Wrong("the logits have the wrong dtype", "torch.bfloat16", str(logits.dtype))
    same_logits(found["logits"], model, texts, within=0.06)


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
    model = drawn_model(draw, draw.integer(40, 60), 2)
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
    for step, operations in enumerate(found["steps"]):
        for name, elements, size in operations:
            if name in WHOLE and elements >= whole:
                raise Wrong(
                    f"step {step} makes a tensor as large as the cache, by {name}",
                    "the cache is made once", f"{size} bytes at each step",
                    "a whole new cache at every step costs as much as torch.cat does",
                )  # fmt: skip


# --- compiled ------------------------------------------------------------------------------------


BREAKS = {
    "`print`": "print leaves the graph for Python: take it out of decode",
    "Data-dependent branching": "an `if` on what is in a tensor cannot be in a graph: use the mask",
    "data-dependent": ".item() or int(position): a shape that hangs on a value. Attend to all "
    "places, and let the mask hide the rest",
    "torch.compiler.disable": "something in decode is kept from the compiler",
    "numpy": "numpy is outside of the graph: use torch",
    "logging": "logging leaves the graph for Python: take it out of decode",
    "time.": "the clock is outside of the graph: measure around decode",
}


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
        hint = next((hint for words, hint in BREAKS.items() if words in text), None)
        raise Wrong(
            "torch.compile(decode, fullgraph=True) finds no single graph",
            "one graph", text.strip().splitlines()[0][:200], hint,
        )  # fmt: skip
    if found["asks"]:
        raise Wrong(
            f"the graph asks for a value: .{found['asks'][0]}()",
            "position stays on the device", "the processor waits for it at every step",
            ".item() or int(position) in decode: keep position a tensor; no CUDA graph can have it",
        )  # fmt: skip
    same_logits(found["logits"], model, texts)


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
    if counts[3] > 2 or counts[-1] > counts[3]:
        because = str(found["why"][0]).partition("#")[0].partition(":")[2].strip()
        hint = "something in Python changes at each step, and every value of it is another graph"
        raise Wrong(
            f"{len(counts)} steps made {counts[-1]} graphs", "1",
            f"{counts[-1]}; compiled anew because this no longer held: {because}", hint,
        )  # fmt: skip
    same_logits(found["logits"], model, texts)


# --- the loop ------------------------------------------------------------------------------------


@check(
    points=2,
    needs=("the same logits",),
    limits=PATIENT,
    hints=(
        "Which step gives the first new token?",
        "The prompt's last token does. Each new one is fed at the next position.",
        "step(model, caches, token, torch.tensor([place])) for place = 0, 1, 2, ...",
    ),
)
def the_loop(work: Work) -> None:
    draw = work.draw
    for batch, words, count, spare in (
        (1, draw.integer(3, 6), draw.integer(4, 6), draw.integer(1, 5)),
        (draw.integer(2, 3), 1, draw.integer(3, 5), 0),
        (2, draw.integer(2, 4), 1, 0),
    ):
        model, prompt, right = drawn_prompt(draw, batch, words, count, spare)
        found = work.call(
            "driver:generated", model.weights, model.heads, model.length,
            [list(prompt.unbind(1))], count, False,
        )  # fmt: skip
        judge_loop(found, prompt, right)


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
    model, prompt, said = drawn_prompt(draw, 1, 4, count, 4)
    right = said[:, :-1]
    more = [draw.integers(0, model.vocab - 1, 1, words) for words in (2, draw.integer(5, 6))]
    prompts = [list(one.unbind(1)) for one in (prompt, *more)]
    found = work.call(
        "driver:generated", model.weights, model.heads, model.length, prompts, count, True
    )
    kinds = {kind for *_, kind in found["calls"]} - {"tensor"}
    if kinds:
        raise Wrong(
            f"position is a Python {kinds.pop()}", "a tensor [1]", "a graph for each value of it",
            "to the compiler a Python number is a constant: pass torch.tensor([place])",
        )  # fmt: skip
    counts = found["counts"]
    if counts[0] > 2 or counts[-1] > counts[0]:
        because = str((found["why"] or [""])[0]).partition("#")[0].partition(":")[2].strip()
        hint = "token and position have the same shape, dtype and strides at every step"
        raise Wrong(
            f"{len(found['calls'])} steps of three prompts made {counts[-1]} graphs", "1",
            f"{counts[-1]}; compiled anew because this no longer held: {because}", hint,
        )  # fmt: skip
    made = tensor(found["made"][0], "what generate returns", right.shape, torch.int64)
    if not torch.equal(made, right):
        raise Wrong("compiled, other tokens come out", right, made)
