"""The settings of a llama-bench test, by the names that the record gives them.

A table has short names for its columns (``fa``), the other outputs have long ones (``flash_attn``).
A table shows only what differs from the defaults. The names are those of llama.cpp's and
ik_llama.cpp's ``llama-bench.cpp``, of every age; what is not known keeps its own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workshop.record.readers.settings_values import as_stated
from workshop.record.readers.units import words
from workshop.record.results import Condition

Conditions = dict[str, Condition]

# A table's short names.
LONG_NAMES = {
    "amb": "attn_max_batch",
    "backend": "backends",
    "cuda": "cuda_params",
    "defer": "defer_experts",
    "dev": "devices",
    "embd": "embeddings",
    "fa": "flash_attn",
    "fitc": "fit_min_ctx",
    "fitt": "fit_target",
    "fmoe": "fused_moe",
    "ger": "grouped_er",
    "gr": "reuse",
    "lm": "load_mode",
    "mla": "mla_attn",
    "mmap": "use_mmap",
    "mmq": "mul_mat_q",
    "ngl": "n_gpu_layers",
    "nkvo": "no_kv_offload",
    "no-fug": "no_fused_up_gate",
    "no-ooae": "no_ooae",
    "noh": "no_host",
    "nopo": "no_op_offload",
    "ot": "tensor_buft_overrides",
    "override_tensor": "tensor_buft_overrides",
    "rtr": "repack",
    "sm": "split_mode",
    "thp": "use_thp",
    "threads": "n_threads",
    "ts": "tensor_split",
}

_NAMES = {
    "attn_max_batch": "attention buffer, MiB",
    "backends": "backend",
    "cpu_mask": "CPU mask",
    "cpu_strict": "strict CPU placement",
    "cuda_params": "CUDA parameters",
    "f16_kv": "KV cache in f16",
    "fit_min_ctx": "minimum context to fit",
    "fit_target": "memory margin to fit, MiB",
    "flash_attn": "flash attention",
    "main_gpu": "main GPU",
    "is_pp_shared": "shared prompt",
    "is_tg_separate": "sequences decoded one by one",
    "mla_attn": "multi-head latent attention",
    "n_batch": "batch",
    "n_cpu_moe": "layers with experts on the CPU",
    "n_gpu_layers": "GPU layers",
    "n_kv_max": "KV cache, tokens",
    "n_threads_batch": "threads of prefill",
    "n_ubatch": "micro-batch",
    "no_host": "no host buffer",
    "no_kv_offload": "no KV cache offload",
    "no_op_offload": "no operation offload",
    "numa": "NUMA",
    "split_mode": "split mode",
    "tensor_buft_overrides": "tensor placement",
    "tensor_split": "tensor split",
    "type_k": "KV cache K type",
    "type_v": "KV cache V type",
    "use_mmap": "mmap",
    "use_thp": "transparent huge pages",
}
# Printed as 0 and 1, or as true and false.
_SWITCHES = {
    "cpu_strict",
    "defer_experts",
    "embeddings",
    "f16_kv",
    "fused_moe",
    "grouped_er",
    "is_pp_shared",
    "is_tg_separate",
    "low_vram",
    "mqkv",
    "muge",
    "mul_mat_q",
    "no_fused_up_gate",
    "no_host",
    "no_kv_offload",
    "no_ooae",
    "no_op_offload",
    "rcache",
    "repack",
    "reuse",
    "sas",
    "use_mmap",
    "use_thp",
}
_ON_OFF = {"-1": "auto", "0": "off", "1": "on", "false": "off", "true": "on", "auto": "auto"}
# What is measured, what is in a field of the record, and what ``llama_bench_record.py`` reads.
_NO_SETTINGS = {
    "avg_ns",
    "avg_ts",
    "build_commit",
    "build_number",
    "cpu_info",
    "gpu_info",
    "model",
    "model_filename",
    "model_n_params",
    "model_size",
    "model_type",
    "n_depth",  # a condition by itself
    "n_gen",
    "n_prompt",
    "n_threads",
    "params",
    "samples_ns",
    "samples_ts",
    "size",
    "stddev_ns",
    "stddev_ts",
    "t/s",
    "test",
    "test_time",
    # Which backends an old build has: ``llama_bench_record.backend_of``
    "blas",
    "cuda",
    "gpu_blas",
    "kompute",
    "metal",
    "opencl",
    "rpc",
    "sycl",
    "vulkan",
}
_MOST = 60  # settings; the tools print some thirty


def conditions_of(record: Mapping[str, Any]) -> Conditions:
    """The settings of a record with long names, whose values may all be texts."""
    found: Conditions = {}
    for key, value in record.items():
        if key in _NO_SETTINGS or len(found) >= _MOST:
            continue
        name = words(_NAMES.get(key, key.replace("_", " ")))
        setting = _setting(key, value)
        if name is not None and setting is not None:
            found[name] = setting
    return found


def _setting(key: str, value: Any) -> Condition | None:
    """A value as a condition: a switch, a number, or words; None if it is nothing of these."""
    text = str(value).strip().lower() if isinstance(value, bool | int | str) else ""
    if key == "flash_attn":
        return _ON_OFF.get(text) or words(text)
    if key == "tensor_split":
        return words(text)
    if key in _SWITCHES and text in ("0", "1", "false", "true"):
        return text in ("1", "true")
    return as_stated(value)


def depth_conditions(depth: int | None) -> Conditions:
    """How many tokens were in the KV cache before the test: none, unless it says so."""
    return {"depth": depth or 0}
