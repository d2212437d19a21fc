"""The settings of a run of gpt-fast or a relative, and what follows from its acceptance."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from workshop.record.readers.gpt_fast_lines import Kind
from workshop.record.readers.gpt_fast_runs import Footer, Header
from workshop.record.readers.settings_values import as_stated
from workshop.record.readers.units import count, number, words
from workshop.record.results import Condition

# In the header: the name of each kind as a condition.
_CONDITIONS: dict[Kind, str] = {
    "quantised": "quantisation",
    "draft quantised": "draft quantisation",
    "draft model": "draft model",
    "prefill": "prefill",
}
SETTINGS: set[Kind] = {*_CONDITIONS, "parallel", "rate", "arguments"}  # of a header
# torchao's arguments: what is no setting, what is in a field, and paths.
_NO_SETTINGS = {
    "batch_size",
    "checkpoint_path",
    "demo_summarize_prompt",
    "device",
    "max_new_tokens",
    "memory_profile",
    "num_samples",
    "output_json_local",
    "output_json_path",
    "precision",
    "profile",
    "prompt",
    "save",
    "write_result",
}
_ARGUMENT = re.compile(
    r"(\w{1,40})=('(?:[^'\\]|\\.)*+'|\"(?:[^\"\\]|\\.)*+\"|[^,'\"()]*+(?:\([^()]*+\))?)(?:, |$)"
)
_APART = 1e-6  # what is printed with all of its digits


def add_settings(fields: dict[str, Any], header: Header, footer: Footer, samples: int) -> None:
    """Add to the fields of a record what its header and footer say of settings and acceptance."""
    conditions: dict[str, Condition] = fields["conditions"]
    for kind, name in _CONDITIONS.items():
        if isinstance(value := header.get(kind), str):
            conditions[name] = value
    if "parallel" in header:
        conditions["tensor parallel"] = True
    if isinstance(rate := header.get("rate"), float) and samples == 1 and rate <= 100:
        fields["acceptance_rate"] = rate / 100
    if isinstance(probs := footer.get("probs"), str):
        _add_acceptance(fields, _probabilities(probs))
    if isinstance(arguments := header.get("arguments"), str):
        _add_arguments(fields, dict(_arguments(arguments)))


def _probabilities(text: str) -> list[float]:
    """The shares of passes that accepted 0, 1, ... guesses; [] if these are none."""
    found = [number(part) for part in text.split(",")]
    shares = [share for share in found if share is not None]
    whole = len(shares) == len(found) and abs(math.fsum(shares) - 1) <= _APART
    return shares if whole else []


def _add_acceptance(fields: dict[str, Any], shares: list[float]) -> None:
    """What follows from the shares: each pass guesses as many tokens, and adds one of its own."""
    mean = fields["mean_accepted"]
    guesses = len(shares) - 1
    accepted = math.fsum(count * share for count, share in enumerate(shares))
    if guesses < 1 or not isinstance(mean, float) or abs(accepted - mean) > _APART * guesses:
        return
    fields["acceptance_rate"] = accepted / guesses
    fields["acceptance_by_position"] = [math.fsum(shares[at:]) for at in range(1, len(shares))]
    fields["conditions"]["draft tokens"] = guesses


def _arguments(text: str) -> Iterator[tuple[str, str]]:
    """The names and values that Python prints of a Namespace, up to what cannot be told apart."""
    at = 0
    while match := _ARGUMENT.match(text, at):
        yield match[1], match[2]
        at = match.end()


def _add_arguments(fields: dict[str, Any], arguments: dict[str, str]) -> None:
    if not arguments.keys() >= {"num_samples", "max_new_tokens"}:
        return
    fields["batch_size"] = fields["batch_size"] or count(arguments.get("batch_size"))
    fields["new_tokens"] = fields["new_tokens"] or count(arguments["max_new_tokens"])
    precision = arguments.get("precision", "").removeprefix("torch.")
    fields["dtype"] = fields["dtype"] or words(precision)
    for name, value in arguments.items():
        setting = as_stated(value.strip("'\""))
        label = words(name.replace("_", " "))
        if (
            name not in _NO_SETTINGS | {"num_samples"}
            and value != "None"
            and label
            and setting is not None
        ):
            fields["conditions"][label] = setting
