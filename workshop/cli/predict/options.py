"""What is asked of ``workshop predict``: options, and what they mean together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from workshop.stages import STAGES, settings_of
from workshop.util.errors import UsageError

if TYPE_CHECKING:
    from workshop.roofline.device import Device
    from workshop.roofline.efficiency import Efficiency
    from workshop.roofline.inference import Prediction
    from workshop.roofline.shape import Shape
    from workshop.roofline.speculative import Speculation
    from workshop.roofline.workload import Plan, Workload

DTYPES = ("w16a16", "w8a16", "w4a16", "w8a8", "w4a8", "w4a4")
PROMPT, NEW_TOKENS = 512, 200
GUESSES, ACCEPTANCE = 3, 0.7
MICRO = 1e-6
MOST = 10**9  # of anything that is counted: what is more is a slip of the pen

DEVICE = [
    click.option(
        "--gpu", metavar="NAME", help="GPU or CPU from the built-in tables or your site's."
    ),
    click.option(
        "--this-machine",
        is_flag=True,
        help="Measure this machine's bandwidth and FLOP/s first, for a few seconds.",
    ),
]

WAY = [
    click.option(
        "--stage", type=click.Choice(list(STAGES)), help="Predict this stage of the lesson."
    ),
    click.option(
        "--dtype",
        type=click.Choice(DTYPES),
        help="Bits of weights and activations, such as w8a16; overrides the stage's.",
    ),
    click.option(
        "--group-size",
        type=click.Choice(["32", "64", "128"]),
        callback=lambda context, parameter, value: value and int(value),
        help="Weights per scale and zero point in int4.  [128]",
    ),
    click.option("--tp", type=click.IntRange(1), help="Ranks that share each layer.  [1]"),
    click.option(
        "--nodes",
        type=click.IntRange(1),
        help="Nodes to spread the ranks over.  [as few as possible]",
    ),
    click.option("--draft", metavar="MODEL", help="Draft model, with --stage speculative."),
    click.option(
        "--draft-tokens", type=click.IntRange(1, 16), help=f"Tokens proposed per pass.  [{GUESSES}]"
    ),
    click.option(
        "--acceptance",
        type=click.FloatRange(0, 1),
        help=f"Probability that a proposed token is accepted.  [{ACCEPTANCE}]",
    ),
]

ASKED = [
    click.option("--batch", type=click.IntRange(1, MOST), help="Batch size.  [1]"),
    click.option(
        "--prompt", type=click.IntRange(1, MOST), help=f"Prompt length in tokens.  [{PROMPT}]"
    ),
    click.option(
        "--new-tokens",
        type=click.IntRange(1, MOST),
        help=f"New tokens per sequence.  [{NEW_TOKENS}]",
    ),
    click.option(
        "--cost-per-gpu-hour",
        type=click.FloatRange(0),
        help="Price per GPU-hour; adds the price per million tokens.",
    ),
]

MODEL_NUMBERS = [
    click.option("--dim", type=click.IntRange(1, MOST), help="Hidden size."),
    click.option("--layers", type=click.IntRange(1, MOST), help="Number of layers."),
    click.option("--heads", type=click.IntRange(1, MOST), help="Number of query heads."),
    click.option(
        "--kv-heads", type=click.IntRange(1, MOST), help="Number of key and value heads.  [heads]"
    ),
    click.option("--head-dim", type=click.IntRange(1, MOST), help="Size of a head.  [dim / heads]"),
    click.option("--hidden", type=click.IntRange(1, MOST), help="Intermediate size of the MLP."),
    click.option("--vocab", type=click.IntRange(1, MOST), help="Vocabulary size."),
    click.option(
        "--tied/--untied",
        default=None,
        help="Whether the output head shares the embedding's weights.",
    ),
]

_FRACTION = click.FloatRange(0, 1, min_open=True)
_MICROSECONDS = click.FloatRange(0)
REACHED = [
    click.option("--flops-efficiency", type=_FRACTION, help="Fraction of peak FLOP/s reached."),
    click.option(
        "--memory-efficiency", type=_FRACTION, help="Fraction of peak memory bandwidth reached."
    ),
    click.option(
        "--link-efficiency", type=_FRACTION, help="Fraction of peak link bandwidth reached."
    ),
    click.option("--kernel-us", type=_MICROSECONDS, help="Fixed time per kernel."),
    click.option("--launch-us", type=_MICROSECONDS, help="Launch time per kernel in eager mode."),
    click.option("--all-reduce-us", type=_MICROSECONDS, help="Latency of an all-reduce."),
]
# Option -> the constants that it sets in the expected reading.
OVERRIDES = {
    "flops_efficiency": ("flops",),
    "memory_efficiency": ("memory", "plain_memory"),
    "link_efficiency": ("link",),
    "kernel_us": (
        "kernel_seconds",
        "other_kernel_seconds",
        "metal_kernel_seconds",
        "cpu_kernel_seconds",
    ),
    "launch_us": ("launch_seconds", "cpu_launch_seconds"),
    "all_reduce_us": ("all_reduce_seconds", "unlinked_seconds", "cpu_all_reduce_seconds"),
}


@contextmanager
def usage_errors() -> Iterator[None]:
    """What cannot be predicted is the user's to mend: one sentence, exit code 2."""
    from workshop.roofline.errors import RooflineError

    try:
        yield
    except RooflineError as error:
        raise UsageError(str(error)) from None


@dataclass(frozen=True)
class Asked:
    """A prediction that is asked for, with every default filled in."""

    shape: Shape
    device: Device
    work: Workload
    plan: Plan
    reached: Efficiency
    speculation: Speculation | None
    cost_per_gpu_hour: float | None

    @classmethod
    def of(cls, model: str | None, options: dict[str, Any]) -> Asked:
        """What the options mean; raises RooflineError and UsageError."""
        from workshop.roofline.workload import Workload, nodes_for

        shape = shape_of(model, options)
        plan = plan_of(options)
        plan.check(shape)
        device = device_of(options, shape, plan)
        if options["nodes"] is None:
            plan = replace(plan, nodes=nodes_for(plan.tp, device.gpus_per_node))
        work = Workload(
            options["batch"] or 1, options["prompt"] or PROMPT, options["new_tokens"] or NEW_TOKENS
        )
        return cls(
            shape=shape,
            device=device,
            work=work,
            plan=plan,
            reached=reached_of(options, measured=options["this_machine"]),
            speculation=speculation_of(options, shape),
            cost_per_gpu_hour=options["cost_per_gpu_hour"],
        )

    def readings(self) -> tuple[Prediction, Prediction]:
        """The ideal and the expected one."""
        from workshop.roofline.efficiency import IDEAL
        from workshop.roofline.inference import predict

        ideal, expected = (
            predict(
                self.shape,
                self.device,
                self.work,
                self.plan,
                reached,
                self.speculation,
                self.cost_per_gpu_hour,
            )
            for reached in (IDEAL, self.reached)
        )
        return ideal, expected

    @property
    def words(self) -> str:
        """'llama-2-7b on a100-sxm-80gb: w16a16, compiled, batch 1, 512 + 200 tokens'."""
        parts = [str(self.plan.precision), "compiled" if self.plan.compiled else "eager"]
        parts += [f"tp {self.plan.tp}"] if self.plan.tp > 1 else []
        parts += [f"{self.plan.nodes} nodes"] if self.plan.nodes > 1 else []
        if self.speculation is not None:
            draft = self.speculation.draft
            parts.append(
                f"{self.speculation.guesses} guesses of {draft.name if draft else 'the text'}, "
                f"{self.speculation.acceptance:g} accepted"
            )
        parts.append(f"batch {self.work.batch}")
        parts.append(f"{self.work.prompt} + {self.work.new_tokens} tokens")
        return f"{self.shape.name} on {self.device.name}: {', '.join(parts)}"


def shape_of(model: str | None, options: dict[str, Any]) -> Shape:
    """The model of that name, with the numbers that were given in place of its own."""
    from workshop.roofline.models import find_model
    from workshop.roofline.shape import Shape

    names = ("dim", "layers", "heads", "kv_heads", "head_dim", "hidden", "vocab", "tied")
    given = {name: options[name] for name in names if options.get(name) is not None}
    if model is not None:
        return replace(find_model(model), **given)
    needed = ("dim", "layers", "heads", "hidden", "vocab")
    if missing := [name for name in needed if name not in given]:
        if not given:
            raise UsageError(
                "name a model: a known shape such as llama-2-7b, a config.json, a checkpoint "
                "directory, or numbers by --dim, --layers, --heads, --hidden, --vocab"
            )
        raise UsageError(f"to describe a model, --{', --'.join(missing)} must be given too")
    heads = given["heads"]
    plain = {"kv_heads": heads, "head_dim": max(given["dim"] // heads, 1)}
    return Shape(name="the model", **{**plain, **given})


def plan_of(options: dict[str, Any]) -> Plan:
    """As the stage is run, or compiled in the precision that was asked for."""
    from workshop.roofline.against import plan_of as plan_of_settings
    from workshop.roofline.precision import GROUP_SIZE, precision
    from workshop.roofline.workload import Plan

    group_size = options["group_size"] or GROUP_SIZE
    stage = options["stage"]
    plan = plan_of_settings(settings_of(stage)) if stage else Plan()
    if options["dtype"] or not stage:
        plan = replace(plan, precision=precision(options["dtype"] or "w16a16", group_size))
    return replace(plan, tp=options["tp"] or plan.tp, nodes=options["nodes"] or 1)


def speculation_of(options: dict[str, Any], shape: Shape) -> Speculation | None:
    """Who guesses, if the stage speculates."""
    from workshop.roofline.models import find_model
    from workshop.roofline.speculative import Speculation

    stage = options["stage"]
    if stage is None or settings_of(stage).speculate == "none":
        for name in ("draft", "draft_tokens", "acceptance"):
            if options[name] is not None:
                raise UsageError(f"--{name.replace('_', '-')} goes with --stage speculative")
        return None
    draft = options["draft"] or shape.draft
    if draft is None:
        raise UsageError(
            f"no smaller model with the tokenizer of {shape.name} is known: name one with --draft"
        )
    acceptance = options["acceptance"]
    return Speculation(
        find_model(draft),
        options["draft_tokens"] or GUESSES,
        ACCEPTANCE if acceptance is None else acceptance,
    )


def device_of(options: dict[str, Any], shape: Shape, plan: Plan) -> Device:
    """The device of that name, or this machine, measured."""
    from workshop.roofline.device import devices, find_device
    from workshop.roofline.inference import weights_read

    if options["this_machine"]:
        if options["gpu"]:
            raise UsageError("give either --gpu or --this-machine")
        from workshop.cli.predict.machine import this_machine

        return this_machine(int(weights_read(shape, plan)))
    if not options["gpu"]:
        raise UsageError(
            "name a device with --gpu, or measure this one with --this-machine; "
            f"those there are: {', '.join(devices())}"
        )
    return find_device(options["gpu"])


def reached_of(options: dict[str, Any], measured: bool) -> Efficiency:
    """The fitted constants, with those that were given in their place.

    Of a machine that was measured, bandwidth and FLOP/s are those reached, not the data sheet's.
    """
    from workshop.roofline.efficiency import expected

    reached = expected()
    if measured:
        reached = replace(reached, memory=1.0, plain_memory=1.0, flops=1.0)
    for option, names in OVERRIDES.items():
        value = options.get(option)
        if value is not None:
            scale = MICRO if option.endswith("_us") else 1.0
            reached = replace(reached, **dict.fromkeys(names, value * scale))
    return reached
