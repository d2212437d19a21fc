"""The model: the same numbers as transformers' Llama, and as a slow one that is plain to read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import llm_reference
import pytest
import torch
from llm_builders import TINY, fill, furthest, random_llama, random_tokens, read, tiny

from workshop.llm.cache import GrowingCache, StaticCache
from workshop.llm.config import Config, ConfigError
from workshop.llm.model import Llama
from workshop.llm.shapes import SHAPES
from workshop.llm.weights import checkpoint

if TYPE_CHECKING:  # it takes long to import, which not every process of the tests need do
    from transformers import LlamaForCausalLM

LENGTHS = [1, 2, 17, 300]
SHAPES_OF_ATTENTION = {
    "every head its own keys": {"kv_heads": 4},
    "two heads share keys": {"kv_heads": 2},
    "all heads share keys": {"kv_heads": 1},
}
Pair = tuple[Llama, "LlamaForCausalLM"]


def theirs(directory: Path) -> LlamaForCausalLM:
    from transformers import LlamaForCausalLM

    return LlamaForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()


@pytest.fixture(scope="module", params=SHAPES_OF_ATTENTION)
def attention(request: pytest.FixtureRequest) -> dict[str, int]:
    return SHAPES_OF_ATTENTION[request.param]


@pytest.fixture(scope="module", params=[False, True], ids=["untied head", "tied head"])
def config(attention: dict[str, int], request: pytest.FixtureRequest) -> Config:
    return tiny(**attention, tied=request.param)


@pytest.fixture(scope="module")
def ours_loaded_by_them(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    directory = tmp_path_factory.mktemp("ours")
    model = random_llama(config)
    checkpoint.save(model, directory)
    return model, theirs(directory)


@pytest.fixture(scope="module", params=["one file", "many files"])
def theirs_loaded_by_us(
    config: Config, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Pair:
    from transformers import LlamaConfig, LlamaForCausalLM

    directory = tmp_path_factory.mktemp("theirs")
    made = LlamaForCausalLM(LlamaConfig(**config.to_hugging_face())).eval()
    fill(made, seed=1)
    made.save_pretrained(
        directory, max_shard_size="50KB" if request.param == "many files" else "5GB"
    )
    written = len(list(directory.glob("*.safetensors")))
    assert written == 1 if request.param == "one file" else written > 3
    return checkpoint.load(directory, torch.float32), made


@pytest.mark.parametrize("length", LENGTHS)
def test_transformers_reads_our_checkpoint_and_gives_our_logits(
    ours_loaded_by_them: Pair, length: int
) -> None:
    ours, other = ours_loaded_by_them
    assert_same_logits(ours, other, length)


@pytest.mark.parametrize("length", LENGTHS)
def test_we_read_the_checkpoint_of_transformers_and_give_its_logits(
    theirs_loaded_by_us: Pair, length: int
) -> None:
    ours, other = theirs_loaded_by_us
    assert_same_logits(ours, other, length)


@torch.inference_mode()
def assert_same_logits(ours: Llama, other: LlamaForCausalLM, length: int) -> None:
    tokens = random_tokens(length)
    expected = other(torch.tensor([tokens])).logits[0]
    assert expected.std() > 0.5, "logits this small would hide a difference"
    assert furthest(read(ours, tokens), expected) < 1e-4


@torch.inference_mode()
def test_other_rope_base_and_epsilon_are_obeyed(tmp_path: Path) -> None:
    model = random_llama(tiny(rope_theta=500.0, norm_eps=0.1))
    checkpoint.save(model, tmp_path)
    assert_same_logits(model, theirs(tmp_path), 17)
    plain = random_llama()
    assert furthest(read(model, random_tokens(17)), read(plain, random_tokens(17))) > 0.01


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("tied", [False, True])
@torch.inference_mode()
def test_logits_equal_the_slow_reference(kv_heads: int, tied: bool) -> None:
    small = tiny(dim=24, layers=2, hidden=20, vocab=13, kv_heads=kv_heads, tied=tied)
    model = random_llama(small)
    weights = {
        checkpoint.on_disk(name): weight.double().numpy()
        for name, weight in model.state_dict().items()
    }
    tokens = random_tokens(9, small.vocab)
    expected = torch.from_numpy(llm_reference.logits(small, weights, tokens))
    assert furthest(read(model, tokens), expected) < 1e-5


def growing(config: Config, length: int) -> GrowingCache:
    return GrowingCache(config)


def static(config: Config, length: int) -> StaticCache:
    return StaticCache(config, batch=1, length=length, dtype=torch.float32)


MakeCache = Callable[[Config, int], GrowingCache | StaticCache]
either_cache = pytest.mark.parametrize("make_cache", [growing, static])


def in_pieces(model: Llama, cache: object, tokens: list[int], pieces: list[int]) -> torch.Tensor:
    """Logits of ``tokens`` read a few at a time."""
    assert sum(pieces) == len(tokens)
    out, start = [], 0
    for piece in pieces:
        out.append(read(model, tokens[start : start + piece], cache, start))
        start += piece
    return torch.cat(out)


@either_cache
@pytest.mark.parametrize(
    "pieces",
    [[1] * 40, [17] + [1] * 23, [5, 1, 8, 26], [40]],
    ids=["token by token", "prompt, then token by token", "in chunks", "at once"],
)
@torch.inference_mode()
def test_cached_decode_equals_the_full_forward(
    config: Config, make_cache: MakeCache, pieces: list[int]
) -> None:
    model, tokens = random_llama(config), random_tokens(40)
    got = in_pieces(model, make_cache(config, 64), tokens, pieces)
    assert furthest(got, read(model, tokens)) < 2e-5


@either_cache
@torch.inference_mode()
def test_a_cache_can_be_filled_to_the_last_position(make_cache: MakeCache) -> None:
    model, tokens = random_llama(), random_tokens(40)
    got = in_pieces(model, make_cache(TINY, 40), tokens, [30] + [1] * 10)
    assert furthest(got, read(model, tokens)) < 2e-5


@either_cache
@torch.inference_mode()
def test_a_cleared_cache_remembers_nothing(make_cache: MakeCache) -> None:
    model, cache = random_llama(), make_cache(TINY, 64)
    read(model, random_tokens(50, seed=1), cache)
    cache.clear()
    tokens = random_tokens(20, seed=2)
    assert furthest(in_pieces(model, cache, tokens, [7, 13]), read(model, tokens)) < 2e-5


@torch.inference_mode()
def test_a_static_cache_can_go_back_and_write_positions_again() -> None:
    """What a refused draft leaves behind is never seen."""
    model, cache = random_llama(), static(TINY, 64)
    tokens, refused = random_tokens(20, seed=1), random_tokens(6, seed=2)
    read(model, tokens[:12], cache)
    read(model, refused, cache, start=12)
    got = read(model, tokens[12:], cache, start=12)
    assert furthest(got, read(model, tokens)[12:]) < 2e-5


@torch.inference_mode()
def test_sequences_of_a_batch_do_not_see_each_other() -> None:
    model = random_llama()
    first, second = random_tokens(12, seed=1), random_tokens(12, seed=2)
    cache = StaticCache(TINY, batch=2, length=16, dtype=torch.float32)
    both = model(torch.tensor([first, second]), torch.arange(12), cache)
    assert furthest(both[0], read(model, first)) < 2e-5
    assert furthest(both[1], read(model, second)) < 2e-5


def test_the_count_of_parameters_is_that_of_the_model(config: Config) -> None:
    assert config.parameters == sum(p.numel() for p in random_llama(config).parameters())


def test_the_bytes_of_a_kv_cache_are_those_of_its_tensors(config: Config) -> None:
    cache = StaticCache(config, batch=3, length=50, dtype=torch.bfloat16)
    allocated = sum(buffer.nbytes for buffer in cache.buffers())
    assert config.kv_cache_bytes(batch=3, length=50, bytes_per_value=2) == allocated


@pytest.mark.parametrize(
    ("name", "parameters"),
    [  # as published with the weights
        ("llama-2-7b", 6_738_415_616),
        ("llama-2-13b", 13_015_864_320),
        ("llama-2-70b", 68_976_648_192),
        ("llama-3-8b", 8_030_261_248),
        ("tinyllama-1.1b", 1_100_048_384),
    ],
)
def test_known_shapes_have_their_published_size(name: str, parameters: int) -> None:
    assert SHAPES[name].parameters == parameters


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"dim": 0}, "dim must be a positive whole number, not 0"),
        ({"layers": 2.0}, "layers must be a positive whole number, not 2.0"),
        ({"heads": True}, "heads must be a positive whole number, not True"),
        ({"vocab": "97"}, "vocab must be a positive whole number, not '97'"),
        ({"dim": 66}, "dim 66 over 4 heads does not give heads of an even size"),
        ({"dim": 12}, "dim 12 over 4 heads does not give heads of an even size"),
        ({"kv_heads": 3}, "4 heads cannot share 3 key/value heads"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(change: dict[str, int], says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        tiny(**change)
    assert str(refused.value) == says
