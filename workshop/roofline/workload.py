"""What is asked of a model, and in which way it is run."""

from __future__ import annotations

from dataclasses import dataclass, field

from workshop.roofline.errors import RooflineError
from workshop.roofline.precision import Precision
from workshop.roofline.shape import Shape


@dataclass(frozen=True)
class Workload:
    """Prompts and answers, side by side.

    Attributes:
        prompt: tokens of each prompt.
        new_tokens: tokens of each answer.
    """

    batch: int = 1
    prompt: int = 512
    new_tokens: int = 200

    def __post_init__(self) -> None:
        for name in ("batch", "prompt", "new_tokens"):
            if getattr(self, name) < 1:
                raise RooflineError(
                    f"{name.replace('_', ' ')} must be 1 or more, not {getattr(self, name)}"
                )

    @property
    def length(self) -> int:
        """Tokens of each sequence at its end."""
        return self.prompt + self.new_tokens

    def mean_past(self, shape: Shape) -> float:
        """Earlier tokens that a step of decode sees, on average: the first finds the prompt."""
        return shape.seen(self.prompt, max(self.new_tokens - 1, 1)) - 1


def nodes_for(ranks: int, gpus_per_node: int) -> int:
    """The fewest nodes that so many ranks can be spread over evenly."""
    fewest = -(-ranks // gpus_per_node)
    return next(nodes for nodes in range(fewest, ranks + 1) if ranks % nodes == 0)


@dataclass(frozen=True)
class Plan:
    """The way that it is run.

    Attributes:
        compiled: few fused kernels in a CUDA graph, in place of many called from Python.
        tp: ranks that share each layer (tensor parallel).
        nodes: nodes that these ranks are spread over, evenly.
    """

    precision: Precision = field(default_factory=Precision)
    compiled: bool = True
    tp: int = 1
    nodes: int = 1

    def __post_init__(self) -> None:
        if self.tp < 1 or self.nodes < 1:
            raise RooflineError(
                f"ranks and nodes must be 1 or more, not {self.tp} and {self.nodes}"
            )
        if self.tp % self.nodes:
            raise RooflineError(f"{self.tp} ranks cannot be spread evenly over {self.nodes} nodes")

    def check(self, shape: Shape) -> None:
        """Raises RooflineError where the ranks do not divide the layers."""
        if shape.heads % self.tp or shape.hidden % self.tp:
            raise RooflineError(
                f"{self.tp} ranks cannot share {shape.name} evenly: it has {shape.heads} heads "
                f"and an MLP of {shape.hidden}"
            )
