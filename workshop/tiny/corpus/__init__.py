"""A seeded writer of small documents in plain English, the only text the embedded pair learns from.

About half of the documents are people who introduce themselves and tell a small story; the others
are stories about somebody, talks, letters, recipes, days at work with figures, and stories with
questions. Facts told early come back late, because remembering them is what a larger model does
better than a small one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

from workshop.tiny.corpus.kinds import KINDS, write

MIN_CHARS = 750
MAX_CHARS = 1380

SENTENCE_END = re.compile(r"""(?<=[.!?])\s+|(?<=[.!?]["'])\s+(?=["'A-Z0-9(])|\n+""")


def sentences(text: str) -> list[str]:
    """Split at the ends of sentences; a quotation mark stays with its sentence."""
    return [part for part in SENTENCE_END.split(text) if part]


def is_sound(text: str) -> bool:
    """Tell whether a document has a usable length and no sentence twice."""
    if not MIN_CHARS <= len(text) <= MAX_CHARS:
        return False
    parts = sentences(text)
    return len(set(parts)) == len(parts)


def document(rng: Random) -> str:
    """Write one document; drafts that repeat themselves or have a wrong length are thrown away."""
    while True:
        text = write(rng)
        if is_sound(text):
            return text


def documents(seed: int, count: int | None = None) -> Iterator[str]:
    """Yield `count` documents, or endlessly; the same seed gives the same documents everywhere."""
    rng = Random(seed)
    written = 0
    while count is None or written < count:
        yield document(rng)
        written += 1


def prompts(seed: int, count: int) -> list[str]:
    """Take the first 4 to 20 words of fresh documents, of a kind each in turn."""
    rng = Random(f"prompts {seed}")
    taken: list[str] = []
    while len(taken) < count:
        text = write(rng, KINDS[len(taken) % len(KINDS)])
        if is_sound(text):
            words = text.split("\n")[0].split(" ")
            taken.append(" ".join(words[: rng.randrange(4, 21)]))
    return taken
