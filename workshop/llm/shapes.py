"""Shapes of known models, for ``random:<shape>``: speed without weights, licence or download."""

from __future__ import annotations

from dataclasses import replace

from workshop.llm.config import Config, RopeScaling

LLAMA_3_8B = Config(4096, 32, 32, 8, 14336, 128256, 8192, rope_theta=5e5)
LLAMA_3_70B = Config(8192, 80, 64, 8, 28672, 128256, 8192, rope_theta=5e5)


def longer(config: Config, factor: float) -> Config:
    """A Llama 3 whose 8192 positions were made 131072, as in 3.1 and 3.2."""
    return replace(config, context=131072, rope_scaling=RopeScaling(factor, 1.0, 4.0, 8192))


SHAPES: dict[str, Config] = {
    # Published config.json files of the models on huggingface.co.
    "llama-2-7b": Config(4096, 32, 32, 32, 11008, 32000, 4096),
    "llama-2-13b": Config(5120, 40, 40, 40, 13824, 32000, 4096),
    "llama-2-70b": Config(8192, 80, 64, 8, 28672, 32000, 4096),
    "llama-3-8b": LLAMA_3_8B,
    "llama-3-70b": LLAMA_3_70B,
    "llama-3.1-8b": longer(LLAMA_3_8B, 8.0),
    "llama-3.1-70b": longer(LLAMA_3_70B, 8.0),
    "llama-3.2-1b": longer(
        Config(2048, 16, 32, 8, 8192, 128256, 8192, rope_theta=5e5, tied=True), 32.0
    ),
    "llama-3.2-3b": longer(
        Config(3072, 28, 24, 8, 8192, 128256, 8192, rope_theta=5e5, tied=True), 32.0
    ),
    "codellama-7b": Config(4096, 32, 32, 32, 11008, 32016, 16384, rope_theta=1e6),
    "codellama-13b": Config(5120, 40, 40, 40, 13824, 32016, 16384, rope_theta=1e6),
    "codellama-34b": Config(8192, 48, 64, 8, 22016, 32000, 16384, rope_theta=1e6),
    "mistral-7b": Config(4096, 32, 32, 8, 14336, 32000, 32768, window=4096),
    "tinyllama-1.1b": Config(2048, 22, 32, 4, 5632, 32000, 2048),
    # The llama2.c "stories" family, https://github.com/karpathy/llama2.c
    "260k": Config(64, 5, 8, 4, 172, 512, 512, tied=True),
    "15m": Config(288, 6, 6, 6, 768, 32000, 256, tied=True),
    "42m": Config(512, 8, 8, 8, 1376, 32000, 1024, tied=True),
    "110m": Config(768, 12, 12, 12, 2048, 32000, 1024, tied=True),
    # In between, to see where a machine turns from bound by overhead to bound by bandwidth.
    "350m": Config(1024, 24, 16, 16, 2816, 32000, 2048),
    "1b": Config(2048, 20, 16, 16, 5632, 32000, 2048),
}
