"""Tensor parallelism: real processes say together what one says alone.

They exchange through shared memory, as they would by themselves, and by gloo.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from llm_builders import (
    fill,
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
from torch._dynamo.testing import CompileCounter
from torch.utils._python_dispatch import TorchDispatchMode

from workshop.llm.cache import GrowingCache, StaticCache
from workshop.llm.config import Config
from workshop.llm.generate import Steps, decode, prefill
from workshop.llm.model import Llama
from workshop.llm.quantization.quantize import INT8, Quantization, quantize
from workshop.llm.ranks import parallel
from workshop.llm.ranks.parallel import shard
from workshop.llm.ranks.part import ParallelError, Part, check_divides, kv_heads_of, mlp_share
from workshop.llm.ranks.symmetric import can_use_symmetric_memory, is_small
from workshop.llm.sampling import Sampler, Sampling
from workshop.llm.shapes import SHAPES
from workshop.llm.speculation.draft import DraftModel
from workshop.llm.speculation.lookahead import Lookahead
from workshop.llm.speculation.speculative import speculate

# With two ranks each has a key head of its own, with four each shares it with another. Inputs make
# whole groups of int4 for every rank.
CONFIG = tiny(dim=128, heads=8, kv_heads=2, hidden=256)
UNEVEN = tiny(layers=1, hidden=161)  # an MLP that no number of ranks can share evenly
DRAFT = tiny(dim=32, layers=1, hidden=48)
ROOM = 64
PROMPT = random_tokens(9)
MORE = random_tokens(3, seed=1)
NEW_TOKENS = 6  # few: on a busy machine, ranks wait long for each other, at every all-reduce
COLUMN = ("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj")
ROW = ("o_proj", "down_proj")


KINDS = {"plain": None, "int8": INT8, "int4": Quantization("int4", 32)}


def made(kind: str) -> Llama:
    """The whole model; every process makes the same."""
    model = random_llama(CONFIG)
    if (how := KINDS[kind]) is not None:
        quantize(model, how)
    return model


class AllReduces(TorchDispatchMode):
    """Counts the all-reduces that are really called."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += "all_reduce" in str(func)
        return func(*args, **(kwargs or {}))


def speculated(model: Llama, ranks: int, temperature: float, seed: int = 1) -> list[int]:
    draft = random_llama(DRAFT, seed=seed)
    parts = speculate(
        Steps(),
        model,
        StaticCache(CONFIG, 1, ROOM, torch.float32, ranks),
        DraftModel(draft, StaticCache(DRAFT, 1, ROOM, torch.float32), Steps()),
        PROMPT,
        new_tokens=NEW_TOKENS,
        lookahead=Lookahead(3),
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
    for kind in KINDS:
        model = made(kind)
        shard(model, rank, ranks)
        results[kind] = spoken(model, ranks) | {"weights": dict(model.state_dict())}
    results["at odds"] = at_odds(rank, ranks)
    uneven = random_llama(UNEVEN)
    shard(uneven, rank, ranks)
    results["uneven"] = read(uneven, PROMPT)
    assert parallel.Memory.shared is not None, "until here through shared memory"
    parallel.Memory.shared = None
    model = made("plain")
    shard(model, rank, ranks)
    results["by gloo"] = spoken(model, ranks)
    return results


def at_odds(rank: int, ranks: int) -> list[list[int]]:
    """What ranks say that would not choose the same tokens by themselves, nor draft the same."""
    said = []
    for temperature in (0.0, 0.8):
        model = made("plain")
        shard(model, rank, ranks)
        fill(model.lm_head, seed=rank)
        cache = StaticCache(CONFIG, 1, ROOM, torch.float32, ranks)
        said.append(generated(model, cache, PROMPT, NEW_TOKENS, temperature=temperature))
        said.append(speculated(model, ranks, temperature, seed=rank))
    return said


def compiled_work(rank: int, ranks: int) -> dict[str, Any]:
    # Here, because every rank of every test would wait a second for these.
    from torch._inductor.utils import run_and_get_code

    from workshop.llm.compile import compiled_decode, graphs_compiled

    model = made("plain")
    shard(model, rank, ranks)
    cache = StaticCache(CONFIG, 1, ROOM, torch.float32, ranks)
    compiled = compiled_decode(decode)
    step = (model, cache, torch.tensor([[5]]), torch.tensor([0]), Sampling(), None)
    _, code = run_and_get_code(compiled, *step)
    graphs = graphs_compiled()
    greedy = generated(model, cache, PROMPT, NEW_TOKENS, Steps(prefill, compiled))
    text = "\n".join(code)
    return {
        "all-reduces": text.count("workshop.shared_memory_all_reduce.default("),
        "agreements": text.count("workshop.shared_memory_broadcast.default("),
        "all-reduces by gloo": text.count("_c10d_functional.all_reduce_"),
        "agreements by gloo": text.count("_c10d_functional.broadcast_"),
        "greedy": greedy,
        "graphs": (graphs, graphs_compiled()),
    }


def compiled_work_by_gloo(rank: int, ranks: int) -> dict[str, Any]:
    parallel.Memory.shared = None
    return compiled_work(rank, ranks)


@pytest.fixture(scope="module", params=[2, 4])
def ranks(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(scope="module")
def together(ranks: int) -> list[dict[str, Any]]:
    """What every rank says."""
    return run_ranks(work, ranks, seconds=180)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def alone() -> Iterator[dict[str, Any]]:
    """What one process says that has the whole model."""
    with torch.inference_mode():
        yield {kind: spoken(made(kind), 1) for kind in KINDS}


@pytest.mark.parametrize("cache", ["logits", "growing"])
def test_ranks_have_the_logits_of_one_process(
    together: list[dict[str, Any]], alone: dict[str, Any], kind: str, cache: str
) -> None:
    """Of a prompt and of single steps, through either cache."""
    for rank in together:
        assert furthest(rank[kind][cache], alone[kind][cache]) < 1e-5


def test_an_mlp_need_not_split_evenly(together: list[dict[str, Any]]) -> None:
    with torch.inference_mode():
        alone = read(random_llama(UNEVEN), PROMPT)
    for rank in together:
        assert furthest(rank["uneven"], alone) < 1e-5


def test_the_kinds_are_not_the_same(alone: dict[str, Any]) -> None:
    """So each of them is a test of its own."""
    logits = [alone[kind]["logits"] for kind in KINDS]
    for a, b in itertools.combinations(logits, 2):
        assert furthest(a, b) > 1e-2


@pytest.mark.parametrize("cache", ["logits", "growing"])
def test_all_ranks_have_the_same_logits_to_the_last_bit(
    together: list[dict[str, Any]], kind: str, cache: str
) -> None:
    """Which shared memory promises, and gloo does not: see the next test."""
    for rank in together[1:]:
        for how in (kind, "by gloo"):
            assert torch.equal(rank[how][cache], together[0][how][cache])


def test_ranks_choose_the_same_tokens_whatever_their_logits(
    together: list[dict[str, Any]],
) -> None:
    """Rank 0's: else they would wait for each other for ever, each with a text of its own."""
    for rank in together[1:]:
        assert rank["at odds"] == together[0]["at odds"]
    greedy, speculated, _, _ = together[0]["at odds"]
    assert len(greedy) == NEW_TOKENS
    assert speculated[:NEW_TOKENS] == greedy


@pytest.mark.parametrize("way", ["greedy", "drawn", "speculated", "speculated, drawn"])
def test_ranks_choose_the_tokens_of_one_process(
    together: list[dict[str, Any]], alone: dict[str, Any], kind: str, way: str
) -> None:
    for rank in together:
        assert rank[kind][way] == alone[kind][way]


@pytest.mark.parametrize("way", ["greedy", "drawn", "speculated", "speculated, drawn"])
def test_ranks_that_cannot_share_memory_choose_them_too(
    together: list[dict[str, Any]], alone: dict[str, Any], way: str
) -> None:
    for rank in together:
        assert rank["by gloo"][way] == alone["plain"][way]
        assert rank["by gloo"]["all-reduces"] == 2 * CONFIG.layers


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
        if layer in ("k_proj", "v_proj"):  # a head that several ranks need, each of them has
            heads = whole.unflatten(0, (CONFIG.kv_heads, -1))
            shared = heads.repeat_interleave(max(1, len(together) // CONFIG.kv_heads), dim=0)
            assert torch.equal(torch.cat(parts, dim=0), shared.flatten(0, 1))
        elif layer in COLUMN:  # rows of [out, in], and the scales of each
            assert torch.equal(torch.cat(parts, dim=0), whole)
        elif layer in ROW and whole.dim() == 2:  # also the scales of groups of inputs
            assert torch.equal(torch.cat(parts, dim=1), whole)
        else:  # also the scale of each output of o and down, which all ranks add up to
            assert all(torch.equal(part, whole) for part in parts)
        assert len({part.shape for part in parts}) == 1, "each rank has as much as any other"
        names.add(layer)
    assert names >= {*COLUMN, *ROW, "embed_tokens", "lm_head", "norm", "input_layernorm"}


def test_each_rank_holds_its_share_of_bytes(
    together: list[dict[str, Any]], alone: dict[str, Any], kind: str
) -> None:
    """Of the layers' matrices, as tensors of their own and not as a view of the whole; of the
    cache, by its heads, of which there are two."""
    for name, whole in made(kind).state_dict().items():
        layer, sharers = name.split(".")[-2], len(together)
        if layer in ("k_proj", "v_proj"):
            sharers = 2
        if layer in COLUMN + ROW and name.endswith("weight"):
            for part in weights_of(together, kind, name):
                assert part.untyped_storage().nbytes() == whole.nbytes / sharers
    for rank in together:
        assert rank[kind]["cache"] == alone[kind]["cache"] / 2


def test_a_total_is_over_all_ranks(together: list[dict[str, Any]], ranks: int) -> None:
    for rank in together:
        assert rank["total"] == ranks * (ranks - 1) / 2 + ranks * 0.5
    assert parallel.total(2.5, torch.device("cpu")) == 2.5, "the number itself, without a group"


@pytest.mark.parametrize("how", ["", " by gloo"])
def test_a_compiled_step_is_one_graph_with_its_all_reduces(alone: dict[str, Any], how: str) -> None:
    """And says what the eager one says."""
    work = compiled_work_by_gloo if how else compiled_work
    for rank in run_ranks(work, 2, seconds=180):
        assert rank[f"all-reduces{how}"] == 2 * CONFIG.layers
        assert rank[f"agreements{how}"] == 1
        assert rank["graphs"] == (1, 1)
        assert rank["greedy"] == alone["plain"]["greedy"]


@pytest.mark.parametrize(
    ("config", "ranks", "says"),
    [
        (CONFIG, 3, "the model's heads (8) do not split evenly over 3 ranks"),
        (
            tiny(dim=96, heads=12, kv_heads=4, hidden=96),
            6,
            "the model's kv_heads (4) neither split evenly over 6 ranks nor can each be held by as "
            "many ranks as any other",
        ),
        (tiny(hidden=3), 4, "the model's MLP (3) is too small for 4 ranks"),
    ],
)
def test_a_model_that_does_not_split_is_refused(config: Config, ranks: int, says: str) -> None:
    """Before anything of it is changed."""
    refused(random_llama(config), ranks, says)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"hidden": 160}, "a rank's 80 inputs of the MLP do not make whole groups of 32"),
        ({"dim": 96, "hidden": 64}, "a rank's 48 inputs of the attention do not make whole"),
    ],
)
def test_int4_that_does_not_split_in_whole_groups_is_refused(
    changes: dict[str, int], says: str
) -> None:
    model = random_llama(tiny(**changes))
    quantize(model, KINDS["int4"])
    refused(model, 2, says)


def refused(model: Llama, ranks: int, says: str) -> None:
    before = {name: value.shape for name, value in model.state_dict().items()}
    size = parallel.group_size(model)
    for attempt in (
        lambda: check_divides(model.config, ranks, size),
        lambda: shard(model, 0, ranks),
    ):
        with pytest.raises(ParallelError) as error:
            attempt()
        assert str(error.value).startswith(says)
    assert {name: value.shape for name, value in model.state_dict().items()} == before


@pytest.mark.parametrize("ranks", [1, 2, 4, 8])
def test_a_model_that_splits_is_not_refused(ranks: int) -> None:
    check_divides(CONFIG, ranks)


def test_a_large_model_splits_by_any_number_that_divides_its_heads() -> None:
    """Its MLP, too, which five ranks cannot share evenly."""
    large = SHAPES["llama-2-13b"]
    for ranks in (1, 2, 4, 5, 8, 10):
        check_divides(large, ranks, 64)
        assert kv_heads_of(large, ranks) == 40 / ranks
    check_divides(SHAPES["llama-2-70b"], 16)
    assert kv_heads_of(SHAPES["llama-2-70b"], 16) == 1, "of 8, each held by two ranks"


@given(st.integers(1, 2000), st.integers(1, 64))
def test_the_parts_of_an_mlp_are_all_of_it(hidden: int, ranks: int) -> None:
    assume(hidden >= ranks)
    config = tiny(hidden=hidden)
    shares = [mlp_share(config, Part(rank, ranks)) for rank in range(ranks)]
    assert [0, *(stop for _, stop in shares)] == [*(start for start, _ in shares), hidden]
    sizes = {stop - start for start, stop in shares}
    assert min(sizes) > 0
    assert max(sizes) - min(sizes) <= 128
    assert hidden % ranks or sizes == {hidden // ranks}


def test_only_what_is_small_for_certain_is_added_up_in_one_shot() -> None:
    """By the kernel for a decode step; a prompt's length stays open, and is not fixed by asking."""
    graphs = CompileCounter()

    def shots(x: Tensor) -> Tensor:
        return x + 1 if is_small(x) else x - 1

    compiled = torch.compile(shots, backend=graphs, fullgraph=True)
    for length in (5, 7, 90_000, 200):
        x = torch.zeros(1, length, 4)
        torch._dynamo.maybe_mark_dynamic(x, 1)
        assert compiled(x)[0, 0, 0] == -1
    assert graphs.frame_count == 1
    assert compiled(torch.zeros(1, 1, 4))[0, 0, 0] == 1
    assert not can_use_symmetric_memory(torch.device("cpu"), torch.bfloat16, None)  # no GPU at all
