"""llama.cpp (https://github.com/ggml-org/llama.cpp) by llama-cpp-python, with a model's weights.

A GGUF file is written with the gguf package: the same tensors, in F16, Q8_0 or Q4_0. Queries and
keys are stored with the two halves of a head interleaved, as llama.cpp rotates them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import llama_cpp as library
import numpy as np
from contender import Generate

from workshop.llm.config import Config
from workshop.llm.model import Llama
from workshop.llm.weights import checkpoint

NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
WHOLE = {
    "embed_tokens.weight": "token_embd.weight",
    "norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}


def interleaved(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of each head: i and i + D/2 beside each other."""
    size = weight.shape[0] // heads
    halves = weight.reshape(heads, 2, size // 2, -1)
    return halves.swapaxes(1, 2).reshape(weight.shape)


def write_gguf(model: Llama, path: Path, kind: str) -> None:
    """The model's tensors in ``kind``; norms in F32."""
    c: Config = model.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(c.context)
    writer.add_embedding_length(c.dim)
    writer.add_block_count(c.layers)
    writer.add_feed_forward_length(c.hidden)
    writer.add_head_count(c.heads)
    writer.add_head_count_kv(c.kv_heads)
    writer.add_layer_norm_rms_eps(c.norm_eps)
    writer.add_rope_freq_base(c.rope_theta)
    writer.add_rope_dimension_count(c.head_dim)
    writer.add_vocab_size(c.vocab)
    writer.add_tokenizer_model("no_vocab")
    stored = gguf.GGMLQuantizationType[kind]
    for name, value in model.state_dict().items():
        tensor = value.float().numpy()
        if name in WHOLE:
            target = WHOLE[name]
        else:
            _, layer, rest = name.split(".", 2)
            target = f"blk.{layer}.{NAMES[rest.removesuffix('.weight')]}.weight"
        if "q_proj" in name:
            tensor = interleaved(tensor, c.heads)
        if "k_proj" in name:
            tensor = interleaved(tensor, c.kv_heads)
        if tensor.ndim == 1:
            writer.add_tensor(target, tensor)
        else:
            writer.add_tensor(target, gguf.quants.quantize(tensor, stored), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def llama_cpp(directory: Path, kind: str, threads: int, tokens: list[int]) -> Generate:
    """Its decode, a token a call, with its own greedy sampler: no Python between but the loop."""
    path = directory / f"{kind}.gguf"
    write_gguf(checkpoint.load(directory), path, kind)
    library.llama_backend_init()
    load: Any = library.llama_model_default_params()
    model = library.llama_model_load_from_file(str(path).encode(), load)
    assert model, f"llama.cpp does not read {path}"
    settings: Any = library.llama_context_default_params()
    settings.n_ctx = 256
    settings.n_threads = settings.n_threads_batch = threads
    context = library.llama_init_from_model(model, settings)
    greedy = library.llama_sampler_init_greedy()
    memory = library.llama_get_memory(context)

    def step(given: list[int]) -> int:
        array = (ctypes.c_int32 * len(given))(*given)
        code = library.llama_decode(context, library.llama_batch_get_one(array, len(given)))
        assert code == 0, f"llama_decode gave {code}"
        return library.llama_sampler_sample(greedy, context, -1)

    def generate(prompt: list[int], new: int, tick: Callable[[], None]) -> int:
        library.llama_memory_clear(memory, True)
        token = step(prompt)
        tick()
        found = [token]
        while len(found) < new:
            found.append(token := step([token]))
            tick()
        tokens[:] = found
        return len(found)

    return generate
