"""Runs their cache and their step where they are, and writes down what becomes of them."""

from contextlib import nullcontext, suppress

import torch

from workshop.learn.little import Little
from workshop.learn.made import Made

LONGEST_TEXT = 1500
NOTHING_COMPILED = "found no compiled frames"  # as torch says it where fullgraph is asked for
ASKS_FOR_A_VALUE = {"item", "tolist", "numpy", "_local_scalar_dense"}


def room(theirs, calls):
    """The caches that ``calls`` to make_cache give, and which of their tensors share memory."""
    used = [torch.full(shape, 7, dtype=getattr(torch, dtype)) for *shape, dtype in calls * 3]
    del used  # what torch.empty gives next is not zero by chance
    caches = [theirs.make_cache(*shape, getattr(torch, dtype)) for *shape, dtype in calls]
    flat = [one for cache in caches for one in cache if isinstance(one, torch.Tensor)]
    return {
        "caches": [[copied(one) for one in cache] for cache in caches],
        "folded": [not written_apart(one) for one in flat],
        "overwritten": overwritten(flat),
    }


def copied(one):
    return one.clone() if isinstance(one, torch.Tensor) else one


def written_apart(one):
    """Whether each element of a tensor keeps what is written to it."""
    pattern = (torch.arange(one.numel()) % 199).reshape(one.shape).to(one.dtype)
    try:
        one.copy_(pattern)
    except RuntimeError:  # several elements lie in one place
        return False
    return torch.equal(one, pattern)


def overwritten(tensors):
    """Pairs [a, b] of tensors, by number, of which b changes when a is written to."""
    found = []
    for a, one in enumerate(tensors):
        with suppress(RuntimeError):
            for other in tensors:
                other.fill_(0)
            one.fill_(1)
            found += [[a, b] for b, other in enumerate(tensors) if a != b and other.ne(0).any()]
    return found


def updated(theirs, keys, values, k, v, position):
    """What update makes of the cache, and of what it was given; what it makes beside."""
    cache = (keys, values)
    with Made(outside=True) as made:
        theirs.update(cache, k, v, position)
    return {
        "keys": keys,
        "values": values,
        "k": k,
        "v": v,
        "position": position,
        "largest": max((step.elements for step in made.steps), default=0),
        "by": max(made.steps, key=lambda step: step.elements).name if made.steps else "",
        "outside": made.outside,
    }


def masks(theirs, cases):
    """The masks for positions and lengths, and the first position that was changed, if any."""
    found, changed = [], None
    for at, length in cases:
        position = torch.tensor([at])
        found.append(copied(theirs.mask(position, length)))
        if position.tolist() != [at] and changed is None:
            changed = [at, str(position.tolist())]
    return {"masks": found, "changed": changed}


class Copies(Made):
    """Also tells which operations make a tensor with just what is in one of the caches."""

    def __init__(self, caches):
        super().__init__(outside=True)
        self.caches = [one for cache in caches for one in cache]
        self.copies = []

    def note(self, func, args, kwargs, result):
        super().note(func, args, kwargs, result)
        one = self.steps[-1]
        if not isinstance(result, torch.Tensor) or not one.bytes:
            return
        for cache in self.caches:
            if result.numel() == cache.numel() and torch.equal(result.flatten(), cache.flatten()):
                self.copies.append(one.name)
                return


def caches_for(theirs, model, batch, length):
    dtype = model.tokens.dtype
    return [theirs.make_cache(batch, model.heads, length, model.size, dtype) for _ in model.layers]


def fed(theirs, weights, heads, length, texts, watch=False):
    """Feed each of ``texts`` [B, T] token by token, all through the same caches.

    Logits [B, T, vocab] for each text; where the caches lie after each step; what the steps make;
    which of its arguments decode changes.
    """
    model = Little(weights, heads)
    caches = caches_for(theirs, model, texts[0].shape[0], length)
    lies = [place_of(caches)]
    logits, steps, outside, copies, changed = [], [], [], [], set()
    for text in texts:
        rows = []
        for place in range(text.shape[1]):
            token, position = column(text, place), torch.tensor([place])
            with Copies(caches) if watch else nullcontext() as made:
                out = theirs.decode(model, caches, token, position)
            if not torch.equal(token, column(text, place)):
                changed.add("token")
            if position.tolist() != [place]:
                changed.add("position")
            rows.append(out)
            lies.append(place_of(caches))
            if made is not None:
                steps.append([[step.name, step.elements, step.bytes] for step in made.steps])
                outside.append(made.outside)
                copies.append(made.copies)
        logits.append(torch.stack(rows, dim=1))
    return {
        "logits": logits,
        "lies": lies,
        "steps": steps,
        "outside": outside,
        "copies": copies,
        "changed": sorted(changed),
    }


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
    """A backend that compiles nothing: it counts what it is given, and how often that is run."""

    def __init__(self):
        self.count = 0
        self.runs = 0
        self.asks = []

    def __call__(self, module, inputs):
        self.count += 1
        for node in module.graph.nodes:
            name = getattr(node.target, "__name__", str(node.target)).partition(".")[0]
            if name in ASKS_FOR_A_VALUE and name not in self.asks:
                self.asks.append(name)

        def run(*arguments):
            self.runs += 1
            return module(*arguments)

        return run


def compiled(theirs, graphs):
    from workshop.learn import compiler  # slow, and there already where a check names it

    torch._dynamo.config.recompile_limit = 1000
    return compiler.COMPILE(theirs.decode, backend=graphs, fullgraph=True, dynamic=False)


def fed_compiled(theirs, weights, heads, length, texts):
    """As ``fed``, compiled: how many graphs there are after each step, or why there is none.

    Also how many steps were not run by a graph alone.
    """
    model = Little(weights, heads)
    caches = caches_for(theirs, model, texts[0].shape[0], length)
    graphs = Graphs()
    step = compiled(theirs, graphs)
    logits, counts, apart = [], [], 0
    for text in texts:
        rows = []
        for place in range(text.shape[1]):
            before = graphs.runs
            try:
                out = step(model, caches, column(text, place), torch.tensor([place]))
            except torch._dynamo.exc.TorchDynamoException as error:
                return {"broken": str(error)[:LONGEST_TEXT]}
            except RuntimeError as error:
                if NOTHING_COMPILED not in str(error):
                    raise
                return {"counts": [0]}
            rows.append(out)
            counts.append(graphs.count)
            apart += graphs.runs != before + 1
        logits.append(torch.stack(rows, dim=1))
    return {
        "logits": logits,
        "counts": counts,
        "asks": graphs.asks,
        "apart": apart,
        "why": reasons(),
    }


def reasons():
    """Why torch compiled anew."""
    found = [why for whys in torch._dynamo.utils.guard_failures.values() for why in whys]
    return [str(getattr(why, "reason", why))[:200] for why in found[:3]]


def form_of(position):
    """What kind of a tensor it is, where it is not the usual one."""
    usual = position.dtype == torch.int64 and list(position.shape) == [1]
    return "tensor" if usual else f"tensor {list(position.shape)} of {position.dtype}"


def simple(model, caches, token, position):
    """A step for the loop alone: what comes after a token depends on it and on its position."""
    return model.logits(model.embed(token, position))


def generated(theirs, weights, heads, length, prompts, numbers, counts, how):
    """Tokens that generate makes after prompts, and with what it called the step.

    Call i has list ``numbers[i]`` of ``prompts``, the same one each time, and makes ``counts[i]``
    tokens. For ``how`` see loop.generated.
    """
    model = Little(weights, heads)
    plain = how == "simple"
    batch = prompts[0][0].shape[0]
    caches = zeros_for(model, batch, length) if plain else caches_for(theirs, model, batch, length)
    there, before = place_of(caches), [[one.tolist() for one in prompt] for prompt in prompts]
    graphs = Graphs()
    decode = simple if plain else compiled(theirs, graphs) if how == "compiled" else theirs.decode
    calls, made, graphs_after, other = [], [], [], False

    def step(model, caches, token, position):
        nonlocal other
        other = other or place_of(caches) != there
        if isinstance(position, torch.Tensor):
            calls[-1].append([token.tolist(), position.reshape(-1).tolist(), form_of(position)])
        else:
            calls[-1].append([token.tolist(), [position], type(position).__name__])
            position = torch.tensor([position])
        return decode(model, caches, token, position)

    for number, count in zip(numbers, counts, strict=True):
        calls.append([])
        made.append(copied(theirs.generate(step, model, caches, prompts[number], count)))
        graphs_after.append(graphs.count)
    return {
        "made": made,
        "calls": calls,
        "counts": graphs_after,
        "runs": graphs.runs,
        "why": reasons() if how == "compiled" else [],
        "longer": sum(map(len, prompts)) - sum(map(len, before)),
        "prompts_changed": [[one.tolist() for one in prompt] for prompt in prompts] != before,
        "other_caches": other,
    }


def zeros_for(model, batch, length):
    shape = (batch, model.heads, length, model.size)
    return [(torch.zeros(shape), torch.zeros(shape)) for _ in model.layers]
