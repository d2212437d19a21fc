"""The shape of a Llama: what its ``config.json`` says, and how many parameters that makes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class ConfigError(ValueError):
    """A shape that is not a Llama this engine can run; the message says why."""


@dataclass(frozen=True)
class Config:
    """The shape of a Llama-architecture model.

    Attributes:
        dim: width of the residual stream.
        layers: number of transformer blocks.
        heads: query heads; ``dim / heads`` is the size of one head.
        kv_heads: key and value heads; fewer than ``heads`` is grouped-query attention
            (Ainslie et al. 2023, https://arxiv.org/abs/2305.13245).
        hidden: width inside the SwiGLU MLP.
        vocab: number of pieces of the tokenizer.
        context: longest sequence, in tokens.
        tied: the output head shares the embedding's weights.
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

    def __post_init__(self) -> None:
        for name in ("dim", "layers", "heads", "kv_heads", "hidden", "vocab", "context"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"{name} must be a positive whole number, not {value!r}")
        for name in ("rope_theta", "norm_eps"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 < value < float("inf"):
                raise ConfigError(f"{name} must be a positive number, not {value!r}")
        if self.dim % self.heads or (self.dim // self.heads) % 2:
            raise ConfigError(
                f"dim {self.dim} over {self.heads} heads does not give heads of an even size"
            )
        if self.heads % self.kv_heads:
            raise ConfigError(f"{self.heads} heads cannot share {self.kv_heads} key/value heads")

    @property
    def head_dim(self) -> int:
        return self.dim // self.heads

    @property
    def block_parameters(self) -> int:
        """Parameters of one transformer block."""
        attention = 2 * self.dim * self.dim + 2 * self.dim * self.kv_heads * self.head_dim
        mlp = 3 * self.dim * self.hidden
        norms = 2 * self.dim
        return attention + mlp + norms

    @property
    def parameters(self) -> int:
        """All parameters; a tied head is counted once."""
        embeddings = self.vocab * self.dim * (1 if self.tied else 2)
        return embeddings + self.layers * self.block_parameters + self.dim

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
        if family != "llama":
            raise ConfigError(f"model_type is {family!r}; this engine runs 'llama'")
        rope = data.get("rope_parameters") or data.get("rope_scaling") or {}
        if not isinstance(rope, dict):
            raise ConfigError(f"RoPE parameters are not {rope!r}")
        kind = rope.get("rope_type", rope.get("type", "default"))
        if kind != "default":
            raise ConfigError(f"RoPE scaling {kind!r} is not supported")
        if data.get("hidden_act", "silu") != "silu":
            raise ConfigError(f"the activation {data['hidden_act']!r} is not supported")
        if data.get("attention_bias") or data.get("mlp_bias"):
            raise ConfigError("linear layers with a bias are not supported")
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
            )
        except KeyError as missing:
            raise ConfigError(f"the field {missing} is missing") from None
        if data.get("head_dim") not in (None, config.head_dim):
            raise ConfigError(f"head_dim {data['head_dim']} is not hidden_size / heads")
        return config

    def to_hugging_face(self) -> dict[str, Any]:
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
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


def read_config(path: Path) -> Config:
    """Read a ``config.json``.

    Raises:
        ConfigError: the file is missing, is not JSON, or is not a Llama; the message names it.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict):
            raise ConfigError("it does not hold a JSON object")
        return Config.from_hugging_face(data)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:  # JSON, UTF-8 and ConfigError
        raise ConfigError(f"{path}: {error}") from None
