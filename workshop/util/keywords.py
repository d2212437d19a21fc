"""Sentences of the command line, reworded for whoever calls a function of Python."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

# An option, and the word behind it, which may be its value.
_OPTION = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]*)(?: (\w+(?:[.-]\w+)*))?")
_NUMBER = re.compile(r"\d+(\.\d+)?")


def as_keywords(
    sentence: str, choices: Mapping[str, Collection[str]], flags: Collection[str] = ()
) -> str:
    """A sentence with ``--batch-size 1`` as ``batch_size=1``, ``--compile`` as ``compile=True``.

    Options that are not keywords, such as Slurm's, stay as they are.

    Args:
        choices: the keywords there are, each with the words that it can have for a value.
        flags: those of them that are True or False.
    """

    def keyword(match: re.Match[str]) -> str:
        name, word = match[1].replace("-", "_"), match[2]
        rest = "" if word is None else f" {word}"
        if name in flags:
            return f"{name}=True{rest}"
        if name.removeprefix("no_") in flags:
            return f"{name.removeprefix('no_')}=False{rest}"
        if name not in choices:
            return match[0]
        if word is not None and _NUMBER.fullmatch(word):
            return f"{name}={word}"
        return f"{name}={word!r}" if word in choices[name] else f"{name}{rest}"

    return _OPTION.sub(keyword, sentence)
