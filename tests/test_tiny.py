"""The embedded pair: what is shipped can be relied on, and its recipe can be run again."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from workshop.llm.model import Llama
from workshop.llm.text.tokenizer import Tokenizer
from workshop.llm.weights import checkpoint
from workshop.roofline.widths import COPIES
from workshop.runner.models import EMBEDDED
from workshop.tiny import card, recipe
from workshop.tiny.corpus import prompts

torch.set_num_threads(2)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(EMBEDDED / "verifier" / checkpoint.TOKENIZER)


@pytest.fixture(scope="module")
def verifier() -> Llama:
    return checkpoint.load(EMBEDDED / "verifier", torch.float32)


@pytest.fixture(scope="module")
def draft() -> Llama:
    return checkpoint.load(EMBEDDED / "draft", torch.float32)


def test_what_is_shipped_is_small_and_is_what_the_recipe_describes(
    verifier: Llama, draft: Llama
) -> None:
    assert sum(path.stat().st_size for path in EMBEDDED.rglob("*") if path.is_file()) < 32e6
    assert verifier.config == recipe.VERIFIER
    assert draft.config == recipe.DRAFT
    described = (EMBEDDED / "MODEL_CARD.md").read_text()
    for config in (recipe.VERIFIER, recipe.DRAFT):
        assert f"{config.parameters:,}" in described


def test_the_card_says_what_every_width_is() -> None:
    described = (EMBEDDED / "MODEL_CARD.md").read_text()
    for row in card.widths(recipe.VERIFIER):
        cells = (row.name, row.parameters, row.width, row.heads, row.hidden, row.megabytes)
        assert f"| {' | '.join(cells)} |" in described
    assert f"`--model tiny` is the verifier with {COPIES} copies of every channel" in described
    guide = (EMBEDDED.parents[2] / "docs" / "models.md").read_text()
    for copies in (1, 2, 8, 16):
        assert f"| `tiny:{copies}` |" in guide
    assert f"the same as `tiny:{COPIES}`" in guide


def test_the_card_holds_the_losses_that_are_measured_again_here(
    verifier: Llama, draft: Llama, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = (EMBEDDED / "MODEL_CARD.md").read_text()
    row = next(line for line in described.splitlines() if "held-out loss" in line)
    carded = [float(cell) for cell in re.findall(r"\d+\.\d+", row)]
    monkeypatch.setattr(recipe, "HELD_OUT_ROWS", 24)  # a quarter, for the sake of time
    measured = [recipe.held_out_loss(model, tokenizer) for model in (verifier, draft)]
    assert measured == pytest.approx(carded, abs=0.05)
    assert measured[0] < measured[1] - 0.1  # the verifier is by far the better language model
    agreement = float(re.findall(r"(\d+\.\d) % of the positions", described)[0]) / 100
    assert recipe.argmax_agreement(verifier, draft, tokenizer) == pytest.approx(agreement, abs=0.03)


def said(model: Llama, tokenizer: Tokenizer, prompt: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(card, "PROMPT", prompt)
    return card.say(model, tokenizer)


def test_an_introduction_goes_on_as_one(
    verifier: Llama, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = said(verifier, tokenizer, "Hello, my name is", monkeypatch)
    assert re.match(r"Hello, my name is [A-Z][a-z]+[.,]? ", text), text


@pytest.mark.parametrize("number", range(4))
def test_greedy_text_does_not_loop(
    number: int, verifier: Llama, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = ["Hello, my name is", *prompts(recipe.HELD_OUT_SEED, 3)][number]
    text = said(verifier, tokenizer, prompt, monkeypatch)
    words = text.split()
    runs = Counter(tuple(words[i : i + 6]) for i in range(len(words) - 5))
    assert len(words) > 40
    assert max(runs.values()) <= 2, text
    assert len(set(words)) > 0.4 * len(words), text


SHORT = recipe.Schedule(steps=6, batch=1, peak_rate=1e-3, warmup=2)
SMALL = replace(recipe.DRAFT, dim=32, layers=1, heads=2, kv_heads=1, hidden=32)


def trained(state: Path, tokenizer: Tokenizer, steps: int) -> tuple[Llama, list[float]]:
    """Train up to ``steps`` steps, going on from what ``state`` holds."""
    model = Llama(SMALL)
    recipe.initialise(model, seed=1)
    losses = []
    for progress in recipe.train(
        model, recipe.text_loss(model), SHORT, tokenizer, state, save_every=2
    ):
        losses.append(progress.loss)
        if progress.step == steps:
            break
    return model, losses


def test_interrupted_training_goes_on_as_if_it_had_not_been(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    whole, losses = trained(tmp_path / "whole", tokenizer, 6)
    _, first = trained(tmp_path / "parts", tokenizer, 3)  # saved after step 2, stopped after 3
    resumed, rest = trained(tmp_path / "parts", tokenizer, 6)
    assert first == pytest.approx(losses[:3])
    assert rest == pytest.approx(losses[2:])
    for ours, theirs in zip(whole.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_training_lowers_the_loss(tokenizer: Tokenizer, tmp_path: Path) -> None:
    losses = trained(tmp_path / "state", tokenizer, 6)[1]
    assert losses[-1] < losses[0]


def test_no_training_row_is_a_held_out_row(tokenizer: Tokenizer) -> None:
    trained_on = {tuple(row.tolist()) for row in recipe.rows(tokenizer, recipe.SEED, 0, 30)}
    held_out = {tuple(row.tolist()) for row in recipe.rows(tokenizer, recipe.HELD_OUT_SEED, 0, 30)}
    assert len(trained_on) == len(held_out) == 30
    assert not trained_on & held_out


def test_a_tokenizer_trained_by_the_recipe_reads_any_text_back(tmp_path: Path) -> None:
    recipe.train_tokenizer(tmp_path / "tokenizer.model", megabytes=1)
    made = Tokenizer(tmp_path / "tokenizer.model")
    assert made.vocab == recipe.VOCAB
    text = "Hello, my name is Zoë.\n\nIt cost 3 < 4 coins, 100 %!"
    assert made.decode(made.encode(text)) == text


def test_the_rate_warms_up_and_ends_at_nothing() -> None:
    rates = [SHORT.rate(step) for step in range(SHORT.steps)]
    assert max(rates) == rates[1] == pytest.approx(1e-3)
    assert rates[1:] == sorted(rates[1:], reverse=True)
    assert 0 < rates[-1] < 0.3 * rates[1]
