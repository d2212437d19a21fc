"""The model card, filled in by the training run."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import jinja2
import torch

from workshop.llm.cache import StaticCache
from workshop.llm.config import Config
from workshop.llm.generate import Steps, generate
from workshop.llm.model import Llama
from workshop.llm.sampling import Sampler
from workshop.llm.text.tokenizer import Tokenizer
from workshop.roofline.widths import COPIES, MOST_COPIES, TINY, name_of
from workshop.tiny import recipe
from workshop.util import assets, files

PROMPT = "Hello, my name is"
NEW_TOKENS = 200
SHOWN = (1, 2, COPIES, 8, MOST_COPIES)


@dataclass(frozen=True)
class Row:
    """One line of the card's table."""

    name: str
    verifier: str
    draft: str


def shapes(verifier: Config, draft: Config) -> list[Row]:
    def row(name: str, attribute: str) -> Row:
        ours, theirs = getattr(verifier, attribute), getattr(draft, attribute)
        return Row(name, f"{ours:,}", f"{theirs:,}")

    return [
        row("parameters", "parameters"),
        row("width", "dim"),
        row("layers", "layers"),
        row("query heads", "heads"),
        row("key/value heads", "kv_heads"),
        row("MLP width", "hidden"),
        row("vocabulary", "vocab"),
        row("context", "context"),
        Row("weights in bf16", *(f"{c.parameters * 2 / 1e6:.1f} MB" for c in (verifier, draft))),
    ]


@dataclass(frozen=True)
class Width:
    """One line of the table of widths."""

    name: str
    parameters: str
    width: str
    heads: str
    hidden: str
    megabytes: str


def widths(verifier: Config) -> list[Width]:
    """The verifier as it is stored, and with more copies of each channel."""

    def row(copies: int) -> Width:
        wide = verifier.widened(copies)
        return Width(
            name_of(copies),
            f"{wide.parameters:,}",
            f"{wide.dim:,}",
            f"{wide.heads} and {wide.kv_heads}",
            f"{wide.hidden:,}",
            f"{wide.parameters * 2 / 1e6:,.1f} MB",
        )

    return [row(copies) for copies in sorted(set(SHOWN))]


@torch.inference_mode()
def say(model: Llama, tokenizer: Tokenizer) -> str:
    """What the model goes on with, greedily, up to the end of the text or 200 tokens."""
    prompt = tokenizer.encode(PROMPT)
    cache = StaticCache(model.config, 1, len(prompt) + NEW_TOKENS, torch.float32)
    sampler = Sampler(0.0, model.config.vocab)
    parts = generate(Steps(), model.float(), cache, prompt, NEW_TOKENS, sampler)
    tokens = list(chain.from_iterable(parts))
    if tokenizer.eos in tokens:
        tokens = tokens[: tokens.index(tokenizer.eos)]
    return PROMPT + " " + tokenizer.decode(tokens).lstrip()


def render(report: recipe.Report, said: str) -> str:
    """The card's Markdown."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(assets.folder("templates")),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown of our own numbers
    )
    return environment.get_template("model_card.md.j2").render(
        report=report,
        shapes=shapes(recipe.VERIFIER, recipe.DRAFT),
        tiny=TINY,
        copies=COPIES,
        widths=widths(recipe.VERIFIER),
        seed=recipe.SEED,
        held_out_seed=recipe.HELD_OUT_SEED,
        held_out_rows=recipe.HELD_OUT_ROWS,
        vocab=recipe.VOCAB,
        context=recipe.CONTEXT,
        verifier=recipe.VERIFIER_SCHEDULE,
        draft=recipe.DRAFT_SCHEDULE,
        prompt=PROMPT,
        said=said,
    )


def write(path: Path, report: recipe.Report, said: str) -> None:
    files.write(path, render(report, said).encode())
