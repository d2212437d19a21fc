"""Shapes of known models, for ``random:<shape>``: speed without weights, licence or download."""

from __future__ import annotations

from workshop.llm.config import Config

SHAPES: dict[str, Config] = {
    # Published config.json files of the models on huggingface.co.
    "llama-2-7b": Config(4096, 32, 32, 32, 11008, 32000, 4096),
    "llama-2-13b": Config(5120, 40, 40, 40, 13824, 32000, 4096),
    "llama-2-70b": Config(8192, 80, 64, 8, 28672, 32000, 4096),
    "llama-3-8b": Config(4096, 32, 32, 8, 14336, 128256, 8192, rope_theta=500000.0),
    "tinyllama-1.1b": Config(2048, 22, 32, 4, 5632, 32000, 2048),
    # The llama2.c "stories" family, https://github.com/karpathy/llama2.c
    "15m": Config(288, 6, 6, 6, 768, 32000, 256, tied=True),
    "42m": Config(512, 8, 8, 8, 1376, 32000, 1024, tied=True),
    "110m": Config(768, 12, 12, 12, 2048, 32000, 1024, tied=True),
    # In between, to see where a machine turns from bound by overhead to bound by bandwidth.
    "350m": Config(1024, 24, 16, 16, 2816, 32000, 2048),
    "1b": Config(2048, 20, 16, 16, 5632, 32000, 2048),
}
