"""The shape of a Llama: what its ``config.json`` says, and how many parameters that makes."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workshop.llm.errors import EngineError
from workshop.llm.lfs import is_pointer, sentence

# A Mistral is a Llama whose tokens see no further back than a window.
FAMILIES = ("llama", "mistral")
FAMILIES_NAMED = "'llama' and 'mistral'"

# What is beyond these is a broken file, or a trap.
LARGEST = 1 << 24
MOST_LAYERS = 1000


class ConfigError(EngineError, ValueError):
    """A shape that is not a Llama this engine can run; the message says why."""


@dataclass(frozen=True)
class RopeScaling:
    """How much more slowly positions turn than ``rope_theta`` alone would have them.

    Attributes:
        factor: how many times more slowly.
        low, high, trained: None for ``linear``, which slows every pair of dimensions (Chen et al.
            2023, https://arxiv.org/abs/2306.15595). For ``llama3``: pairs that turn more than
            ``high`` times over the ``trained`` positions keep their speed, those that turn less
            than ``low`` times are slowed, and in between it blends
            (https://arxiv.org/abs/2407.21783).
    """

    factor: float
    low: float | None = None
    high: float | None = None
    trained: int | None = None

    def __post_init__(self) -> None:
        linear = self.low is None and self.high is None and self.trained is None
        for value in (self.factor,) if linear else (self.factor, self.low, self.high, self.trained):
            if not isinstance(value, int | float) or not 0 < value < float("inf"):
                raise ConfigError(f"RoPE scaling needs positive numbers, not {value!r}")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ConfigError(f"RoPE scaling from {self.low} up to {self.high} is no range")


@dataclass(frozen=True)
class Config:
    """The shape of a Llama-architecture model.

    Attributes:
        dim: width of the residual stream.
        layers: number of transformer blocks.
        heads: query heads; ``dim / heads`` is the size of one head, where ``head_size`` is None.
        kv_heads: key and value heads; fewer than ``heads`` is grouped-query attention
            (Ainslie et al. 2023, https://arxiv.org/abs/2305.13245).
        hidden: width inside the SwiGLU MLP.
        vocab: tokens that it knows.
        context: positions that the model was trained for.
        tied: the output head shares the embedding's weights.
        head_size: size of a head where it is not ``dim / heads``.
        rope_scaling: for a context that was made longer after training.
        window: how far back a token sees, itself counted; None is all the way.
    """

    dim: int
    layers: int
    heads: int
    kv_heads: int
    hidden: int
    vocab: int
    context: int
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5
    tied: bool = False
    head_size: int | None = None
    rope_scaling: RopeScaling | None = None
    window: int | None = None

    def __post_init__(self) -> None:
        for name in ("dim", "layers", "heads", "kv_heads", "hidden", "vocab", "context"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"{name} must be a positive whole number, not {value!r}")
            if value > (MOST_LAYERS if name == "layers" else LARGEST):
                raise ConfigError(f"{name} {value} is more than any model has")
        for name in ("rope_theta", "norm_eps"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 < value < float("inf"):
                raise ConfigError(f"{name} must be a positive number, not {value!r}")
        for name in ("head_size", "window"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise ConfigError(f"{name} must be a positive whole number, not {value!r}")
        if (self.head_size is None and self.dim % self.heads) or self.head_dim % 2:
            raise ConfigError(
                f"dim {self.dim} over {self.heads} heads does not give heads of an even size"
                if self.head_size is None
                else f"heads of an odd size, {self.head_size}, cannot turn in pairs"
            )
        if self.heads % self.kv_heads:
            raise ConfigError(f"{self.heads} heads cannot share {self.kv_heads} key/value heads")

    @property
    def head_dim(self) -> int:
        return self.head_size or self.dim // self.heads

    @property
    def positions(self) -> int:
        """Longest sequence that this engine runs: within a window a token sees all before it."""
        return self.context if self.window is None else min(self.context, self.window)

    @property
    def block_parameters(self) -> int:
        """Parameters of one transformer block."""
        attention = 2 * self.dim * (self.heads + self.kv_heads) * self.head_dim
        mlp = 3 * self.dim * self.hidden
        norms = 2 * self.dim
        return attention + mlp + norms

    @property
    def parameters(self) -> int:
        """All parameters; a tied head is counted once."""
        embeddings = self.vocab * self.dim * (1 if self.tied else 2)
        return embeddings + self.layers * self.block_parameters + self.dim

    def widened(self, copies: int) -> Config:
        """This shape with ``copies`` of every channel and head (``weights/widen.py``); 1 is itself.

        The size of a head stays. The head no longer shares the embedding's weights: of what the
        embedding repeats, the head takes shares.
        """
        if copies == 1:
            return self
        return replace(
            self,
            dim=self.dim * copies,
            heads=self.heads * copies,
            kv_heads=self.kv_heads * copies,
            hidden=self.hidden * copies,
            tied=False,
        )

    def kv_cache_bytes(self, batch: int, length: int, bytes_per_value: int) -> int:
        """Bytes of keys and values for ``batch`` sequences of ``length`` tokens."""
        values_per_token = 2 * self.layers * self.kv_heads * self.head_dim
        return values_per_token * batch * length * bytes_per_value

    # The names that Hugging Face gives these in a config.json: our checkpoints are laid out as
    # `transformers` lays out a Llama's, so that either can read the other's.

    @classmethod
    def from_hugging_face(cls, data: dict[str, Any]) -> Config:
        """Read the fields of a Hugging Face ``config.json``.

        Raises:
            ConfigError: a field is missing, or asks for something this engine doesn't have.
        """
        family = data.get("model_type")
        if family not in FAMILIES:
            raise ConfigError(f"model_type is {family!r}; this engine runs {FAMILIES_NAMED}")
        if data.get("hidden_act", "silu") != "silu":
            raise ConfigError(f"the activation {data['hidden_act']!r} is not supported")
        if data.get("attention_bias") or data.get("mlp_bias"):
            raise ConfigError("linear layers with a bias are not supported")
        rope = data.get("rope_parameters") or data.get("rope_scaling") or {}
        if not isinstance(rope, dict):
            raise ConfigError(f"RoPE parameters are not {rope!r}")
        if rope.get("partial_rotary_factor", data.get("partial_rotary_factor", 1.0)) != 1.0:
            raise ConfigError("heads that turn in part only are not supported")
        try:
            config = cls(
                dim=data["hidden_size"],
                layers=data["num_hidden_layers"],
                heads=data["num_attention_heads"],
                kv_heads=data.get("num_key_value_heads") or data["num_attention_heads"],
                hidden=data["intermediate_size"],
                vocab=data["vocab_size"],
                context=data.get("max_position_embeddings", 2048),
                rope_theta=rope.get("rope_theta", data.get("rope_theta", 10000.0)),
                norm_eps=data.get("rms_norm_eps", 1e-6),
                tied=bool(data.get("tie_word_embeddings", False)),
                head_size=data.get("head_dim"),
                rope_scaling=read_scaling(rope),
                # `transformers` takes a Mistral's window to be 4096 where nothing is said.
                window=data.get("sliding_window", 4096) if family == "mistral" else None,
            )
        except KeyError as missing:
            raise ConfigError(f"the field {missing} is missing") from None
        if config.head_size is not None and config.head_size * config.heads == config.dim:
            config = replace(config, head_size=None)  # said, though it follows
        return config

    def to_hugging_face(self) -> dict[str, Any]:
        """The fields of a Hugging Face ``config.json``."""
        mistral = self.window is not None
        data: dict[str, Any] = {
            "architectures": ["MistralForCausalLM" if mistral else "LlamaForCausalLM"],
            "model_type": "mistral" if mistral else "llama",
            "hidden_size": self.dim,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "intermediate_size": self.hidden,
            "vocab_size": self.vocab,
            "max_position_embeddings": self.context,
            "rope_theta": self.rope_theta,
            "rms_norm_eps": self.norm_eps,
            "tie_word_embeddings": self.tied,
            "hidden_act": "silu",
        }
        if mistral:
            data["sliding_window"] = self.window
        if self.head_size is not None:
            data["head_dim"] = self.head_size
        if self.rope_scaling is not None:
            data["rope_scaling"] = written_scaling(self.rope_scaling)
        return data


def read_scaling(rope: dict[str, Any]) -> RopeScaling | None:
    """The RoPE scaling that a ``config.json`` asks for; raises ConfigError, KeyError."""
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind in ("default", "dynamic"):  # dynamic scales beyond the context only
        return None
    if kind == "linear":
        return RopeScaling(rope["factor"])
    if kind == "llama3":
        return RopeScaling(
            rope["factor"],
            rope["low_freq_factor"],
            rope["high_freq_factor"],
            rope["original_max_position_embeddings"],
        )
    raise ConfigError(f"RoPE scaling {kind!r} is not supported")


def written_scaling(scaling: RopeScaling) -> dict[str, Any]:
    if scaling.trained is None:
        return {"rope_type": "linear", "factor": scaling.factor}
    return {
        "rope_type": "llama3",
        "factor": scaling.factor,
        "low_freq_factor": scaling.low,
        "high_freq_factor": scaling.high,
        "original_max_position_embeddings": scaling.trained,
    }


def read_config(path: Path) -> Config:
    """Read a ``config.json``.

    Raises:
        ConfigError: the file is missing, is not JSON, or is not a Llama; the message names it.
    """
    data = read_object(path)
    try:
        return Config.from_hugging_face(data)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        ConfigError: the file is missing, or holds something else; the message names it.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:  # JSON, UTF-8
        if is_pointer(path):
            raise ConfigError(sentence(path)) from None
        raise ConfigError(f"{path}: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: it is nested too deeply to be read") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: it does not hold a JSON object")
    return data
