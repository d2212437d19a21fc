"""A response of llama.cpp's server that was saved: its ``timings`` are those of one request.

    {"content": ..., "tokens_evaluated": 7, "timings": {"cache_n": 0, "prompt_n": 7,
     "prompt_ms": 3.275, ..., "predicted_n": 24, "predicted_per_second": 1534.36}}

``/completion`` has them, and so have the ``/v1/`` routes, a stream's last chunk, and a file of the
timings alone. The newest versions divide the tokens after the first by the time, older ones all of
them; the record has what is printed. ``prompt_n`` counts the tokens that were not cached.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from workshop.record.readers.llama_server_task import with_whole_prompt
from workshop.record.readers.settings_values import as_stated
from workshop.record.readers.units import capped, count, part, positive, seconds, words
from workshop.record.results import DECODE_OF_ONE, Condition, Result

NAME = "llama-server-response"
FORMAT = "llama.cpp"

_TIMINGS = {"prompt_n", "prompt_ms", "predicted_n", "predicted_ms", "predicted_per_second"}
# Of a request's settings: what is no setting, what is of one request alone, and texts.
_NO_SETTINGS = {"seed", "model", "prompt", "generation_prompt", "grammar", "stop", "id_slot"}
_MOST = 60  # settings; it has some fifty
_DEEPEST = 2  # lists of responses in a list


def results(document: Any, file_name: str) -> list[Result]:
    """The runs in a parsed file: one a response."""
    return capped(run_of(response) for response in _responses(document, _DEEPEST))


def _responses(document: Any, deeper: int) -> Iterator[Mapping[str, Any]]:
    """The responses in a document: itself, or those in a list."""
    if isinstance(document, dict):
        if timings_of(document) is not None:
            yield document
    elif isinstance(document, list) and deeper:
        for one in document:
            yield from _responses(one, deeper - 1)


def timings_of(response: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The timings of a response, or a response that is nothing but them; None if it has none."""
    timings = response.get("timings", response)
    return timings if isinstance(timings, dict) and timings.keys() >= _TIMINGS else None


def run_of(response: Mapping[str, Any]) -> Result:
    """The run of a response with timings."""
    timings = timings_of(response) or {}
    speed = positive(timings.get("predicted_per_second"))
    evaluated = count(timings.get("prompt_n"))
    result = Result(
        None,
        "ok" if speed is not None else "incomplete",
        reason=None if speed is not None else "its decode has no speed",
        format=FORMAT,
        tokens_per_second=speed,
        ttft_seconds=seconds(timings.get("prompt_ms"), "ms"),
        tpot_seconds=seconds(timings.get("predicted_per_token_ms"), "ms") if speed else None,
        acceptance_rate=_acceptance(timings),
        definition=DECODE_OF_ONE,
        prompt_tokens=evaluated,
        new_tokens=count(timings.get("predicted_n")),
        model=words(response.get("model")) or words(part(response, "generation_settings", "model")),
        conditions=_settings(response),
    )
    whole = _whole_prompt(response, timings, evaluated)
    if whole is None and evaluated == 1:
        remark = "a single token of the prompt was evaluated: how many were cached is not known"
        return replace(result, prompt_tokens=None, warnings=[remark])
    return with_whole_prompt(result, whole)


def _whole_prompt(
    response: Mapping[str, Any], timings: Mapping[str, Any], evaluated: int | None
) -> int | None:
    """Tokens of the whole prompt; None if only those are known that were evaluated."""
    cached = count(timings.get("cache_n"))
    if cached is not None and evaluated is not None:
        return cached + evaluated
    whole = count(response.get("tokens_evaluated"))
    return count(part(response, "usage", "prompt_tokens")) if whole is None else whole


def _acceptance(timings: Mapping[str, Any]) -> float | None:
    """The share of the draft's tokens that were accepted."""
    drafted, accepted = count(timings.get("draft_n")), count(timings.get("draft_n_accepted"))
    return accepted / drafted if drafted and accepted is not None and accepted <= drafted else None


def _settings(response: Mapping[str, Any]) -> dict[str, Condition]:
    settings = response.get("generation_settings")
    found: dict[str, Condition] = {}
    for key, value in settings.items() if isinstance(settings, dict) else ():
        chosen = (
            ", ".join(map(str, value)) if key == "samplers" and isinstance(value, list) else value
        )
        name, setting = words(str(key).replace("_", " ").replace(".", " ")), as_stated(chosen)
        if key in _NO_SETTINGS or name is None or setting is None or len(found) >= _MOST:
            continue
        found[name] = setting
    return found
