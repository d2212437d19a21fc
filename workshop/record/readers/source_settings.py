"""Names for the settings of a source, under which they are conditions of its run.

``settings_values.py`` has what becomes of their values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from workshop.record.readers.settings_values import LONGEST_VALUE, if_set
from workshop.record.results import Condition
from workshop.util.text import one_line

NO_LIMIT = "unlimited"

# How an engine runs a model, in the names of vLLM's arguments, which others share.
ENGINE = {
    "quantization": "quantization",
    "tensor_parallel_size": "tensor parallel size",
    "pipeline_parallel_size": "pipeline parallel size",
    "data_parallel_size": "data parallel size",
    "kv_cache_dtype": "KV cache type",
    "max_model_len": "context length",
    "max_seq_len": "context length",
    "max_num_seqs": "most sequences in a batch",
    "max_num_batched_tokens": "most tokens in a batch",
    "gpu_memory_utilization": "share of GPU memory",
    "enforce_eager": "eager mode",
    "enable_prefix_caching": "prefix caching",
    "enable_chunked_prefill": "chunked prefill",
    "device_config": "device type",
}
# How text is generated.
SAMPLING = {
    "temperature": "temperature",
    "top_p": "top p",
    "top_k": "top k",
    "min_p": "min p",
    "ignore_eos": "end of text ignored",
    "use_beam_search": "beam search",
    "best_of": "best of",
    "frequency_penalty": "frequency penalty",
    "presence_penalty": "presence penalty",
    "repetition_penalty": "repetition penalty",
    "logprobs": "log probabilities",
}
# What a client sends to a server.
LOAD = {
    "backend": "backend",
    "endpoint_type": "endpoint type",
    "endpoint": "endpoint",
    "dataset_name": "dataset",
    "num_prompts": "requests",
    "burstiness": "burstiness",
    "num_warmups": "warm-up requests",
    "ramp_up_strategy": "ramp-up",
    "ramp_up_start_rps": "ramp-up from, 1/s",
    "ramp_up_end_rps": "ramp-up to, 1/s",
    "label": "label",
    "tag": "label",
    "goodput": "goodput targets",
    "lora_modules": "LoRA modules",
    "lora_name": "LoRA modules",
    "lora_assignment": "LoRA assignment",
    "extra_body": "request fields",
    "extra_request_body": "request fields",
}
# Abbreviations in names of settings.
_PLAIN = {"len": "tokens", "isl": "input tokens", "osl": "output tokens", "datasets": "dataset"}
RATE = "request rate, 1/s"

_TOKEN = re.compile(
    r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[()\[\]{},]|[^'\"()\[\]{},]+|['\"]", re.DOTALL
)
_WORD = re.compile(r"[A-Za-z_][\w.]*|[-+]?[\d.]+(?:[eE][-+]?\d+)?", re.ASCII)
_PATHS = ("path", "file", "filename", "dir", "url", "seed")
_PLACES = {"host", "hostname", "node", "port", "server", "url"}
_FILE = re.compile(r"\.[A-Za-z]\w{0,15}", re.ASCII)  # what a file's name ends with
_MOST_NOTES = 20


def conditions(source: Mapping[str, object], names: Mapping[str, str]) -> dict[str, Condition]:
    """Those of a source's settings that ``names`` has a name for."""
    found = {name: if_set(source.get(key)) for key, name in names.items() if key in source}
    return {name: value for name, value in found.items() if value is not None}


def plain_name(key: str) -> str:
    """A source's name of a setting in words: ``random_input_len`` is ``random input tokens``."""
    return " ".join(_PLAIN.get(word, word) for word in key.replace("_", " ").split())


def request_rate(value: object) -> dict[str, Condition]:
    """The rate at which a client was to send its requests; {} if the source does not say."""
    if isinstance(value, str) and value.strip().lower() in ("inf", "infinity"):
        return {RATE: NO_LIMIT}
    if isinstance(value, float) and value == float("inf"):
        return {RATE: NO_LIMIT}
    found = if_set(value)
    return {} if found is None else {RATE: found}


def is_path(value: str) -> bool:
    """Whether a text names a file, a directory or an address, and not a setting (``fp8/e4m3``)."""
    names = value.replace("\\", "/").split("/")
    if len(names) == 1:
        return False
    is_rooted = names[0] in ("", "~", ".", "..") or names[0].endswith(":")
    _, dot, ending = names[-1].rpartition(".")
    return is_rooted or len(names) > 2 or _FILE.fullmatch(dot + ending) is not None


def notes(source: Iterable[tuple[str, object]]) -> dict[str, Condition]:
    """What a user noted about a run with ``--metadata name=value``; no paths and no hosts."""
    found: dict[str, Condition] = {}
    for key, value in source:
        parts = key.lower().replace("-", "_").split("_")
        is_place = not _PLACES.isdisjoint(parts) or parts[-1] in _PATHS
        if is_place or not isinstance(value, str) or max(len(key), len(value)) > LONGEST_VALUE:
            continue
        name = one_line(key.replace("_", " "))
        noted = None if is_path(value) else if_set(value)
        if name and noted is not None and len(found) < _MOST_NOTES:
            found[name] = noted
    return found


def load_conditions(source: Mapping[str, object]) -> dict[str, Condition]:
    """What a client of vLLM or SGLang was to send, with the settings of the dataset it used."""
    return {
        **_metadata(source.get("metadata")),
        **conditions(source, LOAD),
        **conditions(source, SAMPLING),
        **request_rate(source.get("request_rate")),
        **_dataset(source),
    }


def namespace(line: str) -> dict[str, str]:
    """The arguments that a Python program printed as ``Namespace(name=value, ...)``.

    Values in quotes come without them. A list or a dictionary comes as its elements, each without
    quotes, with a comma between them (``tp=4, dp=2``), and without those that are paths. Takes time
    in proportion to the line.
    """
    found: dict[str, str] = {}
    for argument in _arguments(line):
        name, separator, value = argument.partition("=")
        value = value.strip()
        if separator and name.strip().isidentifier() and (plain := _plain(value)) is not None:
            found.setdefault(name.strip(), plain)
    return found


def _arguments(line: str) -> Iterator[str]:
    """What stands between the outermost brackets, split at the commas there."""
    depth = 0
    parts: list[str] = []
    for token in _TOKEN.findall(line[line.find("(") :]):
        if token in "([{":
            depth += 1
            if depth == 1:
                continue
        elif token in ")]}":
            depth -= 1
            if depth <= 0:
                yield "".join(parts)
                return
        elif token == "," and depth == 1:
            yield "".join(parts)
            parts = []
            continue
        parts.append(token)


def _plain(value: str) -> str | None:
    if len(value) >= 2 and value[0] in "'\"" and value[-1] == value[0]:
        return value[1:-1]
    if len(value) >= 2 and value[0] + value[-1] in ("[]", "{}", "()"):
        return ", ".join(_elements(value[1:-1])) or "None"
    return value if _WORD.fullmatch(value) else None


def _elements(inside: str) -> list[str]:
    """The elements of a list or a dictionary; a list within it comes without its brackets."""
    elements: list[list[str]] = [[]]
    for token in _TOKEN.findall(inside):
        if token == ",":
            elements.append([])
        elif token not in "()[]{}":
            quoted = len(token) >= 2 and token[0] in "'\"" and token[-1] == token[0]
            elements[-1].append(token[1:-1] if quoted else token)
    texts = ("".join(parts).strip() for parts in elements)
    return [text for text in texts if text and not any(map(is_path, re.split("[=: ]+", text)))]


def _metadata(value: object) -> dict[str, Condition]:
    """The notes of an argument ``metadata=['tensor_parallel=2', ...]``."""
    pairs = (note.partition("=") for note in value.split(", ")) if isinstance(value, str) else ()
    return notes((name.strip(), noted.strip()) for name, equals, noted in pairs if equals)


def _dataset(source: Mapping[str, object]) -> dict[str, Condition]:
    """``random_input_len`` and the like, for the dataset that was used and no other."""
    name = source.get("dataset_name")
    if not isinstance(name, str) or not name:
        return {}
    prefixes = (f"{name.replace('-', '_')}_", f"{name.partition('-')[0]}_")
    images = "-mm" in name or "image" in name
    own = {
        key: plain_name(key)
        for key in source
        if isinstance(key, str)
        and len(key) <= LONGEST_VALUE
        and key.startswith(prefixes)
        and not key.endswith(_PATHS)
        and (images or "_mm_" not in key)
    }
    return conditions(source, own)
