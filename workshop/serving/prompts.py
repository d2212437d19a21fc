"""What is asked: words in random order, as many as a length takes, or the prompts of a file."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Protocol

from workshop.util.errors import ExpectedError, UsageError

MOST_BYTES = 64 << 20  # of a file of prompts
_MOST_TRIALS = 12  # requests that find out how many words a length takes
# Short and frequent, so that most vocabularies have each as one token.
_FREQUENT = (
    "the of and to in is it on as at by for with from this that have not are was but they his her "
    "she you we all can time more when one two new some them man day way look come work year back "
    "first good people water long little very after thing our just name great where help through"
)
_WORDS = _FREQUENT.split()
_FILLER = "a"


class PromptError(ExpectedError):
    """No prompt has the length that is asked for; the message is one sentence."""


class Prompts(Protocol):
    """Gives each request its prompt; the same for the same arguments."""

    def prompt(self, level: int, request: int) -> str: ...


@dataclass(frozen=True)
class Shuffled:
    """Prompts of the same words in different orders.

    They have the same number of tokens, since tokenizers split text into words first, and a server
    cannot take them from its prefix cache.

    Attributes:
        words: how many of the list, which is repeated.
        fillers: further words, all the same.
    """

    words: int
    fillers: int = 0
    seed: int = 0

    def prompt(self, level: int, request: int) -> str:
        words = [*islice(cycle(_WORDS), self.words), *[_FILLER] * self.fillers]
        random.Random(f"prompt {self.seed} {level} {request}").shuffle(words)
        return " ".join(["Words:", *words])


@dataclass(frozen=True)
class Listed:
    """The prompts of a file, from the first one on, again and again."""

    texts: tuple[str, ...]

    def prompt(self, level: int, request: int) -> str:
        return self.texts[request % len(self.texts)]

    @property
    def words(self) -> str:
        """What tells these prompts from others: how many, and a checksum."""
        checksum = zlib.crc32("\0".join(self.texts).encode("utf-8", "replace"))
        return f"{len(self.texts)} of a file #{checksum:08x}"


def read_prompts(path: Path) -> Listed:
    """The prompts in a file: one a line; in a .jsonl file, one object with ``prompt`` a line.

    Raises:
        UsageError: it cannot be read, has no prompt, or a line of it is none.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise UsageError(f"{path} has more than {MOST_BYTES >> 20} MiB, which is the limit")
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not text in UTF-8") from None
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if path.suffix == ".jsonl":
        texts = [_prompt_in(line, path, number) for number, line in numbered]
    else:
        texts = [line for _, line in numbered]
    if not texts:
        raise UsageError(f"{path} has no prompt: write one on each line")
    return Listed(tuple(texts))


def _prompt_in(line: str, path: Path, number: int) -> str:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    prompt = found.get("prompt") if isinstance(found, dict) else None
    if not isinstance(prompt, str) or not prompt:
        raise UsageError(f'{path}, line {number}: it is not an object such as {{"prompt": "..."}}')
    return prompt


async def shuffled_of_length(
    tokens: int, count: Callable[[str], Awaitable[int | None]], seed: int
) -> tuple[Shuffled, int | None]:
    """Prompts of a length in the server's tokens, found by asking it.

    Args:
        count: the tokens of a prompt as the server counts them; None if it does not.

    Returns:
        The prompts, and their length: less than ``tokens`` where no number of words has just that
        many; None where the server does not count.

    Raises:
        PromptError: the shortest prompt is longer than that.
    """
    trials = 0

    async def length(prompts: Shuffled) -> int | None:
        nonlocal trials
        trials += 1
        return await count(prompts.prompt(-1, trials))

    first = await length(Shuffled(1, seed=seed))
    if first is None:
        return Shuffled(tokens, seed=seed), None
    if first > tokens:
        raise PromptError(
            f"the server counts {first} tokens in the shortest prompt, its template included: "
            f"ask for at least as many with --prompt-tokens, or try --endpoint completions"
        )
    low, low_length = 1, first
    high: int | None = None  # more words than fit
    guess = tokens - first + 1
    while low_length < tokens and guess > low and trials < _MOST_TRIALS:
        found = await length(Shuffled(guess, seed=seed))
        if found is None:
            break
        if found <= tokens:
            low, low_length = guess, found
        else:
            high = guess
        per_word = max(1.0, (found - first) / (guess - 1))
        guess = low + max(1, int((tokens - low_length) / per_word))
        guess = guess if high is None else min(guess, high - 1)
    best = Shuffled(low, seed=seed)
    if low_length < tokens:
        filled = Shuffled(low, tokens - low_length, seed)
        if await length(filled) == tokens:
            return filled, tokens
    return best, low_length


def all_same(lengths: Sequence[int | None]) -> int | None:
    """The length that all have; None if they differ or are not known."""
    return lengths[0] if lengths and len(set(lengths)) == 1 else None
