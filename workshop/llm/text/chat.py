"""Chat templates: how a model was taught that somebody speaks to it.

A template is a program in Jinja that comes with a checkpoint, so it runs in Jinja's sandbox:
https://jinja.palletsprojects.com/en/stable/sandbox/.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from workshop.llm.config import ConfigError, read_object
from workshop.llm.text.errors import TokenizerError
from workshop.llm.text.tokenizer import Tokenizer

TEMPLATE = "chat_template.jinja"
TOKENIZER_CONFIG = "tokenizer_config.json"


def find_template(directory: Path) -> str | None:
    """The chat template in a checkpoint's directory; of several, the one named ``default``.

    Raises:
        TokenizerError: the file that may hold it cannot be read.
    """
    alone, config = directory / TEMPLATE, directory / TOKENIZER_CONFIG
    try:
        if alone.is_file():
            return alone.read_text(encoding="utf-8")
        found = read_object(config).get("chat_template") if config.is_file() else None
    except ConfigError as error:
        raise TokenizerError(str(error)) from None
    except (OSError, ValueError) as error:
        raise TokenizerError(f"{alone}: {error}") from None
    if isinstance(found, list):
        named = {each.get("name"): each.get("template") for each in found if isinstance(each, dict)}
        found = named.get("default")
    return found if isinstance(found, str) else None


def render(template: str, text: str, begin: str, end: str) -> str:
    """What the model reads when a user says ``text``, up to where its answer begins.

    ``begin`` and ``end`` are how the tokens for the beginning and the end of a text are written.

    Raises:
        TokenizerError: the template cannot be run; the message says what it said.
    """

    def refuse(message: str) -> None:
        raise TemplateError(message)

    def to_json(value: Any, **options: Any) -> str:
        return json.dumps(value, ensure_ascii=False, **options)  # no HTML: no escapes

    sandbox = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    sandbox.filters["tojson"] = to_json
    # No clock: a prompt with today's date in it would be another one tomorrow.
    sandbox.globals["raise_exception"] = refuse
    try:
        return sandbox.from_string(template).render(
            messages=[{"role": "user", "content": text}],
            add_generation_prompt=True,
            bos_token=begin,
            eos_token=end,
        )
    except Exception as error:  # a program of somebody else's may raise anything
        said = " ".join(str(error).split())
        raise TokenizerError(f"the model's chat template failed: {said}") from None


def encode(tokenizer: Tokenizer, template: str, text: str) -> list[int]:
    """Token ids of a text as a user says it; raises TokenizerError."""
    begin, end = (tokenizer.name(token) for token in (tokenizer.bos, tokenizer.eos))
    return tokenizer.encode_marked(render(template, text, begin, end))
