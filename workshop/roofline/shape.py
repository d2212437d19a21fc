"""The shape of a model, and how many parameters that makes, part by part."""

from __future__ import annotations

from dataclasses import dataclass

from workshop.roofline.errors import RooflineError

MOST = 10**9  # what is larger is no model's


@dataclass(frozen=True)
class Linear:
    """A matrix that activations are multiplied by; it has no bias."""

    inputs: int
    outputs: int

    @property
    def weights(self) -> int:
        return self.inputs * self.outputs


@dataclass(frozen=True)
class Shape:
    """The shape of a decoder-only transformer with RMSNorm and rotary positions.

    Attributes:
        dim: width of the residual stream.
        heads, kv_heads: query heads, and key and value heads (Ainslie et al. 2023,
            https://arxiv.org/abs/2305.13245).
        hidden: width inside the MLP.
        vocab: pieces of the tokenizer.
        context: tokens of the longest text that it was trained on.
        gated: the MLP has three matrices (SwiGLU, GeGLU) in place of two.
        tied: the output head is the embedding.
        window: tokens, itself among them, that a token sees in every layer; None where it sees all
            before it (Mistral 7B, Jiang et al. 2023, https://arxiv.org/abs/2310.06825).
        draft: name of a smaller model with the same tokenizer, for speculation.
    """

    name: str
    dim: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    hidden: int
    vocab: int
    context: int = 2048
    gated: bool = True
    tied: bool = False
    window: int | None = None
    draft: str | None = None

    def __post_init__(self) -> None:
        counts = ["dim", "layers", "heads", "kv_heads", "head_dim", "hidden", "vocab", "context"]
        for name in counts + (["window"] if self.window is not None else []):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= MOST:
                raise RooflineError(
                    f"{name.replace('_', ' ')} of {self.name} must be a whole number "
                    f"above 0, not {str(value)[:40]!r}"
                )
        if self.heads % self.kv_heads:
            raise RooflineError(
                f"{self.heads} heads of {self.name} cannot share {self.kv_heads} key/value heads"
            )

    @property
    def q_dim(self) -> int:
        return self.heads * self.head_dim

    @property
    def kv_dim(self) -> int:
        return self.kv_heads * self.head_dim

    def kept(self, tokens: float) -> float:
        """Keys and values of so many tokens that are kept: those within the window."""
        return tokens if self.window is None else min(tokens, self.window)

    def seen(self, past: float, tokens: int) -> float:
        """Tokens that each of ``tokens`` new ones sees on average, itself among them.

        The i-th after ``past`` earlier ones sees past + i, but no more than the window.
        """
        if self.window is None:
            return past + (tokens + 1) / 2
        whole = min(max(self.window - past, 0), tokens)  # those that the window does not limit
        return (whole * (past + (whole + 1) / 2) + (tokens - whole) * self.window) / tokens

    @property
    def attention(self) -> tuple[Linear, ...]:
        """The matrices of a layer's attention: q, k, v, o."""
        kv = Linear(self.dim, self.kv_dim)
        return Linear(self.dim, self.q_dim), kv, kv, Linear(self.q_dim, self.dim)

    @property
    def mlp(self) -> tuple[Linear, ...]:
        """The matrices of a layer's MLP: (gate,) up, down."""
        up = Linear(self.dim, self.hidden)
        down = Linear(self.hidden, self.dim)
        return (up, up, down) if self.gated else (up, down)

    @property
    def head(self) -> Linear:
        return Linear(self.dim, self.vocab)

    @property
    def layer_weights(self) -> int:
        """Weights of the matrices of one layer."""
        return sum(one.weights for one in (*self.attention, *self.mlp))

    @property
    def norm_weights(self) -> int:
        return (2 * self.layers + 1) * self.dim

    @property
    def matmul_weights(self) -> int:
        """Weights that each token is multiplied by: the layers' and the head's."""
        return self.layers * self.layer_weights + self.head.weights

    @property
    def parameters(self) -> int:
        """All of them; a tied head is counted once."""
        embedding = 0 if self.tied else self.head.weights
        return self.matmul_weights + embedding + self.norm_weights
