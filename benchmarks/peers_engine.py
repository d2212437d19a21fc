"""One engine of benchmarks/peers.py, in a process of its own.

Says "ready" when it is warm; then generates once for every line that it is sent, and answers with
the speed and the tokens.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workshop.runner import compile_cache, huge_pages

compile_cache.keep()  # before torch is imported
huge_pages.ask()

import torch  # noqa: E402
from contender import Generate, timed  # noqa: E402

from workshop.llm.sampling import Sampler  # noqa: E402
from workshop.llm.shapes import SHAPES  # noqa: E402
from workshop.llm.weights import checkpoint as checkpoints  # noqa: E402
from workshop.llm.weights.random_weights import random_model  # noqa: E402
from workshop.runner.assemble import Place, assemble  # noqa: E402
from workshop.runner.models import EMBEDDED  # noqa: E402
from workshop.stages import settings_of  # noqa: E402
from workshop.stages.settings import Settings  # noqa: E402

PROMPT = [1, 15043, 29892, 590, 1024, 338]  # any six: the weights are random
NEW = 200
WARM_UP = 3

# Ours: the stage, and what is added to it.
STAGES: dict[str, dict[str, Any]] = {
    "ours baseline": {"stage": "baseline"},
    "ours compile": {"stage": "compile"},
    "ours int8": {"stage": "quantize"},
    "ours compile, C++": {"stage": "compile", "fuse": True, "kernels": "cpp"},
    "ours compile, C++, 8 steps": {
        "stage": "compile", "fuse": True, "kernels": "cpp", "decode_steps": 8
    },
    "ours int8, integers": {"stage": "quantize", "fuse": True, "activations": "int8"},
    "ours int8, integers, 8 steps": {
        "stage": "quantize", "fuse": True, "activations": "int8", "decode_steps": 8
    },
    "ours int4, g128, integers": {
        "stage": "quantize", "quantize": "int4", "group_size": 128, "fuse": True,
        "activations": "int8",
    },
    "ours int4, g128, integers, 8 steps": {
        "stage": "quantize", "quantize": "int4", "group_size": 128, "fuse": True,
        "activations": "int8", "decode_steps": 8,
    },
    "ours int4": {"stage": "quantize", "quantize": "int4"},
}  # fmt: skip


def write_checkpoint(shape: str, directory: Path) -> int:
    """Random weights with a head of its own (llama.cpp's files are so); returns the parameters."""
    config = dataclasses.replace(SHAPES[shape], tied=False)
    model = random_model(config, torch.bfloat16)
    checkpoints.save(model, directory, EMBEDDED / "verifier" / checkpoints.TOKENIZER)
    return config.parameters


def ours(name: str, directory: Path, options: argparse.Namespace) -> Generate:
    changes = dict(STAGES[name])
    settings: Settings = dataclasses.replace(
        settings_of(changes.pop("stage")), model=str(directory), new_tokens=NEW, ignore_eos=True,
        **changes,
    )  # fmt: skip
    engine = assemble(settings, Place(torch.device("cpu")))
    vocab = engine.model.config.vocab

    def generate(prompt: list[int], new: int, tick: Callable[[], None]) -> int:
        found: list[int] = []
        with torch.inference_mode():
            for rows in engine.generate([prompt], new, [Sampler(0.0, vocab)]):
                found += rows[0]
                tick()
        generated[:] = found[:new]
        return min(len(found), new)

    return generate


def hugging_face(name: str, directory: Path, options: argparse.Namespace) -> Generate:
    from peers_transformers import transformers, with_weights_of

    model = with_weights_of(checkpoints.load(directory, torch.bfloat16))
    static = name.endswith("compile")
    if static:  # on a CPU generate() does not compile by itself, whatever it is asked
        model.generation_config.cache_implementation = "static"
        model.forward = torch.compile(model.forward, fullgraph=True, dynamic=False)
    return transformers(model, static)


def fast(name: str, directory: Path, options: argparse.Namespace) -> Generate:
    from peers_gpt_fast import gpt_fast

    from workshop.llm.fuse import fuse

    if options.gpt_fast is None:
        raise SystemExit("name a checkout with --gpt-fast")
    model = checkpoints.load(directory, torch.bfloat16)
    fuse(model)
    return gpt_fast(options.gpt_fast, model, name.endswith("int8"), 256)


def llama_cpp(name: str, directory: Path, options: argparse.Namespace) -> Generate:
    from peers_llama_cpp import llama_cpp as make

    return make(directory, name.split()[-1], options.threads, generated)


def ctranslate2(name: str, directory: Path, options: argparse.Namespace) -> Generate:
    from peers_ctranslate2 import ctranslate

    return ctranslate(directory, 1 if "1 thread" in name else options.threads)


ENGINES: dict[str, Callable[[str, Path, argparse.Namespace], Generate]] = {
    **dict.fromkeys(STAGES, ours),
    "transformers eager": hugging_face,
    "transformers compile": hugging_face,
    "gpt-fast compile": fast,
    "gpt-fast int8": fast,
    "llama.cpp F16": llama_cpp,
    "llama.cpp Q8_0": llama_cpp,
    "llama.cpp Q4_0": llama_cpp,
    "CTranslate2 int8, 1 thread": ctranslate2,
}
generated: list[int] = []  # the last tokens, where an engine tells them


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=ENGINES)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--gpt-fast", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what an engine prints is no answer
    with contextlib.redirect_stdout(sys.stderr):
        generate = ENGINES[options.name](options.name, options.checkpoint, options)
        cpu = torch.device("cpu")
        for _ in range(WARM_UP):
            timed(generate, PROMPT, NEW, cpu)
        print("ready", file=answers, flush=True)
        for _ in sys.stdin:
            timing = timed(generate, PROMPT, NEW, cpu)
            told = {"tokens_per_second": timing.tokens_per_second, "tokens": generated}
            print(json.dumps(told), file=answers, flush=True)


if __name__ == "__main__":
    main()
