"""How long training takes: a step's FLOP, what is exchanged meanwhile, and GPU-hours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workshop.roofline.communication import ring_all_reduce
from workshop.roofline.device import Device
from workshop.roofline.efficiency import IDEAL, Efficiency
from workshop.roofline.errors import RooflineError
from workshop.roofline.shape import Shape

HOUR = 3600
BYTES_OF_BF16 = 2
OPTIMIZER_TRAFFIC = 28  # bytes: Adam reads a gradient and reads and writes 12 of its own, writes 2
LONGEST = 8192  # tokens; models that know longer texts saw them only at the end of their training

Recompute = Literal["none", "selective", "full"]
RECOMPUTES: tuple[Recompute, ...] = ("none", "selective", "full")


@dataclass(frozen=True)
class Cluster:
    """The GPUs that train."""

    device: Device
    gpus: int = 1

    def __post_init__(self) -> None:
        if self.gpus < 1:
            raise RooflineError(f"there must be 1 GPU or more, not {self.gpus}")


@dataclass(frozen=True)
class Recipe:
    """How the work is shared out.

    Attributes:
        tp, pp, dp: ranks that share each layer, stages that share the layers, and copies of the
            model that share the batch; dp None is what the GPUs leave.
        zero: what the copies do not each keep: 1 optimizer states, 2 gradients too, 3 weights too
            (Rajbhandari et al. 2020, https://arxiv.org/abs/1910.02054).
        micro_batch: sequences that a copy takes through at a time.
        recompute: what backward computes again and forward need not keep.
        sequence: tokens of a sequence; None is the model's context, 8192 at most.
        batch_tokens: of a step, over all copies; LLaMA's 4 million.
    """

    tp: int = 1
    pp: int = 1
    dp: int | None = None
    zero: int = 1
    micro_batch: int = 1
    recompute: Recompute = "selective"
    sequence: int | None = None
    batch_tokens: float = 4e6

    def __post_init__(self) -> None:
        for name in ("tp", "pp", "micro_batch"):
            if getattr(self, name) < 1:
                raise RooflineError(
                    f"{name.replace('_', '-')} must be 1 or more, not {getattr(self, name)}"
                )
        if self.zero not in (0, 1, 2, 3):
            raise RooflineError(f"ZeRO has stages 0 to 3, not {self.zero}")
        if self.recompute not in RECOMPUTES:
            raise RooflineError(f"what is recomputed is one of {', '.join(RECOMPUTES)}")


@dataclass(frozen=True)
class Layout:
    """A recipe on so many GPUs, with every number filled in."""

    tp: int
    pp: int
    dp: int
    zero: int
    micro_batch: int
    micro_batches: int
    recompute: Recompute
    sequence: int

    @property
    def gpus(self) -> int:
        return self.tp * self.pp * self.dp

    @property
    def step_tokens(self) -> int:
        return self.dp * self.micro_batches * self.micro_batch * self.sequence


@dataclass(frozen=True)
class Training:
    """One reading of what training should take.

    Attributes:
        mfu: model FLOP/s utilisation: without what is computed a second time.
        breakdown_seconds: of a step; communication only where computing does not hide it.
        hidden_seconds: communication behind which the GPUs compute.
    """

    step_seconds: float
    step_tokens: int
    tokens_per_second_per_gpu: float
    mfu: float
    gpu_hours: float
    breakdown_seconds: dict[str, float]
    hidden_seconds: dict[str, float]


def layout_of(shape: Shape, cluster: Cluster, recipe: Recipe) -> Layout:
    """The recipe with every number filled in; raises RooflineError where they disagree."""
    model_gpus = recipe.tp * recipe.pp
    dp = recipe.dp or cluster.gpus // model_gpus
    if model_gpus * dp != cluster.gpus:
        raise RooflineError(
            f"tp {recipe.tp} x pp {recipe.pp} x dp {dp} are {model_gpus * dp} GPUs, "
            f"and there are {cluster.gpus}"
        )
    if recipe.tp > shape.heads:  # heads that do not divide evenly are padded, which is not counted
        raise RooflineError(
            f"{recipe.tp} ranks cannot share the {shape.heads} heads of {shape.name}"
        )
    if recipe.pp > shape.layers:
        raise RooflineError(f"{shape.layers} layers do not make {recipe.pp} stages")
    sequence = recipe.sequence or min(shape.context, LONGEST)
    of_a_turn = dp * recipe.micro_batch * sequence
    return Layout(
        tp=recipe.tp,
        pp=recipe.pp,
        dp=dp,
        zero=recipe.zero,
        micro_batch=recipe.micro_batch,
        micro_batches=max(round(recipe.batch_tokens / of_a_turn), 1),
        recompute=recipe.recompute,
        sequence=sequence,
    )


def train(
    shape: Shape, cluster: Cluster, recipe: Recipe, tokens: float, reached: Efficiency = IDEAL
) -> Training:
    """What training on so many tokens should take.

    Communication and computing overlap: of each kind of communication only what takes longer than
    the computing beside it is added. What schedules do not hide in practice is within
    ``training_flops``, which was fitted on whole runs.

    Raises:
        RooflineError: the recipe does not go with the model or the GPUs.
    """
    if not tokens > 0:
        raise RooflineError(f"tokens must be more than 0, not {tokens:g}")
    layout = layout_of(shape, cluster, recipe)
    device = cluster.device
    peak = device.peak_flops(16)
    forward = layout.step_tokens * forward_flop(shape, layout.sequence) / layout.gpus
    again = layout.step_tokens * recomputed_flop(shape, layout) / layout.gpus
    rate = peak * reached.training_flops
    computing = (3 * forward + again) / rate
    tensor, data, stages = (
        tensor_parallel_seconds(shape, layout, device, reached),
        data_parallel_seconds(shape, layout, device, reached),
        pipeline_seconds(shape, layout, device, reached),
    )
    breakdown = {
        "forward": forward / rate,
        "backward": 2 * forward / rate,
        "recompute": again / rate,
        "tensor_parallel": max(tensor - computing, 0.0),
        "pipeline": max(stages - computing, 0.0),
        "pipeline_bubble": computing * bubble(shape, layout),
        "data_parallel": max(data - 2 * forward / rate, 0.0),
        "optimizer": optimizer_seconds(shape, layout, device, reached),
    }
    step = sum(breakdown.values())
    per_gpu = layout.step_tokens / step / layout.gpus
    return Training(
        step_seconds=step,
        step_tokens=layout.step_tokens,
        tokens_per_second_per_gpu=per_gpu,
        mfu=3 * forward / step / peak,
        gpu_hours=tokens / per_gpu / HOUR,
        breakdown_seconds=breakdown,
        hidden_seconds={
            "tensor_parallel": min(tensor, computing),
            "pipeline": min(stages, computing),
            "data_parallel": min(data, 2 * forward / rate),
        },
    )


def forward_flop(shape: Shape, sequence: int) -> float:
    """FLOP of a token's forward pass: 2 P, and attention; with backward three times as many.

    6 x tokens x P over a step (Kaplan et al. 2020, https://arxiv.org/abs/2001.08361). Attention:
    4 FLOP for each token that is seen and channel of a layer, half of the sequence on average.
    """
    return 2 * shape.parameters + attention_flop(shape, sequence)


def attention_flop(shape: Shape, sequence: int) -> float:
    """FLOP of a token's scores and of the sum that they weigh, forward."""
    return 4 * shape.layers * shape.q_dim * shape.seen(0, sequence)


def recomputed_flop(shape: Shape, layout: Layout) -> float:
    """FLOP of a token that backward does a second time.

    Selective: those of attention's inside, few FLOP and much memory; full: the whole forward pass
    (Korthikanti et al. 2022, https://arxiv.org/abs/2205.05198).
    """
    if layout.recompute == "full":
        return forward_flop(shape, layout.sequence)
    return attention_flop(shape, layout.sequence) if layout.recompute == "selective" else 0.0


def tensor_parallel_seconds(
    shape: Shape, layout: Layout, device: Device, reached: Efficiency
) -> float:
    """Two all-reduces a layer forward and two backward, of a micro-batch's activations.

    Megatron-LM (Shoeybi et al. 2019); with sequence parallelism they are all-gathers and
    reduce-scatters of the same bytes. Recomputing everything does forward's again.
    """
    size = layout.micro_batch * layout.sequence * shape.dim * BYTES_OF_BF16
    each = ring_all_reduce(size, layout.tp, _speed(layout.tp, device, reached))
    times = 6 if layout.recompute == "full" else 4
    return times * shape.layers / layout.pp * layout.micro_batches * each


def pipeline_seconds(shape: Shape, layout: Layout, device: Device, reached: Efficiency) -> float:
    """Activations to the next stage, gradients back, for each micro-batch and chunk of layers."""
    if layout.pp == 1:
        return 0.0
    size = layout.micro_batch * layout.sequence * shape.dim * BYTES_OF_BF16 / layout.tp
    speed = _speed(layout.tp * layout.pp, device, reached)
    return 2 * chunks(shape, layout) * layout.micro_batches * size / speed


def bubble(shape: Shape, layout: Layout) -> float:
    """Time in which stages wait for each other, as a part of the computing: (p - 1) / (v m).

    Of m micro-batches and v chunks of layers a stage, interleaved (Narayanan et al. 2021,
    https://arxiv.org/abs/2104.04473).
    """
    return (layout.pp - 1) / (chunks(shape, layout) * layout.micro_batches)


def chunks(shape: Shape, layout: Layout) -> int:
    return max(shape.layers // layout.pp, 1) if layout.pp > 1 else 1


def data_parallel_seconds(
    shape: Shape, layout: Layout, device: Device, reached: Efficiency
) -> float:
    """An all-reduce of the gradients; half as much again where weights are gathered (ZeRO 3).

    Rajbhandari et al. 2020, section 7: stages 1 and 2 exchange what plain data parallelism does.
    """
    size = shape.parameters / (layout.tp * layout.pp) * BYTES_OF_BF16
    factor = 1.5 if layout.zero == 3 else 1.0
    return factor * ring_all_reduce(size, layout.dp, _speed_of_copies(layout, device, reached))


def optimizer_seconds(shape: Shape, layout: Layout, device: Device, reached: Efficiency) -> float:
    """Adam reads and writes its states once a step; with ZeRO each copy does its part."""
    owned = shape.parameters / (layout.tp * layout.pp * (layout.dp if layout.zero else 1))
    memory = reached.memory if device.hbm else reached.plain_memory
    return owned * OPTIMIZER_TRAFFIC / device.bandwidth / memory


def _speed_of_copies(layout: Layout, device: Device, reached: Efficiency) -> float:
    """Bytes a second of a ring over the copies of a model.

    Between nodes it goes over the network adapters of all the copies in a node at once.
    """
    if layout.gpus <= device.gpus_per_node:
        return _speed(layout.gpus, device, reached)
    in_a_node = max(device.gpus_per_node // layout.tp, 1)
    at_once = min(device.network_gb_per_s * in_a_node, device.link_gb_per_s)
    return at_once * 1e9 * reached.link


def _speed(span: int, device: Device, reached: Efficiency) -> float:
    """Bytes a second between so many neighbouring GPUs: of the link within a node, else network."""
    inside = span <= device.gpus_per_node
    return (device.link_gb_per_s if inside else device.network_gb_per_s) * 1e9 * reached.link
