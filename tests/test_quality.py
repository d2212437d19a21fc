"""What quantising costs: the numbers are what they are called, and a run brings them along."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from click.testing import Result as Outcome
from llm_builders import random_llama, random_tokens, read
from torch import Tensor

from workshop.analysis.explain import quality_cost
from workshop.cli import cli
from workshop.llm.quantization.quantize import Quantization, quantize
from workshop.llm.text.tokenizer import Tokenizer
from workshop.record.results import Quality, Result
from workshop.record.runlog import RunLog
from workshop.report.rows import COLUMNS, rows
from workshop.report.runs import Run
from workshop.runner import quality
from workshop.runner.assemble import Place
from workshop.runner.measure import measure
from workshop.runner.models import embedded
from workshop.stages import settings_of
from workshop.stages.settings import Settings
from workshop.util.errors import UsageError

TOKENIZER = Tokenizer(embedded("verifier").tokenizer)
LONG = " ".join(f"I have {count} apples." for count in range(200))


def some_rows(count: int = 3, length: int = 100) -> Tensor:
    return torch.tensor([random_tokens(length, seed=seed) for seed in range(count)])


@torch.inference_mode()
def test_the_numbers_are_what_they_are_called() -> None:
    """Against the definitions, one token after the other."""
    reference, model = random_llama(), random_llama()
    quantize(model, Quantization("int4", 32))
    rows = some_rows()
    losses: list[tuple[float, float]] = []
    same, divergence = 0, 0.0
    for row in rows.tolist():
        p, q = (read(m, row).double().softmax(-1) for m in (reference, model))
        for p_i, q_i, said in zip(p.tolist(), q.tolist(), row[1:], strict=False):
            losses.append((-math.log(q_i[said]), -math.log(p_i[said])))
            same += int(p_i.index(max(p_i)) == q_i.index(max(q_i)))
            divergence += sum(a * math.log(a / b) for a, b in zip(p_i, q_i, strict=True))
    count = len(losses)
    ours, theirs = (math.fsum(column) / count for column in zip(*losses, strict=True))
    found = quality.compare(model, reference, rows)
    assert found.tokens == count == 3 * 99
    assert found.perplexity == pytest.approx(math.exp(ours), rel=1e-5)
    assert found.reference_perplexity == pytest.approx(math.exp(theirs), rel=1e-5)
    assert found.loss_increase == pytest.approx(ours - theirs, abs=1e-6)
    assert found.agreement == same / count
    assert found.divergence == pytest.approx(divergence / count, rel=1e-4)


def test_a_model_loses_nothing_against_itself() -> None:
    found = quality.compare(random_llama(), random_llama(), some_rows())
    assert found.perplexity == found.reference_perplexity
    assert (found.loss_increase, found.loss_increase_error) == (0, 0)
    assert (found.agreement, found.divergence) == (1, 0)


def test_the_uncertainty_is_that_of_the_text_and_falls_with_its_length() -> None:
    """Two texts' results differ by about their standard errors."""
    reference, model = random_llama(), random_llama()
    quantize(model, Quantization("int4", 32))
    short, other = some_rows(4, 129)[:2], some_rows(4, 129)[2:]
    long = torch.cat([some_rows(40, 129)])
    one, two, all_of_it = (quality.compare(model, reference, r) for r in (short, other, long))
    assert one.loss_increase_error is not None
    assert all_of_it.loss_increase_error is not None
    assert abs(one.loss_increase - two.loss_increase) < 5 * one.loss_increase_error
    assert all_of_it.loss_increase_error < one.loss_increase_error
    assert quality.standard_error([1.0, 2.0, 3.0, 4.0]) == pytest.approx(math.sqrt(5 / 3) / 2)
    assert quality.standard_error([1.0]) is None


def test_a_model_that_says_no_numbers_has_no_quality() -> None:
    broken = random_llama()
    broken.norm.weight.fill_(math.nan)
    with pytest.raises(ArithmeticError, match="no numbers"):
        quality.compare(broken, random_llama(), some_rows())


def test_a_row_begins_where_a_text_begins() -> None:
    texts = ["I am Ada.", "I am Ben.", "I am Eve."] * 20
    found = quality.windows(TOKENIZER, texts, most=200, context=32)
    assert found.shape == (200 // 32, 32)
    assert set(found[:, 0].tolist()) == {TOKENIZER.bos}
    assert all(TOKENIZER.decode(row).startswith("I am ") for row in found.tolist())


def test_a_text_that_is_longer_than_a_row_goes_on_in_the_next() -> None:
    found = quality.windows(TOKENIZER, [LONG], most=300, context=64)
    assert found.shape == (4, 64)
    assert set(found[:, 0].tolist()) == {TOKENIZER.bos}
    told = [token for row in found.tolist() for token in row[1:]]
    assert told == TOKENIZER.encode(LONG)[1 : 1 + len(told)]


def test_a_text_shorter_than_a_row_is_read_whole() -> None:
    found = quality.windows(TOKENIZER, ["I am Ada."], most=1000, context=512)
    assert found.tolist() == [[*TOKENIZER.encode("I am Ada."), TOKENIZER.eos]]


def test_no_text_at_all_is_a_mistake() -> None:
    with pytest.raises(UsageError, match="empty"):
        quality.windows(TOKENIZER, [""], most=1000, context=512)


def run(settings: Settings) -> Result:
    short = replace(settings, compile=False, samples=1, new_tokens=4, device="cpu")
    return measure(short, Place(torch.device("cpu")), RunLog(None))


def test_a_quantised_run_of_a_small_model_tells_its_quality() -> None:
    plain = replace(settings_of("quantize"), model="tiny:1")
    found = {
        how: run(replace(plain, quantize=how)).quality  # type: ignore[arg-type]
        for how in ("none", "int8", "int4")
    }
    assert found["none"] is None, "nothing was quantised"
    assert found["int8"] is not None
    assert found["int4"] is not None
    assert found["int8"].tokens == 2 * 511
    assert found["int8"].divergence < 0.001 < found["int4"].divergence < 0.01
    assert 1 > found["int8"].agreement > found["int4"].agreement > 0.9


def test_random_weights_have_no_quality_to_lose() -> None:
    result = run(replace(settings_of("quantize"), model="random:15m"))
    assert result.status == "ok", result.reason
    assert result.quality is None


def test_the_report_shows_quality_beside_speed() -> None:
    told = Quality(1022, 1.643, 1.635, 0.0048, 0.0013, 0.958, 0.0028)
    result = Result("quantize", "ok", quality=told)
    cells = dict(zip(COLUMNS[2:], rows([Run("q.out", result, "quantize")])[0].cells, strict=True))
    assert cells["Perplexity (unquantised)"].text == "1.643 (1.635)"
    assert cells["Same top token, %"].text == "95.8"
    assert "1.643, unquantised 1.635 (a loss of +0.0048 ± 0.0013 nats" in quality_cost(told)


def workshop(*arguments: str) -> Outcome:
    return CliRunner().invoke(cli, arguments)


def test_an_int4_checkpoint_that_was_calibrated_is_nearer_and_runs(tmp_path: Path) -> None:
    """Made offline on a text file, held against its origin, and run like any other."""
    small, out, text = str(embedded("draft").directory), str(tmp_path / "int4"), tmp_path / "text"
    text.write_text("\n".join(islice(quality.embedded_text(5), 10)), encoding="utf-8")
    made = workshop("quantize", small, "-o", out, "--method", "int4", "--calibrate", str(text))
    assert made.exit_code == 0, made.output
    short = ["--tokens", "2048", "--json"]
    (known,) = json.loads(workshop("quality", out, "--against", small, *short).output)
    (rounded,) = json.loads(workshop("quality", small, "--quantize", "int4", *short).output)
    assert known["quality"]["tokens"] == rounded["quality"]["tokens"] == 4 * 511
    assert known["quality"]["divergence"] < 0.9 * rounded["quality"]["divergence"]
    offline, in_memory = (
        run(replace(settings_of("quantize"), model=model, quantize="int4"))
        for model in (out, small)
    )
    assert offline.status == "ok", offline.reason
    assert offline.model_bytes == in_memory.model_bytes
    assert offline.quality is None, "its origin is not known"
    again = workshop("quantize", small, "-o", out, "--method", "int4")
    assert "holds a checkpoint already" in str(again.exception)


def test_the_table_has_a_line_for_each_way_to_quantise() -> None:
    shown = workshop("quality", "--tokens", "64")
    assert shown.exit_code == 0, shown.output
    names = [line[:10].strip() for line in shown.output.splitlines()[3:]]
    assert names == ["bf16", "int8", "int4 g32", "int4 g64", "int4 g128"]
    assert "tiny:1, 63 tokens of text (embedded)" in shown.output


def test_activations_in_int8_cost_little_and_something() -> None:
    def divergence(*options: str) -> float:
        shown = workshop("quality", "--quantize", "int8", "--tokens", "1024", "--json", *options)
        assert shown.exit_code == 0, shown.output
        (measured,) = json.loads(shown.output)
        return measured["quality"]["divergence"]

    assert divergence() < divergence("--activations", "int8") < 0.002


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["quality", "random:15m"], "no quality to lose"),
        (["quality", "--group-size", "64"], "add --quantize int4"),
        (["quality", "--text", "nowhere.txt"], "nowhere.txt: No such file"),
        (["quality", "--against", "tiny"], "--against is for checkpoints that are"),
        (["quantize", "tiny", "-o", "x", "--calibrate", "embedded"], "add --method int4"),
        (["quantize", "tiny", "-o", "x", "--group-size", "64"], "add --method int4"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        CliRunner().invoke(cli, arguments, catch_exceptions=False, standalone_mode=False)
