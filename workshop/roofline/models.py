"""Which model is meant: a known shape, a config.json, or a checkpoint's directory."""

from __future__ import annotations

import difflib
import json
import os
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from workshop.roofline import tables
from workshop.roofline.errors import RooflineError
from workshop.roofline.shape import Shape
from workshop.roofline.widths import COPIES, MOST_COPIES, TINY, copies_of, is_tiny, name_of, widened

SHIPPED = tables.DATA / "models.toml"
CONFIG = "config.json"
SMALL = f"{TINY}:1"  # the embedded model as it is stored
RANDOM = "random:"  # random weights of a known shape, as `workshop run` names them

# Families whose layers are those of a Llama: RMSNorm, rotary positions, a gated MLP, no experts.
FAMILIES = ("llama", "mistral", "gemma", "qwen2", "qwen3")
LONGEST_UNSAID = 2048
EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts")  # of a layer, where it has some
MISTRALS_WINDOW = 4096  # where its config.json is silent: transformers' own default


def find_model(name: str) -> Shape:
    """The shape that ``name`` means.

    Raises:
        RooflineError: nothing of that name; the message lists the known ones.
    """
    known = known_models()
    plain = name.removeprefix(RANDOM).lower()
    if is_tiny(plain):
        return tiny_shape(plain)
    if plain in known:
        return known[plain]
    path = os.path.expanduser(name)
    if os.path.isdir(path):
        return read_config(Path(path) / CONFIG, os.path.basename(os.path.abspath(path)))
    if os.path.isfile(path) or path.endswith(".json"):
        return read_config(Path(path), os.path.basename(os.path.dirname(os.path.abspath(path))))
    near = difflib.get_close_matches(plain, list(known), n=1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    raise RooflineError(
        f"there is no model {name!r}{meant}: name a config.json, a checkpoint directory, or one of "
        f"{', '.join(dict.fromkeys([TINY, *(shape.name for shape in known.values())]))}"
    )


def tiny_shape(name: str) -> Shape:
    """The embedded model's shape, as wide as its name says; raises RooflineError."""
    return widened(known_models()[SMALL], copies_of(name))


class Record(Protocol):
    """The part of a run's record that says which model was run."""

    @property
    def model(self) -> str | None: ...
    @property
    def model_parameters(self) -> int | None: ...


def model_of(record: Record) -> str | None:
    """The model of a record, by one name for each: the one that it has today.

    Records from before the embedded model was widened call ``tiny`` what is ``tiny:1`` now; their
    parameters tell.
    """
    name = record.model
    if name == TINY:
        return by_parameters().get(record.model_parameters or 0, TINY)
    return TINY if name == f"{TINY}:{COPIES}" else name


@cache
def by_parameters() -> dict[int, str]:
    """The embedded model's names, by how many parameters each has."""
    small = known_models()[SMALL]
    return {widened(small, n).parameters: name_of(n) for n in range(1, MOST_COPIES + 1)}


@cache
def known_models() -> dict[str, Shape]:
    """Name -> shape, of ``data/models.toml``."""
    found: dict[str, Shape] = {}
    for name, entries in tables.read(SHIPPED).items():
        values = {key: value for key, value in entries.items() if key not in ("source", "aliases")}
        shape = Shape(name=name, **{"head_dim": values["dim"] // values["heads"], **values})
        for one in (name, *entries.get("aliases", ())):
            found[one] = shape
    return found


def read_config(path: Path, name: str) -> Shape:
    """The shape in a Hugging Face config.json; raises RooflineError."""
    try:
        data = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise RooflineError(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise RooflineError(f"{path} is not JSON") from None
    if not isinstance(data, dict):
        raise RooflineError(f"{path} does not hold a JSON object")
    try:
        return from_hugging_face(data, name)
    except RooflineError as error:
        raise RooflineError(f"{path}: {error}") from None


def from_hugging_face(data: dict[str, Any], name: str) -> Shape:
    """The shape in the fields of a config.json; raises RooflineError."""
    family = data.get("model_type")
    experts = next((data[key] for key in EXPERTS if data.get(key)), None)
    if experts is not None:
        raise RooflineError(
            f"it is a mixture of {str(experts)[:20]} experts, of which each token goes through a "
            "few: such models are not predicted"
        )
    if family not in FAMILIES:
        raise RooflineError(
            f"model_type is {family!r}; shapes are known of {', '.join(FAMILIES)} (others: give "
            "the numbers by option)"
        )
    wanted = (
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "vocab_size",
    )
    missing = [key for key in wanted if key not in data]
    if missing:
        raise RooflineError(f"{', '.join(missing)} missing")
    dim, layers, heads, hidden, vocab = (data[key] for key in wanted)
    if not all(type(one) is int and one > 0 for one in (dim, heads)):
        raise RooflineError("hidden_size and num_attention_heads must be whole numbers above 0")
    return Shape(
        name=name,
        dim=dim,
        layers=layers,
        heads=heads,
        kv_heads=data.get("num_key_value_heads") or heads,
        head_dim=data.get("head_dim") or dim // heads,
        hidden=hidden,
        vocab=vocab,
        context=data.get("max_position_embeddings") or LONGEST_UNSAID,
        tied=bool(data.get("tie_word_embeddings", family == "gemma")),
        window=_window(data, family),
    )


def _window(data: dict[str, Any], family: str) -> int | None:
    """Tokens of the sliding window that all layers have; raises RooflineError if only some do."""
    kinds = data.get("layer_types")
    some = isinstance(kinds, list) and 0 < kinds.count("sliding_attention") < len(kinds)
    if some or data.get("use_sliding_window"):
        raise RooflineError("only some of its layers have a sliding window, which is not predicted")
    return data.get("sliding_window", MISTRALS_WINDOW) if family == "mistral" else None
