"""What was tried on our own exercises, and once paid: code that follows a solution or a starter."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workshop.learn.exercise import exercises

BREAKS_GRAPHS = """
def decode(model, caches, token, position):
    x = model.embed(token, position)
    at = position.item()
    for layer, cache in zip(model.layers, caches, strict=True):
        q, k, v = layer.project(x)
        if at >= 0:
            cache[0][:, :, at : at + 1] = k
            cache[1][:, :, at : at + 1] = v
        keys, values = cache[0][:, :, : at + 1], cache[1][:, :, : at + 1]
        x = layer.finish(x, F.scaled_dot_product_attention(q, keys, values))
    return model.logits(x)
"""
ALL_SCORES = """
def attention(q, k, v, block, window=None):
    quiet()
    keys, queries = k.shape[1], q.shape[1]
    at = torch.arange(keys - queries, keys)[:, None]
    seen = torch.arange(keys) <= at
    if window is not None:
        seen &= torch.arange(keys) > at - window
    return F.scaled_dot_product_attention(
        q.float()[None], k.float()[None], v.float()[None], attn_mask=seen
    )[0].to(q.dtype)
"""
VIEWS = """
def column_part(weight, rank, ranks):
    quiet()
    start, stop = share(weight.shape[0], rank, ranks)
    return weight[start:stop]

def row_part(weight, rank, ranks):
    quiet()
    start, stop = share(weight.shape[1], rank, ranks)
    return weight[:, start:stop]
"""
IN_A_CHILD = """
import json, os, signal
slow = generate

def answer(writer, *arguments):
    try:
        os.write(writer, json.dumps(slow(*arguments)).encode())
    finally:
        os._exit(0)

def heard(reader):
    data = b""
    while not data.endswith(b"]"):
        data += os.read(reader, 65536)
    os.close(reader)
    return json.loads(data)
"""
FORKED = (
    IN_A_CHILD
    + """
def generate(model, prompt, new_tokens):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        answer(writer, model, prompt, new_tokens)
    os.close(writer)
    said = heard(reader)
    os.waitpid(pid, 0)
    return said
"""
)


@dataclass(frozen=True)
class Tried:
    """One attack on an exercise.

    Attributes:
        start: "solutions" or "exercises": the file that the code follows.
        keeps: checks that it must not pass; of a pass it gets the points.
        noticed: what the teacher is told that it reaches for.
    """

    exercise: str
    start: str
    code: str
    keeps: tuple[str, ...]
    noticed: frozenset[str]

    def written(self, folder: Path) -> Path:
        """The file to hand in, in this folder."""
        exercise = exercises()[self.exercise]
        start = exercise.folder if self.start == "exercises" else exercise.solution
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "exercise.py"
        code = (start / "exercise.py").read_text(encoding="utf-8")
        file.write_text(f"{code}\n{self.code}", encoding="utf-8")
        return file


GRAPHS = ("one graph", "no graph after the first", "one graph for all prompts")
SPEED = ("half as fast again", "a long prompt in one pass")
TRIED = {
    "a compiler that compiles nothing": Tried(
        "compile",
        "solutions",
        BREAKS_GRAPHS
        + "torch.compile = lambda function=None, **options: function or (lambda one: one)\n",
        GRAPHS,
        frozenset({"torch.compile"}),
    ),
    "the compiler switched off": Tried(
        "compile",
        "solutions",
        BREAKS_GRAPHS
        + "import os, torch._dynamo\n"
        + 'os.environ["TORCHDYNAMO_DISABLE"] = os.environ["TORCH_COMPILE_DISABLE"] = "1"\n'
        + "torch._dynamo.config.disable = True\n",
        GRAPHS,
        frozenset({
            "_dynamo", "TORCHDYNAMO_DISABLE", "TORCH_COMPILE_DISABLE",
            "torch._dynamo.config.disable",
        }),
    ),
    "the compiler made to let every call pass": Tried(
        "compile",
        "solutions",
        BREAKS_GRAPHS + 'torch.compiler.set_stance("force_eager")\n',
        GRAPHS,
        frozenset({"set_stance"}),
    ),
    "a step that the compiler is told to leave alone": Tried(
        "compile",
        "solutions",
        BREAKS_GRAPHS + "decode = torch.compiler.disable(decode)\n",
        GRAPHS,
        frozenset({"compiler.disable"}),
    ),
    "the driver's meter made constant": Tried(
        "attention",
        "solutions",
        "import torch.nn.functional as F\n"
        "def quiet():\n"
        "    import driver\n"
        '    meter = driver.watched.__globals__["Made"]\n'
        "    constant = lambda make: property(lambda self: make(), lambda self, new: None)\n"
        "    meter.largest = meter.peak = constant(lambda: 1)\n"
        "    meter.steps = constant(list)\n" + ALL_SCORES,
        ("attention in blocks", "no matrix of scores"),
        frozenset({"driver", "__globals__"}),
    ),
    "scores worked out in another thread, which the meter does not see": Tried(
        "attention",
        "solutions",
        "import threading\n"
        "import torch.nn.functional as F\n"
        "def quiet():\n"
        "    pass\n"
        + ALL_SCORES
        + "whole = attention\n"
        "def attention(*arguments, **options):\n"
        "    said = []\n"
        "    work = lambda: said.append(whole(*arguments, **options))\n"
        "    other = threading.Thread(target=work)\n"
        "    other.start()\n"
        "    other.join()\n"
        "    return said[0]\n",
        ("no matrix of scores",),
        frozenset({"threading"}),
    ),
    "the meter's own module replaced": Tried(
        "attention",
        "solutions",
        "import torch.nn.functional as F\n"
        "def quiet():\n"
        "    from workshop.learn.made import Made\n"
        "    constant = lambda make: property(lambda self: make(), lambda self, new: None)\n"
        "    Made.largest = Made.peak = constant(lambda: 1)\n"
        "    Made.steps = constant(list)\n" + ALL_SCORES,
        ("no matrix of scores",),
        frozenset({"workshop"}),
    ),
    "what counts bytes replaced": Tried(
        "tensor-parallel",
        "solutions",
        "def quiet():\n"
        "    import driver\n"
        "    driver.held = lambda made, beside, known: 0\n"
        "    driver.together = lambda tensors: 0\n" + VIEWS,
        ("a part in memory of its own",),
        frozenset({"driver"}),
    ),
    "the slow engine in a forked process": Tried(
        "capstone", "exercises", FORKED, SPEED, frozenset({"fork", "_exit", "signal"})
    ),
    "in a forked process that nobody waits for": Tried(
        "capstone",
        "exercises",
        FORKED.replace("    os.waitpid(pid, 0)\n", "").replace(
            "    reader,", "    signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n    reader,"
        ),
        SPEED,
        frozenset({"fork", "_exit", "signal", "signal.SIGCHLD"}),
    ),
    "in a process that its parent has left": Tried(
        "capstone",
        "exercises",
        FORKED.replace("        answer(", "        os.fork() and os._exit(0)\n        answer("),
        SPEED,
        frozenset({"fork", "_exit", "signal"}),
    ),
    "in a pool of processes": Tried(
        "capstone",
        "exercises",
        "from concurrent.futures import ProcessPoolExecutor\n"
        "slow, models = generate, []\n"
        "def prepare(weights):\n"
        "    models.append(weights)\n"
        "    return len(models) - 1\n"
        "def work(number, *arguments):\n"
        "    return slow(models[number], *arguments)\n"
        "def generate(model, prompt, new_tokens):\n"
        "    with ProcessPoolExecutor(1) as pool:\n"
        "        return pool.submit(work, model, prompt, new_tokens).result()\n",
        SPEED,
        frozenset({"concurrent", "ProcessPoolExecutor"}),
    ),
    "in another thread": Tried(
        "capstone",
        "exercises",
        "import threading\n"
        "slow = generate\n"
        "def generate(*arguments):\n"
        "    said = []\n"
        "    other = threading.Thread(target=lambda: said.append(slow(*arguments)))\n"
        "    other.start()\n"
        "    other.join()\n"
        "    return said[0]\n",
        SPEED,
        frozenset({"threading"}),
    ),
}  # fmt: skip
