"""What fewer bits cost: a quantised model beside the one that it was made from, on the same text.

Both read the same tokens (teacher-forced: whatever they would have said, the text goes on as it
is), and their predictions are compared token by token. What a difference in perplexity is worth
depends on the text that it was measured on; so its uncertainty stands beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from workshop.llm.model import Llama
from workshop.llm.text.tokenizer import Tokenizer
from workshop.record.results import Quality
from workshop.runner.assemble import Engine, Place
from workshop.runner.models import find_model, load_model, stored_quantization
from workshop.runner.plan import DTYPES
from workshop.stages.settings import Settings
from workshop.tiny.corpus import documents
from workshop.tiny.recipe import HELD_OUT_SEED
from workshop.util.errors import UsageError

WINDOW = 512  # tokens that a model reads at a time
BLOCK = 64  # neighbouring tokens are likely to be wrong together; blocks of so many hardly
CALIBRATION_SEED = 22  # a stream of documents that is neither trained on nor held out
CALIBRATION_TOKENS = 8192
EMBEDDED = "embedded"  # what the text is called that comes with the package

# After a run, a short look: seconds for the embedded model, and for none much longer.
RUN_TOKENS = 1024
LARGE = 50e6  # parameters from which half as many tokens do
RUN_PARAMETERS = 200e6


def embedded_text(seed: int = HELD_OUT_SEED) -> Iterable[str]:
    """Documents without end, like those of the embedded model's training and none of them."""
    return documents(seed)


def text_of(name: str, seed: int = HELD_OUT_SEED) -> Iterable[str]:
    """The documents of ``embedded``, or of a text file as one.

    Raises:
        UsageError: there is no such file, or it is not a text.
    """
    if name == EMBEDDED:
        return embedded_text(seed)
    try:
        return [Path(name).read_text(encoding="utf-8")]
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror or error}") from None
    except UnicodeError:
        raise UsageError(f"{name}: this is not a text in UTF-8") from None


def windows(tokenizer: Tokenizer, texts: Iterable[str], most: int, context: int) -> Tensor:
    """At most ``most`` tokens of texts, in rows [rows, length] that a model reads one by one.

    A row begins where a text begins, as a prompt does, and goes on with further texts; a text that
    is longer than a row goes on in the next.

    Raises:
        UsageError: there is no text.
    """
    length = min(WINDOW, context, most)
    rows: list[list[int]] = []
    row: list[int] = []
    for text in texts:
        tokens = [*tokenizer.encode(text), tokenizer.eos]
        row += tokens
        while len(row) >= length:
            rows.append(row[:length])
            row = [tokenizer.bos, *row[length:]] if len(tokens) > length else []
        if len(rows) * length + length > most:
            break
    if not rows and len(row) < 3:  # begin and end of an empty text
        raise UsageError("the text is empty: give one of some hundred words")
    return torch.tensor(rows[: most // length] or [row])


def log_probabilities(model: Llama, row: Tensor) -> Tensor:
    """Of every token after each of ``row`` [T] but the last: [T - 1, vocab], fp32."""
    positions = torch.arange(len(row) - 1, device=row.device)
    return model(row[None, :-1], positions)[0].float().log_softmax(-1)


@torch.inference_mode()
def compare(model: Llama, reference: Llama, rows: Tensor) -> Quality:
    """How near ``model`` is to ``reference`` on ``rows`` [rows, length] of tokens.

    Both stand on one device and are whole.

    Raises:
        ArithmeticError: a model's predictions are no numbers.
    """
    ours, theirs, blocks, same, divergence = [], [], [], [], []
    for row in rows.to(reference.embed_tokens.weight.device):
        p, q = log_probabilities(reference, row), log_probabilities(model, row)
        next_tokens = row[1:, None]
        loss = -q.gather(1, next_tokens)[:, 0].double()
        before = -p.gather(1, next_tokens)[:, 0].double()
        ours.append(loss)
        theirs.append(before)
        blocks += [part.mean().item() for part in (loss - before).split(BLOCK)]
        same.append(p.argmax(-1) == q.argmax(-1))
        divergence.append((p.exp() * (p - q)).sum(-1).double())
    loss, before = torch.cat(ours), torch.cat(theirs)
    if not (loss.isfinite().all() and before.isfinite().all()):
        raise ArithmeticError("a model's predictions are no numbers")
    return Quality(
        tokens=len(loss),
        perplexity=math.exp(loss.mean()),
        reference_perplexity=math.exp(before.mean()),
        loss_increase=(loss - before).mean().item(),
        loss_increase_error=standard_error(blocks),
        agreement=torch.cat(same).double().mean().item(),
        divergence=torch.cat(divergence).mean().item(),
    )


def standard_error(values: list[float]) -> float | None:
    """Of the mean of independent values; None for fewer than two."""
    if len(values) < 2:
        return None
    return torch.tensor(values, dtype=torch.float64).std().item() / math.sqrt(len(values))


def of_run(settings: Settings, place: Place, engine: Engine) -> Quality | None:
    """The quality of the model that a run has measured, where it can be had in a second or so.

    That is: quantised by the run itself, not of random weights, on one rank, and small.
    ``workshop quality`` measures all others.
    """
    if settings.quantize == "none" or place.ranks > 1 or engine.parameters > RUN_PARAMETERS:
        return None
    source = find_model(settings.model)
    if source.random or stored_quantization(source) is not None:
        return None
    reference = load_model(source, DTYPES[settings.dtype], place.device)
    context = engine.model.config.context
    tokens = RUN_TOKENS // 2 if engine.parameters > LARGE else RUN_TOKENS
    rows = windows(engine.tokenizer, embedded_text(), tokens, context)
    try:
        return compare(engine.model, reference, rows)
    except ArithmeticError:
        return None
