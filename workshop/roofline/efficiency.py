"""How much of what hardware could do is reached: 1 for the ideal, fitted for the expected."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache

from workshop.roofline import tables
from workshop.roofline.errors import RooflineError

CONSTANTS = tables.DATA / "constants.toml"


@dataclass(frozen=True)
class Efficiency:
    """Global constants: of no one model, GPU or precision.

    Attributes:
        memory: fraction of the data-sheet bandwidth at which HBM is read.
        plain_memory: the same of memory that is not stacked: GDDR, LPDDR.
        flops: fraction of the data-sheet FLOP/s that large matrix products reach.
        overlap: share of the shorter of compute and memory time that the longer one hides.
        link: fraction of a link's data-sheet bandwidth.
        unpack_flop: operations, on the ordinary units, that making a quantised weight wider costs.
        kernel_seconds: of each kernel on the device besides its bytes: it starts, its threads fill
            the memory's pipes, it ends. What fusing kernels saves.
        other_kernel_seconds: the same where kernels are not started by CUDA: HIP, XLA.
        metal_kernel_seconds: the same of Apple's Metal.
        launch_seconds: of each operation on the host, called from Python one after another. What
            CUDA graphs save.
        all_reduce_seconds: of each message of an all-reduce besides its bytes: one of a one-shot,
            2 (n - 1) of a ring; None takes the link's data-sheet value.
        unlinked_seconds: the same as ``all_reduce_seconds``, between GPUs without NVLink or alike.
        network_seconds: of an all-reduce between nodes besides its bytes.
        usable_memory: fraction of the memory that weights, cache and activations may take.
        training_flops: fraction of the data-sheet FLOP/s that a whole step of training reaches.
        cpu_launch_seconds, cpu_kernel_seconds, cpu_all_reduce_seconds: the same of a CPU.
        cpu_byte_seconds: of one core, for each byte of weights in a compiled step: loaded, made
            wider, multiplied. What takes longer than memory does to bring it is what counts.
        cpu_eager_byte_seconds: the same of an eager step, whose products are a library's.
        cpu_unpack_seconds: of one core, for each weight that shares its byte with another.
        cpu_token_seconds: of one core, for each weight and each token of a pass after the first,
            while the tokens are few (passes.FEW_TOKENS).
    """

    memory: float = 1.0
    plain_memory: float = 1.0
    flops: float = 1.0
    overlap: float = 1.0
    link: float = 1.0
    unpack_flop: float = 0.0
    kernel_seconds: float = 0.0
    other_kernel_seconds: float = 0.0
    metal_kernel_seconds: float = 0.0
    launch_seconds: float = 0.0
    all_reduce_seconds: float | None = None
    unlinked_seconds: float | None = None
    network_seconds: float | None = None
    usable_memory: float = 1.0
    training_flops: float = 1.0
    cpu_launch_seconds: float = 0.0
    cpu_kernel_seconds: float = 0.0
    cpu_all_reduce_seconds: float | None = None
    cpu_byte_seconds: float = 0.0
    cpu_eager_byte_seconds: float = 0.0
    cpu_unpack_seconds: float = 0.0
    cpu_token_seconds: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None:
                continue
            fraction = not field.name.endswith(("_seconds", "_flop"))
            least = value >= 0 if field.name == "overlap" else value > 0
            if not (least and value <= 1 if fraction else 0 <= value < float("inf")):
                wanted = "above 0, up to 1" if fraction else "0 or more"
                raise RooflineError(
                    f"{field.name.replace('_', ' ')} must be {wanted}, not {value:g}"
                )


IDEAL = Efficiency()


@cache
def expected() -> Efficiency:
    """The constants of ``data/constants.toml``, which ``fit.py`` wrote."""
    table = tables.read(CONSTANTS)
    return Efficiency(**{name: tables.value_and_source(table[name], "")[0] for name in table})
