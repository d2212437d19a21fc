"""Tensor parallelism: real processes, joined by gloo, say together what one says alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from llm_builders import (
    furthest,
    generated,
    joined,
    random_llama,
    random_tokens,
    read,
    run_ranks,
    tiny,
)
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from workshop.llm import parallel
from workshop.llm.cache import GrowingCache, StaticCache
from workshop.llm.config import Config
from workshop.llm.generate import Steps, decode, prefill
from workshop.llm.model import Llama
from workshop.llm.parallel import ParallelError, check_divides, shard
from workshop.llm.quantize import quantize
from workshop.llm.sampling import Sampler
from workshop.llm.speculative import DraftModel, speculate, verify

CONFIG = tiny(heads=8, kv_heads=4, hidden=96)
DRAFT = tiny(dim=32, layers=1, hidden=48)
ROOM = 64
PROMPT = random_tokens(9)
MORE = random_tokens(3, seed=1)
NEW_TOKENS = 9  # few: on a busy machine, ranks wait long for each other, at every all-reduce
COLUMN = ("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj")
ROW = ("o_proj", "down_proj")


def made(kind: str) -> Llama:
    """The whole model; every process makes the same."""
    model = random_llama(CONFIG)
    if kind == "int8":
        quantize(model)
    return model


class AllReduces(TorchDispatchMode):
    """Counts the all-reduces that are really called."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += "all_reduce" in str(func)
        return func(*args, **(kwargs or {}))


def speculated(model: Llama, ranks: int, temperature: float) -> list[int]:
    draft = random_llama(DRAFT, seed=1)
    parts = speculate(
        Steps(),
        verify,
        model,
        StaticCache(CONFIG, 1, ROOM, torch.float32, ranks),
        DraftModel(draft, StaticCache(DRAFT, 1, ROOM, torch.float32), prefill),
        PROMPT,
        new_tokens=NEW_TOKENS,
        k=3,
        sampler=Sampler(temperature, CONFIG.vocab, seed=4),
    )
    return joined(parts)


def spoken(model: Llama, ranks: int) -> dict[str, Any]:
    """What a model, or a rank's part of it, says in all the ways it has."""
    cache = StaticCache(CONFIG, 1, ROOM, torch.float32, ranks)
    growing = GrowingCache(CONFIG)
    logits = [read(model, PROMPT, cache)]
    for i, token in enumerate(MORE):
        logits.append(read(model, [token], cache, len(PROMPT) + i))
    with AllReduces() as reduces:
        read(model, [MORE[0]], cache, len(PROMPT))
    return {
        "logits": torch.cat(logits),
        "growing": read(model, PROMPT + MORE, growing),
        "all-reduces": reduces.count,
        "cache": sum(buffer.nbytes for buffer in cache.buffers()),
        "greedy": generated(model, cache, PROMPT, NEW_TOKENS),
        "drawn": generated(model, cache, PROMPT, NEW_TOKENS, temperature=0.8, seed=3),
        "speculated": speculated(model, ranks, 0.0),
        "speculated, drawn": speculated(model, ranks, 0.8),
    }


def work(rank: int, ranks: int) -> dict[str, Any]:
    """What one rank does and returns."""
    results: dict[str, Any] = {"total": parallel.total(rank + 0.5, torch.device("cpu"))}
    for kind in ("plain", "int8"):
        model = made(kind)
        shard(model, rank, ranks)
        results[kind] = spoken(model, ranks) | {"weights": dict(model.state_dict())}
    return results


def compiled_work(rank: int, ranks: int) -> dict[str, Any]:
    # Here, because every rank of every test would wait a second for these.
    from torch._inductor.utils import run_and_get_code

    from workshop.llm.compile import compiled_decode, graphs_compiled

    model = made("plain")
    shard(model, rank, ranks)
    cache = StaticCache(CONFIG, 1, ROOM, torch.float32, ranks)
    compiled = compiled_decode(decode)
    step = (model, cache, torch.tensor([[5]]), torch.tensor([0]), 0.0, None)
    _, code = run_and_get_code(compiled, *step)
    graphs = graphs_compiled()
    greedy = generated(model, cache, PROMPT, NEW_TOKENS, Steps(prefill, compiled))
    return {
        "all-reduces": "\n".join(code).count("_c10d_functional.all_reduce_"),
        "greedy": greedy,
        "graphs": (graphs, graphs_compiled()),
    }


@pytest.fixture(scope="module", params=[2, 4])
def ranks(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(scope="module")
def together(ranks: int) -> list[dict[str, Any]]:
    """What every rank says."""
    return run_ranks(work, ranks)


@pytest.fixture(params=["plain", "int8"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def alone() -> Iterator[dict[str, Any]]:
    """What one process says that has the whole model."""
    with torch.inference_mode():
        yield {kind: spoken(made(kind), 1) for kind in ("plain", "int8")}


@pytest.mark.parametrize("cache", ["logits", "growing"])
def test_ranks_have_the_logits_of_one_process(
    together: list[dict[str, Any]], alone: dict[str, Any], kind: str, cache: str
) -> None:
    """Of a prompt and of single steps, through either cache."""
    for rank in together:
        assert furthest(rank[kind][cache], alone[kind][cache]) < 1e-5


def test_int8_is_not_the_same_as_plain(alone: dict[str, Any]) -> None:
    """So the two kinds above are two tests."""
    assert furthest(alone["plain"]["logits"], alone["int8"]["logits"]) > 1e-2


@pytest.mark.parametrize("cache", ["logits", "growing"])
def test_all_ranks_have_the_same_logits_to_the_last_bit(
    together: list[dict[str, Any]], kind: str, cache: str
) -> None:
    """Or they would choose different tokens at a near tie, and wait for each other for ever."""
    for rank in together[1:]:
        assert torch.equal(rank[kind][cache], together[0][kind][cache])


@pytest.mark.parametrize("way", ["greedy", "drawn", "speculated", "speculated, drawn"])
def test_ranks_choose_the_tokens_of_one_process(
    together: list[dict[str, Any]], alone: dict[str, Any], kind: str, way: str
) -> None:
    for rank in together:
        assert rank[kind][way] == alone[kind][way]


def test_a_step_has_two_all_reduces_a_layer(
    together: list[dict[str, Any]], alone: dict[str, Any], kind: str
) -> None:
    for rank in together:
        assert rank[kind]["all-reduces"] == 2 * CONFIG.layers
    assert alone[kind]["all-reduces"] == 0


def weights_of(together: list[dict[str, Any]], kind: str, name: str) -> list[Tensor]:
    return [rank[kind]["weights"][name] for rank in together]


def test_the_parts_put_together_are_the_whole(together: list[dict[str, Any]], kind: str) -> None:
    """By rows or by columns in the layers; embedding, norms and head are whole on every rank."""
    names = set()
    for name, whole in made(kind).state_dict().items():
        parts = weights_of(together, kind, name)
        layer = name.split(".")[-2]
        if layer in COLUMN:  # rows of [out, in], and the scale of each
            assert torch.equal(torch.cat(parts, dim=0), whole)
            assert {len(part) for part in parts} == {len(whole) / len(together)}
        elif layer in ROW and name.endswith("weight"):
            assert torch.equal(torch.cat(parts, dim=1), whole)
            assert {part.shape[1] for part in parts} == {whole.shape[1] / len(together)}
        else:  # also the scale of each output of o and down, which all ranks add up to
            assert all(torch.equal(part, whole) for part in parts)
        names.add(layer)
    assert names >= {*COLUMN, *ROW, "embed_tokens", "lm_head", "norm", "input_layernorm"}


def test_each_rank_holds_its_share_of_bytes(
    together: list[dict[str, Any]], alone: dict[str, Any], kind: str
) -> None:
    """Of the layers' matrices, as tensors of their own and not as a view of the whole; of the
    cache, by its heads."""
    for name, whole in made(kind).state_dict().items():
        if name.split(".")[-2] in COLUMN + ROW and name.endswith("weight"):
            for part in weights_of(together, kind, name):
                assert part.untyped_storage().nbytes() == whole.nbytes / len(together)
    for rank in together:
        assert rank[kind]["cache"] == alone[kind]["cache"] / len(together)


def test_a_total_is_over_all_ranks(together: list[dict[str, Any]], ranks: int) -> None:
    for rank in together:
        assert rank["total"] == ranks * (ranks - 1) / 2 + ranks * 0.5
    assert parallel.total(2.5, torch.device("cpu")) == 2.5, "the number itself, without a group"


def test_a_compiled_step_is_one_graph_with_its_all_reduces(alone: dict[str, Any]) -> None:
    """And says what the eager one says."""
    for rank in run_ranks(compiled_work, 2, seconds=180):
        assert rank["all-reduces"] == 2 * CONFIG.layers
        assert rank["graphs"] == (1, 1)
        assert rank["greedy"] == alone["plain"]["greedy"]


@pytest.mark.parametrize(
    ("config", "ranks", "says"),
    [
        (CONFIG, 3, "the model's heads (8) do not split evenly over 3 ranks"),
        (CONFIG, 8, "the model's kv_heads (4) do not split evenly over 8 ranks"),
        (tiny(hidden=161), 2, "the model's hidden (161) do not split evenly over 2 ranks"),
    ],
)
def test_a_model_that_does_not_split_is_refused(config: Config, ranks: int, says: str) -> None:
    """Before anything of it is changed."""
    model = random_llama(config)
    before = {name: value.shape for name, value in model.state_dict().items()}
    for attempt in (lambda: check_divides(config, ranks), lambda: shard(model, 0, ranks)):
        with pytest.raises(ParallelError) as refused:
            attempt()
        assert str(refused.value) == says
    assert {name: value.shape for name, value in model.state_dict().items()} == before


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_a_model_that_splits_is_not_refused(ranks: int) -> None:
    check_divides(CONFIG, ranks)
