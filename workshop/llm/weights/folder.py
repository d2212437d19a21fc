"""Which folder the checkpoint is in, where what was named is one around it, or no checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workshop.llm.config import ConfigError, read_object
from workshop.llm.weights.safetensors_file import CheckpointError

CONFIG = "config.json"
SNAPSHOTS, CACHED = "snapshots", "models--"
WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "consolidated*.pth")
ADAPTER = "adapter_model"
SHOWN = 3  # of what there is to choose from
LONGEST = 80


def find_checkpoint(directory: Path) -> Path:
    """The folder of the checkpoint that ``directory`` is, or has in it.

    A model in the cache of the Hugging Face hub is a folder of that form
    (https://huggingface.co/docs/huggingface_hub/guides/manage-cache)::

        models--org--name/refs/main               the commit that was downloaded
        models--org--name/snapshots/<commit>/     its files

    Raises:
        CheckpointError: there are several, or what is there is no whole model.
    """
    if has_weights(directory):
        return directory
    if (directory / "adapter_config.json").is_file():
        raise CheckpointError(adapter(directory))
    if gguf := sorted(path.name for path in directory.glob("*.gguf")):
        raise CheckpointError(gguf_sentence(directory / gguf[0]))
    if (directory / CONFIG).exists():
        return directory
    if (directory / SNAPSHOTS).is_dir():
        return snapshot(directory)
    if directory.name == SNAPSHOTS and directory.parent.name.startswith(CACHED):
        return snapshot(directory.parent)
    models = sorted(path.name for path in directory.glob(f"{CACHED}*") if path.is_dir())
    if models:
        raise CheckpointError(
            f"{directory}: this is the cache of {count(models, 'model')}: name one of its folders, "
            f"{some(models)}"
        )
    return directory


def has_weights(directory: Path) -> bool:
    """Whether there are weights of a whole model, or an index that names their files."""
    found = (path.name for pattern in WEIGHTS for path in directory.glob(pattern))
    return any(not name.startswith(ADAPTER) for name in found) or any(
        directory.glob("*.index.json")
    )


def to_convert(directory: Path) -> str | None:
    """What the weights there are, as half a sentence, where they have to be converted; or None."""
    own = [path for path in directory.glob("*.safetensors") if not is_mistral(path)]
    if own:
        return None
    if any(directory.glob("pytorch_model*.bin")) or any(directory.glob("consolidated*.pth")):
        return "pickles, which are"
    if any(directory.glob("consolidated*.safetensors")):
        return "in Mistral's own layout, which is"
    return None


def is_mistral(path: Path) -> bool:
    return path.name.startswith("consolidated")


def snapshot(directory: Path) -> Path:
    """The snapshot that ``refs/main`` of a cached model names, or the only one there is."""
    found = sorted(path.name for path in (directory / SNAPSHOTS).iterdir() if path.is_dir())
    reference = directory / "refs" / "main"
    try:
        commit = reference.read_bytes()[:LONGEST].decode().strip() if reference.is_file() else None
    except (OSError, UnicodeDecodeError):
        commit = ""
    if commit is None and len(found) == 1:
        commit = found[0]
    if commit in found:
        return directory / SNAPSHOTS / commit
    if not found:
        raise CheckpointError(f"{directory}: the cache of a model, with no snapshot of it in it")
    if commit:
        raise CheckpointError(
            f"{reference}: it names a snapshot that is not there: download the model again, or "
            f"name {some([f'{directory / SNAPSHOTS / name}' for name in found])}"
        )
    raise CheckpointError(
        f"{directory}: {count(found, 'snapshot')} of a model, and no refs/main to choose: name "
        f"{some([f'{directory / SNAPSHOTS / name}' for name in found])}"
    )


def name_of(directory: Path) -> str:
    """What to call the checkpoint in a folder: in the hub's cache, the model's own name."""
    folder = directory.absolute()
    if folder.parent.name == SNAPSHOTS and folder.parent.parent.name.startswith(CACHED):
        return folder.parent.parent.name.split("--")[-1]
    return directory.resolve().name


def adapter(directory: Path) -> str:
    """What is wrong with a folder that holds an adapter alone."""
    try:
        fields: dict[str, Any] = read_object(directory / "adapter_config.json")
    except ConfigError:
        fields = {}
    base, kind = fields.get("base_model_name_or_path"), fields.get("peft_type")
    known = isinstance(kind, str) and 0 < len(kind) <= 20 and kind.isalnum()
    named = isinstance(base, str) and bool(base)
    to = f" to {base[:LONGEST]!r}" if named and isinstance(base, str) else ""
    what = "a LoRA adapter" if kind == "LORA" or not known else f"an adapter ({kind})"
    return (
        f"{directory}: {what}{to}, and no whole model: merge it into that model with PEFT "
        "(merge_and_unload, then save_pretrained) and name the folder of the result"
    )


def gguf_sentence(path: Path) -> str:
    return (
        f"{path}: a GGUF file, which this engine does not read: take the checkpoint in safetensors "
        "that it was made from, and `workshop quantize` it"
    )


def count(things: list[str], word: str) -> str:
    return f"{len(things)} {word}{'' if len(things) == 1 else 's'}"


def some(names: list[str]) -> str:
    """A few of many names."""
    more = len(names) - SHOWN
    return " or ".join(names[:SHOWN]) + (f" (or {more} more)" if more > 0 else "")
