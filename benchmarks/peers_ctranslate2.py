"""CTranslate2 (https://github.com/OpenNMT/CTranslate2), int8, with a checkpoint's weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ctranslate2
from contender import Generate

from workshop.llm.weights.checkpoint import shape


class Numbers:
    """A tokenizer whose pieces are numbers: token ids go in and come out."""

    bos_token, eos_token, unk_token = "1", "2", "0"

    def __init__(self, vocab: int) -> None:
        self.vocab = vocab

    def get_vocab(self) -> dict[str, int]:
        return {str(i): i for i in range(self.vocab)}


class Converter(ctranslate2.converters.TransformersConverter):
    """Theirs, with that tokenizer in place of the checkpoint's."""

    def __init__(self, directory: Path) -> None:
        super().__init__(str(directory))
        self.vocab = shape(directory).vocab

    def load_tokenizer(self, kind: Any, name: str, **options: Any) -> Numbers:
        return Numbers(self.vocab)


def ctranslate(directory: Path, threads: int) -> Generate:
    """Its generate_tokens(), greedy."""
    target = directory / f"ctranslate2-{threads}"
    Converter(directory).convert(str(target), quantization="int8")
    theirs = ctranslate2.Generator(str(target), intra_threads=threads, compute_type="int8")

    def generate(prompt: list[int], new: int, tick: Callable[[], None]) -> int:
        words = [str(token) for token in prompt]
        steps = theirs.generate_tokens(words, max_length=new, min_length=new, sampling_topk=1)
        count = 0
        for _ in steps:
            count += 1
            tick()
        return count

    return generate
