"""Models stay on this side: each is sent once, and generating sends tokens alone."""

import importlib.util
from types import ModuleType
from typing import Any

MODELS: list[Any] = []


def load(exercise: ModuleType, weights: dict[str, Any]) -> int:
    """The number that the model has from now on."""
    MODELS.append(exercise.prepare(weights))
    return len(MODELS) - 1


def generate(exercise: ModuleType, model: int, prompt: list[int], new_tokens: int) -> Any:
    return exercise.generate(MODELS[model], prompt, new_tokens)


def leaves_prompt_alone(
    exercise: ModuleType, model: int, prompt: list[int], new_tokens: int
) -> bool:
    before = list(prompt)
    exercise.generate(MODELS[model], prompt, new_tokens)
    return prompt == before


def generate_anew(
    exercise: ModuleType, weights: dict[str, Any], prompt: list[int], new_tokens: int
) -> Any:
    """What their file, loaded again, gives when it is asked for nothing before."""
    spec = importlib.util.spec_from_file_location("anew", str(exercise.__file__))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate(module.prepare(weights), prompt, new_tokens)
