"""How an SGLang server was set up, from the ``server_info`` that its serving benchmark adds.

That is the server's whole command line, and more: its names are those of SGLang's
``server_args.py``. Paths, hosts, keys and measurements among it are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from workshop.record.readers.source_settings import ENGINE, conditions
from workshop.record.results import Condition

_NAMES = {
    **ENGINE,
    "tp_size": "tensor parallel size",
    "pp_size": "pipeline parallel size",
    "dp_size": "data parallel size",
    "ep_size": "expert parallel size",
    "nnodes": "nodes",
    "dtype": "weights",
    "device": "device type",
    "context_length": "context length",
    "max_running_requests": "most sequences in a batch",
    "max_total_tokens": "KV cache, tokens",
    "max_prefill_tokens": "most tokens of prefill",
    "chunked_prefill_size": "chunk of prefill, tokens",
    "mem_fraction_static": "share of GPU memory",
    "page_size": "page of KV cache, tokens",
    "schedule_policy": "schedule policy",
    "schedule_conservativeness": "schedule conservativeness",
    "attention_backend": "attention backend",
    "prefill_attention_backend": "attention backend of prefill",
    "decode_attention_backend": "attention backend of decode",
    "sampling_backend": "sampling backend",
    "moe_runner_backend": "experts backend",
    "moe_a2a_backend": "experts communication",
    "torchao_config": "torchao",
    "cuda_graph_max_bs": "largest batch of a CUDA graph",
    "num_continuous_decode_steps": "decode steps of a schedule",
    "stream_interval": "stream interval, tokens",
    "disaggregation_mode": "disaggregation",
    "speculative_algorithm": "speculative decoding",
    "speculative_num_steps": "draft steps",
    "speculative_eagle_topk": "draft top k",
    "speculative_num_draft_tokens": "draft tokens",
    "disable_cuda_graph": "no CUDA graphs",
    "disable_overlap_schedule": "no overlapped schedule",
    "disable_radix_cache": "no prefix caching",
    "enable_dp_attention": "data parallel attention",
    "enable_mixed_chunk": "prefill mixed with decode",
    "enable_torch_compile": "torch.compile",
    "enable_two_batch_overlap": "two batches overlapped",
}


def server_settings(info: object) -> dict[str, Condition]:
    """The settings of a server; {} if nothing is known of it.

    Of a disaggregated server they are those of its prefill and decode servers.
    """
    found: dict[str, Condition] = {}
    for part, settings in _parts(info):
        found |= {f"{part}{name}": value for name, value in conditions(settings, _NAMES).items()}
    return found


def _parts(info: object) -> Iterator[tuple[str, Mapping[str, object]]]:
    if not isinstance(info, dict):
        return
    yield "", info
    if isinstance(nested := info.get("server_args"), dict):
        yield "", nested
    for part in ("prefill", "decode"):
        servers = info.get(part)
        if isinstance(servers, list) and servers and isinstance(servers[0], dict):
            yield f"{part}: ", servers[0]
