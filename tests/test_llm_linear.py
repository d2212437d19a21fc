"""A linear layer gives the same product however many tokens there are, and whoever computes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo.utils import counters
from torch._inductor.utils import run_and_get_code

from workshop.llm import linear
from workshop.llm.linear import multiply
from workshop.llm.loops import settled
from workshop.llm.model import rms_norm

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-2, torch.float16: 1e-3}


def drawn(dtype: torch.dtype, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)


def exact(x: Tensor, weight: Tensor) -> Tensor:
    """The product in fp64."""
    return x.double() @ weight.double().T


def after_norm(x: Tensor, weight: Tensor) -> Tensor:
    """As in a model: what is multiplied was computed just before."""
    return multiply(rms_norm(x, torch.ones_like(x[0, 0]), 1e-5), weight)


def compiled(function: Callable[..., Any], *, varying: bool = False) -> Callable[..., Any]:
    torch._dynamo.reset()
    return torch.compile(function, fullgraph=True, dynamic=None if varying else False)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("outputs", [1, 33, 64])
def test_the_formula_is_the_librarys_product(dtype: torch.dtype, outputs: int) -> None:
    weight = drawn(dtype, outputs, 48)
    for shape in ((1, 1, 48), (1, 48), (48,)):
        x = drawn(dtype, *shape)
        found = linear.written_out(x, weight)
        assert (found.shape, found.dtype) == ((*shape[:-1], outputs), dtype)
        torch.testing.assert_close(
            found.double(), exact(x, weight), rtol=TOLERANCE[dtype], atol=10 * TOLERANCE[dtype]
        )


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("tokens", [1, 2])
def test_a_graph_gives_what_eager_mode_gives(dtype: torch.dtype, tokens: int) -> None:
    x, weight = drawn(dtype, 1, tokens, 48), drawn(dtype, 64, 48)
    with torch.inference_mode():
        found = compiled(after_norm)(x, weight)
        torch.testing.assert_close(
            found, after_norm(x, weight), rtol=2 * TOLERANCE[dtype], atol=10 * TOLERANCE[dtype]
        )


def test_a_weight_in_int8_is_converted_and_not_rounded_again() -> None:
    weight = torch.randint(-127, 128, (64, 48), dtype=torch.int8)
    x = drawn(torch.float32, 1, 1, 48)
    with torch.inference_mode():
        found = compiled(multiply)(x, weight)
    torch.testing.assert_close(found.double(), exact(x, weight), rtol=1e-4, atol=1e-3)


def code(x: Tensor, weight: Tensor) -> str:
    with torch.inference_mode():
        _, (written,) = run_and_get_code(compiled(after_norm), x, weight)
    return written


def test_of_one_token_the_compiler_writes_the_product_and_of_more_it_calls_a_library() -> None:
    weight = drawn(torch.bfloat16, 64, 48)
    assert "extern_kernels" not in called(code(drawn(torch.bfloat16, 1, 1, 48), weight))
    for several in ((1, 2), (2, 1)):
        assert "extern_kernels.mm" in called(code(drawn(torch.bfloat16, *several, 48), weight))


def called(written: str) -> str:
    """The part of a compiled graph that calls its kernels."""
    return written[written.index("def call(") :].split("def benchmark")[0]


def test_what_is_multiplied_is_computed_once_and_not_for_every_output() -> None:
    """Inlined into the loop over the outputs, a norm would be made for every weight."""
    written = code(drawn(torch.bfloat16, 1, 1, 48), drawn(torch.bfloat16, 2 * 37, 48))
    before, loop_over_outputs = written.split("static_cast<int64_t>(37L)", maxsplit=1)
    assert "sqrt(" in before
    assert "sqrt(" not in loop_over_outputs


PARTS: dict[str, Callable[[Tensor], Tensor]] = {
    "whole": lambda x: x,
    "the first": lambda x: x[:1],
    "the last token": lambda x: x[:, -1:],
    "a head": lambda x: x.unflatten(-1, (4, -1)).transpose(1, 2)[:, 2],
    "a token of every head": lambda x: x.unflatten(-1, (4, -1)).transpose(1, 2)[:, :, 1:2],
    "transposed": lambda x: x.transpose(1, 2),
    "repeated": lambda x: x[:, :1].expand(-1, 5, -1),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_settled_is_what_it_was(dtype: torch.dtype) -> None:
    """Each part of a tensor of its own, beside the same formula with nothing settled."""
    x = drawn(dtype, 2, 3, 48)

    def parts(x: Tensor) -> dict[str, Tensor]:
        return {name: part(x * 2**i) for i, (name, part) in enumerate(PARTS.items(), 1)}  # exact

    def both(x: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        return {name: (settled(part) + 1, part + 1) for name, part in parts(x).items()}

    with torch.inference_mode():
        found = compiled(both)(x)
    for name, part in parts(x).items():
        one, other = found[name]
        assert torch.equal(one, other), name
        assert torch.equal(one, part + 1), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_last_tokens_logits_are_those_of_the_last_token(dtype: torch.dtype) -> None:
    x, weight = drawn(dtype, 1, 9, 48), drawn(dtype, 64, 48)
    with torch.inference_mode():
        found = compiled(lambda x, w: multiply((x * 2)[:, -1:], w))(x, weight)
        torch.testing.assert_close(found, multiply(x * 2, weight)[:, -1:], rtol=2e-2, atol=0.1)


def test_prompts_of_any_length_share_a_graph() -> None:
    weight = drawn(torch.bfloat16, 64, 48)
    compiled_once = compiled(after_norm, varying=True)
    before = counters["stats"]["unique_graphs"]
    with torch.inference_mode():
        for length in (7, 2, 20):
            x = drawn(torch.bfloat16, 1, length, 48)
            torch._dynamo.maybe_mark_dynamic(x, 1)
            compiled_once(x, weight)
    assert counters["stats"]["unique_graphs"] == before + 1


def test_eager_mode_calls_the_library() -> None:
    x, weight = drawn(torch.bfloat16, 1, 1, 48), drawn(torch.bfloat16, 64, 48)
    assert torch.equal(multiply(x, weight), torch.nn.functional.linear(x, weight))
