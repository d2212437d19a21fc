"""Tokens that a fine-tune added to a tokenizer, in the JSON files beside its ``tokenizer.model``.

ChatML's ``<|im_start|>`` is one. The files are those of ``transformers``, and so is what they mean
(``tokenization_utils_base.py`` and ``tokenization_utils_tokenizers.py`` there): which tokens there
are, their ids, and which of them are special.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from workshop.llm.config import ConfigError, read_object
from workshop.llm.text.errors import TokenizerError

TOKENIZER_CONFIG = "tokenizer_config.json"
TOKENIZER_JSON = "tokenizer.json"
SPECIAL_TOKENS_MAP = "special_tokens_map.json"
ADDED_TOKENS = "added_tokens.json"
NAMED = (
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
)
DEFAULTS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}  # of LlamaTokenizer
SEVERAL = ("additional_special_tokens", "extra_special_tokens")

# Before which parts of a text a space is put, where special tokens cut it: before each, as
# sentencepiece does; before those that do not begin with a space, all of them or only the one that
# begins the text; or before none.
Prefix = Literal["each", "spaceless", "first", "never"]


@dataclass(frozen=True)
class Added:
    """A token that is found in a text before anything else is.

    Attributes:
        special: it is a sign for the model, and no text.
        left, right: it takes the white space on that side with it.
        word: it stands between characters that are not of a word.
    """

    text: str
    special: bool
    left: bool = False
    right: bool = False
    word: bool = False


@dataclass(frozen=True)
class Beside:
    """What the files beside a tokenizer add to it.

    Attributes:
        tokens: in the order in which those that the tokenizer does not have get their ids.
        names: how the tokens for the beginning and the end are written, by ``bos_token`` ...
        prefix: before which parts of a text a space is put.
    """

    tokens: tuple[Added, ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    prefix: Prefix = "each"

    def name(self, key: str) -> str | None:
        return dict(self.names).get(key)


def read_beside(directory: Path) -> Beside:
    """What the JSON files in a tokenizer's directory say; raises TokenizerError."""
    config = optional(directory / TOKENIZER_CONFIG)
    whole = optional(directory / TOKENIZER_JSON)
    said = DEFAULTS | config if is_llama(config) else dict(config)
    listed: dict[int, Added] = {}
    if "added_tokens_decoder" in config:
        listed = by_id(directory / TOKENIZER_CONFIG, config["added_tokens_decoder"])
    else:
        said |= optional(directory / SPECIAL_TOKENS_MAP)
        special = {token.text for token in named(said)}
        path = directory / ADDED_TOKENS
        for text, token in optional(path).items():
            if not isinstance(token, int):
                raise TokenizerError(f"{path}: the id of {text!r} is {token!r}, which is none")
            listed[token] = Added(text, text in special)
        listed |= from_whole(directory / TOKENIZER_JSON, whole)
    tokens = {each.text: each for _, each in sorted(listed.items())}
    for each in named(said):
        first = tokens.setdefault(each.text, each)
        if not first.special:
            tokens[each.text] = Added(first.text, True, first.left, first.right, first.word)
    stated = {key: text_of(said[key]) for key in NAMED if key in said and said[key] is not None}
    names = tuple((key, text) for key, text in stated.items() if text)
    return Beside(tuple(tokens.values()), names, prefix_of(directory, config, whole))


def optional(path: Path) -> dict[str, Any]:
    """A JSON object; an empty one where there is no such file; raises TokenizerError."""
    if not path.is_file():
        return {}
    try:
        return read_object(path)
    except ConfigError as error:
        raise TokenizerError(str(error)) from None


def by_id(path: Path, listed: Any) -> dict[int, Added]:
    """``added_tokens_decoder``: what each token is, by its id; raises TokenizerError."""
    if not isinstance(listed, dict):
        raise TokenizerError(f"{path}: added_tokens_decoder is not an object")
    found = {}
    for token, fields in listed.items():
        if not re.fullmatch(r"[0-9]{1,9}", token) or text_of(fields) is None:
            raise TokenizerError(f"{path}: added_tokens_decoder has no token at {token[:20]!r}")
        found[int(token)] = added(fields)
    return found


def from_whole(path: Path, whole: dict[str, Any]) -> dict[int, Added]:
    """``added_tokens`` of a ``tokenizer.json``; raises TokenizerError."""
    listed = whole.get("added_tokens") or []
    if not isinstance(listed, list):
        raise TokenizerError(f"{path}: added_tokens is not a list")
    found = {}
    for fields in listed:
        token = fields.get("id") if isinstance(fields, dict) else None
        if not isinstance(token, int) or text_of(fields) is None:
            raise TokenizerError(f"{path}: added_tokens has an entry that is no token")
        found[token] = added(fields)
    return found


def added(fields: dict[str, Any] | str, special: bool = False) -> Added:
    """A token as these files write it: its text, or an object of its text and how it is found."""
    if isinstance(fields, str):
        return Added(fields, special)
    return Added(
        fields["content"],
        special or bool(fields.get("special")),
        bool(fields.get("lstrip")),
        bool(fields.get("rstrip")),
        bool(fields.get("single_word")),
    )


def text_of(fields: Any) -> str | None:
    """How a token is written; None where there is none."""
    text = fields.get("content") if isinstance(fields, dict) else fields
    return text if isinstance(text, str) and text else None


def named(said: dict[str, Any]) -> Iterator[Added]:
    """The special tokens that a ``tokenizer_config.json`` or ``special_tokens_map.json`` names."""
    values: list[Any] = [said.get(key) for key in NAMED]
    for key in SEVERAL:
        more = said.get(key)
        if isinstance(more, dict | list):
            values += more.values() if isinstance(more, dict) else more
    yield from (added(value, special=True) for value in values if text_of(value))


def is_llama(config: dict[str, Any]) -> bool:
    """Whether a ``tokenizer_config.json`` names the LlamaTokenizer of ``transformers``."""
    return config.get("tokenizer_class") in ("LlamaTokenizer", "LlamaTokenizerFast")


def prefix_of(directory: Path, config: dict[str, Any], whole: dict[str, Any]) -> Prefix:
    """Before which parts of a text ``transformers`` puts a space.

    Its LlamaTokenizer goes by tokenizer_config.json, whatever tokenizer.json says; a Mistral's
    tokenizer, like any other class's, is as tokenizer.json has it.
    """
    mistral = optional(directory / "config.json").get("model_type") == "mistral"
    if is_llama(config) and not (mistral and whole):
        if config.get("add_prefix_space") is False:
            return "never"
        return "spaceless" if config.get("legacy") else "first"
    steps = whole.get("pre_tokenizer")
    if isinstance(steps, dict) and steps.get("type") == "Metaspace":
        scheme = steps.get("prepend_scheme")
        return scheme if scheme in ("first", "never") else "spaceless"
    return "each"


class Finder:
    """Finds tokens in a text: the leftmost first, and of several there the longest."""

    def __init__(self, tokens: Iterable[Added]) -> None:
        self.tokens = {token.text: token for token in tokens if token.text}
        either = "|".join(map(re.escape, sorted(self.tokens, key=len, reverse=True)))
        self.pattern = re.compile(either) if either else None

    def cut(self, text: str) -> Iterator[tuple[int, str, Added | None]]:
        """Parts of a text, none of them empty: where each begins, and the token that it is."""
        end = 0
        for match in self.pattern.finditer(text) if self.pattern else ():
            token, start, stop = self.tokens[match[0]], match.start(), match.end()
            if start < end or (token.word and touches_word(text, start, stop)):
                continue
            before = text[end:start]
            if token.left:
                before = before.rstrip()
            if before:
                yield end, before, None
            yield start, match[0], token
            end = stop
            if token.right:
                end = next_visible(text, stop)
        if text[end:]:
            yield end, text[end:], None


def touches_word(text: str, start: int, stop: int) -> bool:
    """Whether a letter, digit or underscore stands right before or behind a part of a text."""
    sides = text[start - 1 : start] if start else "", text[stop : stop + 1]
    return any(re.match(r"\w", side) for side in sides)


def next_visible(text: str, start: int) -> int:
    """Where white space that begins at ``start`` ends."""
    while start < len(text) and text[start].isspace():
        start += 1
    return start


def ids(tokens: Iterable[Added], size: int, find: Callable[[str], int | None]) -> dict[str, int]:
    """The id of each token: the vocabulary's own, or the next free one from ``size``."""
    found: dict[str, int] = {}
    for token in tokens:
        known = find(token.text)
        if known is None:
            known, size = size, size + 1
        found[token.text] = known
    return found
