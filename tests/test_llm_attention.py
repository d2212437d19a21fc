"""Attention: every implementation gives what a slow one gives that is plain to read."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from llm_builders import furthest, generated, random_llama, random_tokens, read, tiny
from torch import Tensor

from workshop.llm import attention
from workshop.llm.attention import KINDS
from workshop.llm.cache import GrowingCache, StaticCache
from workshop.llm.generate import Steps, decode, prefill
from workshop.llm.model import Llama
from workshop.stages import compose, settings_of
from workshop.stages.settings import Settings
from workshop.util.errors import UsageError

HERE = ["math", "sdpa", "flash", "flex"]  # the kinds that a CPU has
either_kind = pytest.mark.parametrize("kind", HERE)


@pytest.fixture(autouse=True)
def quietly() -> Iterator[None]:
    """Torch warns that flex attention, when it is not compiled, is written out and slow."""
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.filterwarnings("ignore", message="flex_attention called without torch.compile")
        yield


def slow(q: Tensor, k: Tensor, v: Tensor, seen: Tensor) -> Tensor:
    """One query of one head at a time, in Python's own numbers; ``seen`` is [B, T, S]."""
    batch, heads, length, size = q.shape
    shared = heads // k.shape[1]
    out = torch.zeros(q.shape, dtype=torch.float64)
    for b in range(batch):
        for h in range(heads):
            for t in range(length):
                places = [s for s in range(k.shape[2]) if seen[b, t, s]]
                keys = [k[b, h // shared, s].tolist() for s in places]
                scores = [dot(q[b, h, t].tolist(), key) / math.sqrt(size) for key in keys]
                powers = [math.exp(score - max(scores)) for score in scores]
                for s, power in zip(places, powers, strict=True):
                    out[b, h, t] += power / sum(powers) * v[b, h // shared, s].double()
    return out


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def drawn(heads: int, kv_heads: int, new: int, stored: int, batch: int = 2) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = [(batch, heads, new, 16), *[(batch, kv_heads, stored, 16)] * 2]
    return [torch.randn(shape, generator=generator) for shape in shapes]


def attended(kind: str, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    tokens = torch.zeros(q.shape[0], q.shape[2], dtype=torch.long)
    return KINDS[kind].attend(q, k, v, KINDS[kind].prepare(mask, tokens))


@either_kind
@pytest.mark.parametrize("kv_heads", [4, 2, 1], ids=["own keys", "two share", "all share"])
@pytest.mark.parametrize("new", [1, 3, 5], ids=["a step of decode", "a chunk", "a prompt"])
def test_every_kind_gives_what_the_formula_says_under_a_mask(
    kind: str, kv_heads: int, new: int
) -> None:
    """Of five stored tokens the last ones are new; three more places are empty."""
    q, k, v = drawn(4, kv_heads, new, 8)
    mask = torch.arange(8) <= torch.arange(5 - new, 5)[:, None]
    expected = slow(q, k, v, mask.expand(2, -1, -1))
    assert furthest(attended(kind, q, k, v, mask), expected) < 1e-5


@either_kind
def test_every_kind_obeys_a_mask_of_each_sequence_of_its_own(kind: str) -> None:
    q, k, v = drawn(4, 2, 3, 6)
    seen = torch.rand(2, 3, 6, generator=torch.Generator().manual_seed(1)) < 0.5
    seen[:, :, 2] = True  # something is always to be seen
    expected = slow(q, k, v, seen)
    assert furthest(attended(kind, q, k, v, seen[:, None]), expected) < 1e-5


@either_kind
@pytest.mark.parametrize("kv_heads", [4, 2])
@pytest.mark.parametrize(
    ("new", "stored"), [(5, 5), (1, 7), (1, 1)], ids=["a prompt", "a step", "the first token"]
)
def test_without_a_mask_a_token_sees_itself_and_all_before_it(
    kind: str, kv_heads: int, new: int, stored: int
) -> None:
    q, k, v = drawn(4, kv_heads, new, stored)
    causal = torch.arange(stored) <= torch.arange(stored - new, stored)[:, None]
    expected = slow(q, k, v, causal.expand(2, -1, -1))
    assert furthest(attended(kind, q, k, v, None), expected) < 1e-5


@either_kind
def test_a_model_says_the_same_by_every_kind(kind: str) -> None:
    """Prefill and decode, with either cache, in fp32; and the logits of a whole text."""
    model, prompt = random_llama(), random_tokens(9)
    text = generated(model, GrowingCache(model.config), prompt, 12)
    logits = read(model, prompt + text)
    model.attend_by(attention.KINDS[kind])
    assert {block.self_attn.attend for block in blocks(model)} == {KINDS[kind].attend}
    assert furthest(read(model, prompt + text), logits) < 2e-5
    assert generated(model, GrowingCache(model.config), prompt, 12) == text
    static = StaticCache(model.config, 1, 32, torch.float32)
    assert generated(model, static, prompt, 12) == text


@either_kind
def test_every_kind_computes_in_bf16(kind: str) -> None:
    q, k, v = (x.bfloat16() for x in drawn(4, 2, 1, 8))
    mask = torch.arange(8)[None] <= 4
    out = attended(kind, q, k, v, mask)
    assert out.dtype == torch.bfloat16
    assert furthest(out, slow(q, k, v, mask.expand(2, -1, -1))) < 0.02


def blocks(model: Llama) -> list:
    return list(model.layers)


@either_kind
def test_every_kind_is_part_of_one_graph_and_compiled_once(kind: str) -> None:
    """Whatever generates the code: the trace has no break, and serves every later step."""
    torch._dynamo.reset()
    model = random_llama(tiny(layers=1))
    model.attend_by(attention.KINDS[kind])
    cache = StaticCache(model.config, 1, 32, torch.float32)
    expected = generated(model, cache, random_tokens(5), 8)
    steps = Steps(
        torch.compile(prefill, backend="eager", fullgraph=True),
        torch.compile(decode, backend="eager", fullgraph=True, dynamic=False),
    )
    assert generated(model, cache, random_tokens(5), 8, steps) == expected
    with torch.compiler.set_stance("fail_on_recompile"):
        assert generated(model, cache, random_tokens(5), 20, steps)[:8] == expected
    torch._dynamo.reset()


def asked(kind: str, **changes: object) -> Settings:
    return replace(settings_of("baseline"), attention=kind, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "device", "says"),
    [
        (asked("efficient"), "cpu", "efficient attention kernel is for GPUs"),
        (asked("efficient"), "mps", "efficient attention kernel is for GPUs"),
        (asked("flash"), "mps", "no flash attention for device mps"),
        (asked("flex"), "mps", "no flex attention for device mps"),
        (asked("flex", compile=True), "cpu", "flex attention into a step only on GPUs"),
        (asked("flash", dtype="float32"), "cuda", "in bfloat16 or float16, not float32"),
        (asked("flash", compile=True), "cuda", "attention accepts no mask"),
        (asked("flash", prompts=("Once",)), "cuda", "attention accepts no mask"),
    ],
)
def test_a_kind_that_cannot_run_there_is_refused_with_another(
    settings: Settings, device: str, says: str
) -> None:
    with pytest.raises(UsageError, match=rf"{says}.*--attention sdpa"):
        compose.check(settings, device)


@pytest.mark.parametrize(
    ("settings", "device"),
    [
        *[(asked(kind, compile=True), "cpu") for kind in HERE if kind != "flex"],
        (asked("flex"), "cpu"),
        (asked("flex", compile=True), "cuda"),
        (asked("efficient", compile=True), "cuda"),
        (asked("flash"), "cuda"),
        (asked("flash", batch_size=4), "cuda"),
        (asked("math"), "mps"),
        (asked("efficient"), None),
    ],
)
def test_a_kind_that_may_run_there_is_not_refused(settings: Settings, device: str | None) -> None:
    compose.check(settings, device)
