"""The formats that are known here: those of this package, and what a site has added.

A format is an entry point of the group ``workshop.readers``; see ``reader.py`` for what it gives.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, BinaryIO

from workshop.record.readers import mixed
from workshop.record.readers.documents import document
from workshop.record.readers.lines import blocks, first_line, needle_lines, which_are_in
from workshop.record.readers.units import capped
from workshop.record.results import Result
from workshop.util.text import one_line

GROUP = "workshop.readers"
# Of two formats in one file, the first one here is taken. What a site adds comes before, since it
# was added for its logs; gpt-fast next: its lines have an order and numbers, so they cannot stand
# together by chance. A server's tables have a frame. Single lines, as llama.cpp's, come last.
ORDER = (
    "workshop-json",
    "gpt-fast",
    "vllm",
    "vllm-json",
    "sglang",
    "sglang-json",
    "tensorrt-llm",
    "tensorrt-llm-json",
    "guidellm",
    "guidellm-json",
    "aiperf",
    "inference-perf",
    "mlperf",
    "ollama",
    "ollama-json",
    "text-generation-inference",
    "optimum-benchmark",
    "optimum-benchmark-markdown",
    "llama-bench",
    "llama-bench-rows",
    "llama-batched-bench",
    "llama-server-json",
    "llama-server-response",
    "llama-server-stream",
    "vllm-server",
    "sglang-server",
    "llama.cpp",
    "llama2.c",
)


class ReaderWarning(UserWarning):
    """A format that cannot be read here, named."""


def results_of(file: BinaryIO, file_name: str) -> list[Result]:
    """The results of the first format that knows the log; [] if none does.

    Of lines of JSON that several tools wrote, each line is read by the first that knows it.
    """
    readers = installed()
    if (whole := document(file, first_line(file))) is not None and (
        found := _in_document(whole, file_name)
    ):
        return found
    texts = [(name, reader) for name, reader in readers if hasattr(reader, "NEEDLES")]
    while texts:
        sought = [getattr(reader, "ANCHORS", ()) or reader.NEEDLES for _, reader in texts]
        there = which_are_in(file, sought)
        file.seek(0)
        # If the first one's words are there, the others' were not looked for any further.
        count = 1 if there[0] else len(texts)
        for (name, reader), has_words in zip(texts[:count], there, strict=False):
            if has_words and (found := _asked_of_text(name, reader, file, file_name)):
                return found
        texts = texts[count:]
    return []


def _in_document(whole: Any, file_name: str) -> list[Result]:
    """The results of a parsed file: of the first reader, or of one for each part of it."""
    documents = {name: one for name, one in installed() if not hasattr(one, "NEEDLES")}
    texts = {name: one for name, one in installed() if hasattr(one, "NEEDLES")}

    def asked_documents(document: Any) -> tuple[str | None, list[Result]]:
        for name, reader in documents.items():
            if found := _asked(name, reader.results, document, file_name):
                return name, found
        return None, []

    def asked_text(name: str, lines: list[str]) -> list[Result]:
        shown = mixed.with_needles(lines, texts[name].NEEDLES)
        return _asked(name, texts[name].results, shown, file_name) if shown else []

    def owner_of(record: Any) -> str | None:
        owner, _ = asked_documents([record])
        lines = [] if owner else mixed.lines([record])
        return owner or next((name for name in texts if asked_text(name, lines)), None)

    def found_in(owner: str, records: list[Any]) -> list[Result]:
        if owner in texts:
            return asked_text(owner, mixed.lines(records))
        return _asked(owner, documents[owner].results, records, file_name)

    if parted := mixed.parts(whole, owner_of):
        return capped(run for owner, records in parted for run in found_in(owner, records))
    return asked_documents(whole)[1]


@cache
def installed() -> Sequence[tuple[str, Any]]:
    """Each format's name and reader, in the order in which they are asked."""
    found = [(point.name, _loaded(point)) for point in entry_points(group=GROUP)]
    known = [(name, reader) for name, reader in found if reader is not None]
    return sorted(known, key=lambda one: (_place(one[0]), one[0]))


def _place(name: str) -> int:
    return ORDER.index(name) if name in ORDER else -1


def _loaded(point: EntryPoint) -> Any | None:
    try:
        reader = point.load()
        if not callable(reader.results) or not isinstance(reader.NAME, str):
            raise TypeError("it has no NAME or no results()")
        if not all(isinstance(needle, bytes) and needle for needle in _needles(reader)):
            raise TypeError("its NEEDLES are no bytes")
    except Exception as error:  # whatever another's code raises
        _warn(point.name, "cannot be loaded", error)
        return None
    return reader


def _needles(reader: Any) -> Sequence[Any]:
    return (*getattr(reader, "NEEDLES", ()), *getattr(reader, "ANCHORS", ()))


def _asked_of_text(name: str, reader: Any, file: BinaryIO, file_name: str) -> list[Result]:
    """What a reader of lines finds; the file is left at its beginning."""
    if hasattr(reader, "results_in_blocks"):
        found = _asked(name, reader.results_in_blocks, blocks(file), file_name)
    else:
        lines = needle_lines(file, reader.NEEDLES, getattr(reader, "ANCHORS", ()))
        found = _asked(name, reader.results, lines, file_name)
    file.seek(0)
    return found


def _asked(
    name: str, results: Callable[[Any, str], Iterable[Result]], log: Any, file_name: str
) -> list[Result]:
    try:
        found = list(results(log, file_name))
        if not all(isinstance(one, Result) for one in found):
            raise TypeError("it gave something that is no Result")
    except OSError:
        raise  # of the file
    except Exception as error:
        _warn(name, f"failed on {one_line(file_name)}", error)
        return []
    return found


def _warn(name: str, what: str, error: Exception) -> None:
    sentence = one_line(f"the reader of {name} logs {what}: {type(error).__name__}: {error}", 300)
    warnings.warn(sentence, ReaderWarning, stacklevel=2)
