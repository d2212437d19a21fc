"""gpt-fast (https://github.com/meta-pytorch/gpt-fast) from a checkout, with a model's weights.

Its two functions are called as its own generate() does. The halves of its query and key heads lie
in another order than ours: with the same tensors it says something else, at the same speed.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
import torch._inductor.config
from contender import Generate
from torch import Tensor

from workshop.llm.model import MLP, Attention, Llama

OPTIONS = {"triton.cudagraphs": True, "coordinate_descent_tuning": True}  # what its main() sets
MODULES = ("generate", "model", "quantize")
SETTINGS = ("coordinate_descent_tuning", "triton.unique_kernel_names", "fx_graph_cache")


def modules(checkout: Path) -> tuple[Any, Any, Any]:
    """Its generate, model and quantize, new each time: generate compiles a function of its own.

    Compiler settings that it makes for everybody are taken back.
    """
    for name in MODULES:
        sys.modules.pop(name, None)
    sys.path.insert(0, str(checkout))
    if (
        "tiktoken" not in sys.modules and importlib.util.find_spec("tiktoken") is None
    ):  # of its tokenizer, which nothing here needs
        sys.modules["tiktoken"], sys.modules["tiktoken.load"] = ModuleType("x"), ModuleType("x")
        setattr(sys.modules["tiktoken.load"], "load_tiktoken_bpe", None)  # noqa: B010
    config: Any = torch._inductor.config
    before = {name: config.get_config_copy()[name] for name in SETTINGS}
    try:
        return tuple(importlib.import_module(name) for name in MODULES)  # type: ignore[return-value]
    finally:
        sys.path.remove(str(checkout))
        for name, value in before.items():
            owner, _, leaf = name.rpartition(".")
            setattr(getattr(config, owner) if owner else config, leaf, value)


def weights_of(model: Llama) -> dict[str, Tensor]:
    """Under its names. q, k and v are one tensor there: ours, where they are merged."""
    found = {
        "tok_embeddings.weight": model.embed_tokens.weight,
        "norm.weight": model.norm.weight,
        "output.weight": model.lm_head.weight,
    }
    for i, block in enumerate(model.layers):
        own, mlp = block.self_attn, block.mlp
        assert isinstance(own, Attention)
        assert isinstance(mlp, MLP)
        qkv: Any = own.qkv_proj
        gate_up: Any = mlp.gate_up_proj
        gate, up = gate_up.weight.chunk(2)
        name = f"layers.{i}"
        found |= {
            f"{name}.attention.wqkv.weight": qkv.weight,
            f"{name}.attention.wo.weight": own.o_proj.weight,
            f"{name}.feed_forward.w1.weight": gate,
            f"{name}.feed_forward.w3.weight": up,
            f"{name}.feed_forward.w2.weight": mlp.down_proj.weight,
            f"{name}.attention_norm.weight": block.input_layernorm.weight,
            f"{name}.ffn_norm.weight": block.post_attention_layernorm.weight,
        }
    return found


def gpt_fast(checkout: Path, model: Llama, int8: bool, room: int) -> Generate:
    """Compiled, as its README measures it; ``model`` is ours with merged projections."""
    theirs, network, quantize = modules(checkout)
    c = model.config
    device, dtype = model.embed_tokens.weight.device, model.embed_tokens.weight.dtype
    with torch.device("meta"):
        args = network.ModelArgs(
            block_size=c.context,
            vocab_size=c.vocab,
            n_layer=c.layers,
            n_head=c.heads,
            dim=c.dim,
            intermediate_size=c.hidden,
            n_local_heads=c.kv_heads,
            rope_base=c.rope_theta,
            norm_eps=c.norm_eps,
        )
        llama = network.Transformer(args)
    llama.load_state_dict(weights_of(model), assign=True)
    if int8:
        handler = quantize.WeightOnlyInt8QuantHandler(llama)
        state = handler.create_quantized_state_dict()
        with torch.device("meta"):
            llama = handler.convert_for_runtime()
        llama.load_state_dict(state, assign=True)
    llama = llama.to(device=device, dtype=dtype).eval()
    with torch.device(device):
        llama.setup_caches(max_batch_size=1, max_seq_length=room)
    theirs.decode_one_token = torch.compile(
        theirs.decode_one_token, fullgraph=True, options=OPTIONS if device.type == "cuda" else {}
    )
    sampling = {"temperature": 0.0, "top_k": 1}

    @torch.no_grad()  # as its own generate() has it: else its cache keeps the graph of every step
    def generate(prompt: list[int], new: int, tick: Callable[[], None]) -> int:
        tokens = torch.tensor([prompt], device=device, dtype=torch.int)
        at = torch.arange(len(prompt), device=device)
        first = theirs.prefill(llama, tokens, at, **sampling).clone()
        first.tolist()
        tick()
        at = torch.tensor([len(prompt)], device=device, dtype=torch.int)
        later, _ = theirs.decode_n_tokens(llama, first.view(1, -1), at, new - 1, **sampling)
        return 1 + len(torch.cat(later, dim=-1).flatten().tolist())

    return generate
