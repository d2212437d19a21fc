"""Checkpoints that other programs quantised: which method it was, and the way out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from workshop.llm.config import ConfigError, read_object

# ``quant_method`` in a config.json (transformers/utils/quantization_config.py, and vLLM's).
METHODS = {
    "aqlm": "AQLM",
    "auto-round": "AutoRound",
    "awq": "AWQ",
    "bitnet": "BitNet",
    "bitsandbytes": "bitsandbytes",
    "compressed-tensors": "compressed-tensors",
    "eetq": "EETQ",
    "exl2": "EXL2",
    "fbgemm_fp8": "FP8 (FBGEMM)",
    "fp8": "FP8",
    "fp_quant": "FP-Quant",
    "gguf": "GGUF",
    "gptq": "GPTQ",
    "higgs": "HIGGS",
    "hqq": "HQQ",
    "marlin": "Marlin",
    "modelopt": "ModelOpt",
    "mxfp4": "MXFP4",
    "mxfp8": "MXFP8",
    "nvfp4": "NVFP4",
    "quanto": "Quanto",
    "quark": "Quark",
    "quip": "QuIP#",
    "spqr": "SpQR",
    "squeezellm": "SqueezeLLM",
    "torchao": "torchao",
    "vptq": "VPTQ",
}
# Files that older tools write beside a config.json that says nothing.
FILES = {
    "quantize_config.json": "GPTQ",
    "quant_config.json": "AWQ",
    "hf_quant_config.json": "ModelOpt",
}
# How the tensors of a quantised layer end.
TENSORS = (
    (re.compile(r"\.(absmax|quant_map|nested_absmax|quant_state(\..*)?|SCB)$"), "bitsandbytes"),
    (re.compile(r"\.(weight_packed|weight_shape|weight_zero_point)$"), "compressed-tensors"),
    (re.compile(r"\.(q_invperm|q_scale_max|q_groups)$"), "EXL2"),
    (re.compile(r"\.(g_idx)$"), "GPTQ"),
    (re.compile(r"\.(qweight|qzeros|scales)$"), "GPTQ or AWQ"),
    (re.compile(r"\.(weight_scale_inv|weight_scale|input_scale)$"), "FP8 or a like method"),
)
LONGEST = 40  # characters of a name that is quoted


def method_of(config: Any) -> str:
    """The method that a ``quantization_config`` names, for people."""
    fields = config if isinstance(config, Mapping) else {}
    name = fields.get("quant_method")
    if name is None and any(key in fields for key in ("load_in_4bit", "load_in_8bit")):
        name = "bitsandbytes"
    if name is None and "w_bit" in fields:
        name = "awq"
    if name is None and "config_groups" in fields:
        name = "compressed-tensors"
    if not isinstance(name, str) or not name:
        return "a method that it does not name"
    shown = METHODS.get(
        name.lower(), repr(name if len(name) <= LONGEST else name[:LONGEST] + "...")
    )
    return shown + details(name, fields)


def details(name: str, fields: Mapping[str, Any]) -> str:
    """Bits or the kind of numbers, where they are plainly said."""
    if name == "bitsandbytes":
        if fields.get("load_in_8bit") is True:
            return " (8 bits)"
        return " (4 bits)" if fields.get("load_in_4bit") is True else ""
    bits = fields.get("bits", fields.get("w_bit"))
    return f" ({bits} bits)" if isinstance(bits, int) and 0 < bits <= 16 else ""


def sentence(path: Path, method: str) -> str:
    """What is wrong with a checkpoint that another program quantised, and the way out."""
    return (
        f"{path}: the weights are quantised with {method}, which this engine does not read: take "
        "the unquantised checkpoint that they were made from, and `workshop quantize` it"
    )


def beside(directory: Path) -> tuple[Path, str] | None:
    """A file beside config.json that speaks of quantised weights, and the method."""
    for name, method in FILES.items():
        path = directory / name
        if path.is_file():
            try:
                fields = read_object(path)
            except ConfigError:
                fields = {}
            named = fields.get("quant_method")
            known = METHODS.get(named) if isinstance(named, str) else None
            return path, known or method
    return None


def by_tensors(names: Iterable[str]) -> str | None:
    """The method that the names of tensors betray; None where they betray none."""
    found = {method for name in names for ending, method in TENSORS if ending.search(name)}
    return next((method for _, method in TENSORS if method in found), None)


def by_type(dtype: torch.dtype) -> str | None:
    """The method that weights of a type are stored in; None for types that are not quantised."""
    return "FP8" if str(dtype).startswith("torch.float8") else None
