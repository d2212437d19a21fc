"""Runs their cache and their step where they are, and writes down what becomes of them."""

from contextlib import nullcontext

import torch

from workshop.learn.little import Little
from workshop.learn.made import Made

LONGEST_TEXT = 1500
ASKS_FOR_A_VALUE = {"item", "tolist", "numpy", "_local_scalar_dense"}


def storage(tensor):
    return tensor.untyped_storage().data_ptr()


def room(theirs, calls):
    """The caches that ``calls`` to make_cache give, and how many storages they lie in."""
    caches = [theirs.make_cache(*shape, getattr(torch, dtype)) for *shape, dtype in calls]
    flat = [one for cache in caches for one in cache if isinstance(one, torch.Tensor)]
    return {
        "caches": [list(cache) for cache in caches],
        "storages": len({storage(one) for one in flat}),
        "stored": [one.untyped_storage().nbytes() for one in flat],
    }


def updated(theirs, keys, values, k, v, position):
    """What update makes of the cache, and of what it was given; what it makes beside."""
    cache = (keys, values)
    with Made() as made:
        theirs.update(cache, k, v, position)
    return {
        "keys": keys,
        "values": values,
        "k": k,
        "v": v,
        "position": position,
        "largest": max((step.elements for step in made.steps), default=0),
        "by": max(made.steps, key=lambda step: step.elements).name if made.steps else "",
    }


def caches_for(theirs, model, batch, length):
    dtype = model.tokens.dtype
    return [theirs.make_cache(batch, model.heads, length, model.size, dtype) for _ in model.layers]


def fed(theirs, weights, heads, length, texts, watch=False):
    """Feed each of ``texts`` [B, T] token by token, all through the same caches.

    Logits [B, T, vocab] for each text; where the caches lie after each step; what the steps make.
    """
    model = Little(weights, heads)
    caches = caches_for(theirs, model, texts[0].shape[0], length)
    lies = [place_of(caches)]
    logits, steps = [], []
    for text in texts:
        rows = []
        for place in range(text.shape[1]):
            token, position = column(text, place), torch.tensor([place])
            with Made() if watch else nullcontext() as made:
                out = theirs.decode(model, caches, token, position)
            rows.append(out)
            lies.append(place_of(caches))
            if made is not None:
                steps.append([[step.name, step.elements, step.bytes] for step in made.steps])
        logits.append(torch.stack(rows, dim=1))
    return {"logits": logits, "lies": lies, "steps": steps}


def fed_in_turns(theirs, weights, heads, length, texts):
    """Logits [B, T, vocab] of each of ``texts``, all [B, T]: a token of each in turn.

    Each has caches of its own.
    """
    model = Little(weights, heads)
    caches = [caches_for(theirs, model, text.shape[0], length) for text in texts]
    rows = [[] for _ in texts]
    for place in range(texts[0].shape[1]):
        for own, text, found in zip(caches, texts, rows, strict=True):
            found.append(theirs.decode(model, own, column(text, place), torch.tensor([place])))
    return [torch.stack(found, dim=1) for found in rows]


def column(text, place):
    """The tokens [B] at a place of the text [B, T], with a stride of 1 even where B is 1."""
    return torch.tensor(text[:, place].tolist())


def place_of(caches):
    return [one.data_ptr() for cache in caches for one in cache]


class Graphs:
    """A backend that compiles nothing, and counts what it is given."""

    def __init__(self):
        self.count = 0
        self.asks = []

    def __call__(self, module, inputs):
        self.count += 1
        for node in module.graph.nodes:
            name = getattr(node.target, "__name__", str(node.target)).partition(".")[0]
            if name in ASKS_FOR_A_VALUE and name not in self.asks:
                self.asks.append(name)
        return module


def compiled(theirs, graphs):
    torch._dynamo.config.recompile_limit = 1000
    return torch.compile(theirs.decode, backend=graphs, fullgraph=True, dynamic=False)


def fed_compiled(theirs, weights, heads, length, texts):
    """As ``fed``, compiled: how many graphs there are after each step, or why there is none."""
    model = Little(weights, heads)
    caches = caches_for(theirs, model, texts[0].shape[0], length)
    graphs = Graphs()
    step = compiled(theirs, graphs)
    logits, counts = [], []
    for text in texts:
        rows = []
        for place in range(text.shape[1]):
            try:
                out = step(model, caches, column(text, place), torch.tensor([place]))
            except torch._dynamo.exc.TorchDynamoException as error:
                return {"broken": str(error)[:LONGEST_TEXT]}
            rows.append(out)
            counts.append(graphs.count)
        logits.append(torch.stack(rows, dim=1))
    return {"logits": logits, "counts": counts, "asks": graphs.asks, "why": reasons()}


def reasons():
    """Why torch compiled anew."""
    found = [why for whys in torch._dynamo.utils.guard_failures.values() for why in whys]
    return [str(getattr(why, "reason", why))[:200] for why in found[:3]]


def generated(theirs, weights, heads, length, prompts, count, compile_it):
    """Tokens that generate makes after each prompt, and with what it called the step."""
    model = Little(weights, heads)
    caches = caches_for(theirs, model, prompts[0][0].shape[0], length)
    graphs = Graphs()
    decode = compiled(theirs, graphs) if compile_it else theirs.decode
    calls, counts, made = [], [], []

    def step(model, caches, token, position):
        if isinstance(position, torch.Tensor):
            calls.append([token.tolist(), position.reshape(-1).tolist(), "tensor"])
        else:
            calls.append([token.tolist(), [position], type(position).__name__])
            position = torch.tensor([position])
        return decode(model, caches, token, position)

    for prompt in prompts:
        made.append(theirs.generate(step, model, caches, list(prompt), count))
        counts.append(graphs.count)
    return {"made": made, "calls": calls, "counts": counts, "why": reasons() if compile_it else []}


def generated_again(theirs, weights, heads, length, prompt, counts):
    """Tokens that generate makes after one and the same list, and what becomes of that list.

    A call for each of ``counts``, with caches of its own; places: where each step was.
    """
    model = Little(weights, heads)
    words = len(prompt)
    made, places = [], []
    for count in counts:
        caches, seen = caches_for(theirs, model, prompt[0].shape[0], length), []

        def step(model, caches, token, position, seen=seen):
            seen.append(int(position))
            return theirs.decode(model, caches, token, position)

        made.append(theirs.generate(step, model, caches, prompt, count))
        places.append(seen)
    return {"made": made, "places": places, "longer": len(prompt) - words}
