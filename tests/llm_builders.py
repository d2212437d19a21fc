"""Small models, prompts, statistics and groups of processes for the tests of the engine."""

from __future__ import annotations

import dataclasses
import math
import multiprocessing
import socket
import tempfile
import traceback
from collections.abc import Callable, Iterable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch
from patience import HANG, wait_for
from torch import Tensor

from workshop.llm.config import Config
from workshop.llm.generate import Steps, generate
from workshop.llm.model import Cache, Llama
from workshop.llm.ranks import parallel
from workshop.llm.sampling import Sampler

# The models here are so small that a second thread costs more than it does, and much more when
# another process has the other core.
torch.set_num_threads(1)

TINY = Config(dim=64, layers=2, heads=4, kv_heads=2, hidden=160, vocab=97, context=512)

# A p-value below this calls a distribution wrong. Seeds are fixed, so a test that passes once
# passes always; a right distribution would have failed with this probability on the first run.
TOO_UNLIKELY = 1e-3

# What a test's module imports and takes long.
PRELOADED = [__name__, "compose_runs", "hypothesis", "pytest", "torch._dynamo.testing"]


def tiny(**changes: Any) -> Config:
    """``TINY`` with some fields changed."""
    return dataclasses.replace(TINY, **changes)


def fill(model: torch.nn.Module, seed: int) -> None:
    """Random weights under which every part matters: no norm is one, the logits are of size one."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        drawn = torch.randn(weight.shape, generator=generator)
        if weight.dim() == 1:
            drawn = 1 + drawn / 4
        elif "embed" not in name:
            drawn /= math.sqrt(weight.shape[1])
        elif getattr(model.config, "tied", False) or getattr(
            model.config, "tie_word_embeddings", False
        ):
            drawn /= math.sqrt(weight.shape[1])  # the embedding is the head as well
        weight.data.copy_(drawn)


def random_llama(config: Config = TINY, seed: int = 0, dtype: torch.dtype = torch.float32) -> Llama:
    model = Llama(config)
    fill(model, seed)
    model = model.to(dtype)
    model.reset_rope()  # fp32, whatever the weights are
    return model.eval().requires_grad_(False)


def random_tokens(length: int, vocab: int = TINY.vocab, seed: int = 0) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(vocab, (length,), generator=generator).tolist()


def read(model: Llama, tokens: list[int], cache: Cache | None = None, start: int = 0) -> Tensor:
    """Logits [T, vocab] after each of ``tokens``, which stand at ``start`` and after."""
    positions = torch.arange(start, start + len(tokens))
    return model(torch.tensor([tokens]), positions, cache)[0]


def generated(
    model: Llama,
    cache: Any,
    prompt: list[int],
    new_tokens: int,
    steps: Steps | None = None,
    temperature: float = 0.0,
    seed: int = 0,
) -> list[int]:
    """The new tokens of a plain generation."""
    sampler = Sampler(temperature, model.config.vocab, seed)
    parts = generate(steps or Steps(), model, cache, prompt, new_tokens, sampler)
    return joined(parts)


def joined(parts: Iterable[list[int]]) -> list[int]:
    return [token for part in parts for token in part]


def furthest(a: Tensor, b: Tensor) -> float:
    """The largest difference between two tensors of one shape."""
    assert a.shape == b.shape
    return (a.double() - b.double()).abs().max().item()


def chi_square_p(counts: Tensor, probabilities: Tensor) -> float:
    """Pearson's test: how likely counts at least this far from ``probabilities`` are.

    Outcomes that are expected fewer than five times are counted as one.
    """
    assert torch.isclose(probabilities.sum(), torch.ones((), dtype=probabilities.dtype), atol=1e-5)
    counts, expected = counts.flatten().double(), probabilities.flatten().double() * counts.sum()
    rare = expected < 5
    observed = torch.cat([counts[~rare], counts[rare].sum()[None]])
    expected = torch.cat([expected[~rare], expected[rare].sum()[None]])
    if expected[-1] == 0:
        if observed[-1] > 0:
            return 0.0  # something happened that cannot
        observed, expected = observed[:-1], expected[:-1]
    if len(expected) == 1:
        return 1.0
    statistic = ((observed - expected) ** 2 / expected).sum()
    freedom = torch.tensor((len(expected) - 1) / 2, dtype=torch.float64)
    return torch.special.gammaincc(freedom, statistic / 2).item()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run_ranks(work: Callable[[int, int], Any], ranks: int, seconds: float = HANG) -> list[Any]:
    """What ``work(rank, ranks)`` returns in each of ``ranks`` real processes joined by gloo.

    ``work`` is a function of a module. Fails when a process fails or is not done in time.
    """
    port = free_port()
    # From a process that has imported torch, and started no thread: to each rank, its own import
    # of it would be most of its work.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    with tempfile.TemporaryDirectory() as directory:
        files = [Path(directory) / f"{rank}.pt" for rank in range(ranks)]
        processes = [
            context.Process(target=_one_rank, args=(work, rank, ranks, port, str(files[rank])))
            for rank in range(ranks)
        ]
        for process in processes:
            process.start()
        try:
            wait_for(lambda: over(processes), max(seconds, HANG))
        finally:
            for process in processes:
                if process.is_alive():
                    process.kill()
                process.join()
        results = [torch.load(f, weights_only=False) if f.exists() else None for f in files]
    faults = [
        f"rank {rank}: {'died' if result is None else result['error']}"
        for rank, result in enumerate(results)
        if result is None or "error" in result
    ]
    assert not faults, "\n".join(faults)
    return [result["value"] for result in results]


def over(processes: Sequence[BaseProcess]) -> bool:
    """Whether all have ended, or one badly, for which the others would wait."""
    return any(p.exitcode for p in processes) or not any(p.is_alive() for p in processes)


def _one_rank(work: Callable[[int, int], Any], rank: int, ranks: int, port: int, file: str) -> None:
    torch.set_num_threads(1)
    try:
        parallel.join(rank, ranks, "127.0.0.1", port, torch.device("cpu"))
        parallel.share_memory(one_host=True)
        with torch.inference_mode():
            result = {"value": work(rank, ranks)}
    except BaseException:
        result = {"error": traceback.format_exc()}
    partial = Path(f"{file}.partial")
    torch.save(result, partial)
    partial.rename(file)
    if "error" in result:
        raise SystemExit(1)
    parallel.leave()
