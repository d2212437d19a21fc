"""The model stays on this side: it is sent once, and generating sends tokens alone."""

from types import ModuleType
from typing import Any

STATE: dict[str, Any] = {}


def load(exercise: ModuleType, weights: dict[str, Any]) -> None:
    STATE["model"] = exercise.prepare(weights)


def generate(exercise: ModuleType, prompt: list[int], new_tokens: int) -> Any:
    return exercise.generate(STATE["model"], prompt, new_tokens)


def leaves_prompt_alone(exercise: ModuleType, prompt: list[int], new_tokens: int) -> bool:
    before = list(prompt)
    exercise.generate(STATE["model"], prompt, new_tokens)
    return prompt == before
