"""Data-sheet values of GPUs and CPUs, from tables; an unknown device is refused, never guessed."""

from __future__ import annotations

import difflib
import math
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal

from workshop.roofline import tables
from workshop.roofline.errors import RooflineError

OURS = tables.DATA / "devices.toml"
OWN = "devices.toml"  # a site's, and a user's

# An installation's own, before the machine's: where descriptions of clusters are, too.
SITE = (Path(sys.prefix) / "etc" / "workshop", Path("/etc/workshop"))

Kind = Literal["gpu", "cpu"]


@dataclass(frozen=True)
class Device:
    """A GPU, or the processors of a node.

    Attributes:
        bandwidth_gb_per_s: of its memory.
        fp16_tflops, int8_tflops, int4_tflops: dense matrix products; None where it has no such
            instruction, and computes in the next wider one.
        fp32_tflops: of the ordinary units, which unpack quantised weights.
        link_gb_per_s: to its neighbours in the node, one direction.
        link_latency_us: of a message there.
        network_gb_per_s: to other nodes, one direction, a GPU's share.
        gpus_per_node: how many are linked so.
        hbm: its memory is stacked; else it is GDDR, LPDDR or DDR.
        cuda, metal: its kernels are started by CUDA, or by Metal; else by HIP or XLA.
        cores: of a CPU.
        measured: its bandwidth was measured by reading it; else it is the data sheet's.
        linked: neighbours reach each other's memory (NVLink, Infinity Fabric), not over PCIe.
        aliases: other names that it goes by.
        sources: value -> where it is from.
    """

    name: str
    memory_gb: float
    bandwidth_gb_per_s: float
    fp16_tflops: float
    fp32_tflops: float
    int8_tflops: float | None = None
    int4_tflops: float | None = None
    link_gb_per_s: float = 32.0
    link_latency_us: float = 8.0
    network_gb_per_s: float = 25.0
    network_latency_us: float = 20.0
    gpus_per_node: int = 8
    linked: bool = False
    hbm: bool = False
    cuda: bool = False
    metal: bool = False
    kind: Kind = "gpu"
    cores: int = 1
    measured: bool = False
    aliases: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)

    def peak_flops(self, bits: int) -> float:
        """FLOP/s of dense products in that precision, or in the next wider one that it has."""
        if bits == 32:
            return self.fp32_tflops * 1e12
        known = {4: (self.int4_tflops, self.int8_tflops), 8: (self.int8_tflops,)}.get(bits, ())
        return next((flops for flops in known if flops), self.fp16_tflops) * 1e12

    @property
    def bandwidth(self) -> float:
        """Bytes a second."""
        return self.bandwidth_gb_per_s * 1e9

    @property
    def memory(self) -> float:
        """Bytes."""
        return self.memory_gb * 1e9

    @property
    def intensity_limit(self) -> float:
        """FLOP a byte at which compute takes as long as memory (Williams et al. 2009, roofline)."""
        return self.peak_flops(16) / self.bandwidth


_NUMBERS = {
    one.name for one in fields(Device) if one.name.endswith(("_gb", "_per_s", "tflops", "_us"))
}
_KEYS = {one.name for one in fields(Device)} - {"name", "sources", "measured"}
UNKNOWN_MEMORY_GB = 1e6  # a CPU's, which no record tells: no limit


def measured_cpu(name: str, bandwidth_gb_per_s: float, cores: int) -> Device:
    """A CPU of which nothing is known but what a run on it measured.

    Its FLOP/s are in no record: they are taken as no limit, which they are not in decode.
    """
    return Device(
        name=name,
        kind="cpu",
        memory_gb=UNKNOWN_MEMORY_GB,
        bandwidth_gb_per_s=bandwidth_gb_per_s,
        fp16_tflops=math.inf,
        fp32_tflops=math.inf,
        link_latency_us=1.0,  # a cache line from one core to another, there and back, is less
        cores=cores,
        measured=True,
    )


def find_device(
    name: str, environ: Mapping[str, str] | None = None, site: Sequence[Path] = SITE
) -> Device:
    """The device of that name, whatever its spelling.

    Raises:
        RooflineError: there is none; the message lists what there is.
    """
    known = devices(environ, site)
    wanted = _plain(name)
    for one in known.values():
        if wanted in map(_plain, (one.name, *one.aliases)):
            return one
    spellings = [word for one in known.values() for word in (one.name, *one.aliases)]
    near = difflib.get_close_matches(name.lower(), spellings, n=1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    raise RooflineError(
        f"there is no device {name!r}{meant}; those there are: {', '.join(known)}. "
        f"A site or user adds others in {OWN}"
    )


def devices(
    environ: Mapping[str, str] | None = None, site: Sequence[Path] = SITE
) -> dict[str, Device]:
    """Every device: the user's own hides the site's, that hides ours; raises RooflineError."""
    environ = os.environ if environ is None else environ
    found: dict[str, Device] = {}
    for folder in (_users_own(environ), *site):
        if os.path.isfile(folder / OWN):
            for one in read_devices(folder / OWN):
                found.setdefault(one.name, one)
    for one in _shipped():
        found.setdefault(one.name, one)
    return found


@cache
def _shipped() -> tuple[Device, ...]:
    return tuple(read_devices(OURS))


def read_devices(path: Path) -> Iterable[Device]:
    """The devices of a TOML file: a table each, and one of [sources] that their keys refer to.

    Raises:
        RooflineError: something in it is not as it must be.
    """
    table = tables.read(path)
    sources = table.pop("sources", {})
    for name, entries in table.items():
        if not isinstance(entries, dict):
            raise RooflineError(f"{path}: {name} is not a table, as [{name}]")
        try:
            yield _device(name, entries, sources, str(path))
        except RooflineError as error:
            raise RooflineError(f"{path}: [{name}]: {error}") from None


def _device(name: str, entries: dict[str, Any], named: dict[str, str], file: str) -> Device:
    values: dict[str, Any] = {}
    sources = {}
    for key, entry in entries.items():
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, n=1)
            meant = f" (did you mean {near[0]}?)" if near else ""
            raise RooflineError(
                f"there is no key {key}{meant}; the keys are {', '.join(sorted(_KEYS))}"
            )
        if key == "aliases":
            values[key] = tuple(map(str, entry)) if isinstance(entry, list) else (str(entry),)
            continue
        value, source = tables.value_and_source(entry, file)
        _check(key, value)
        values[key], sources[key] = value, _in_full(source, named)
    missing = {"memory_gb", "bandwidth_gb_per_s", "fp16_tflops", "fp32_tflops"} - values.keys()
    if missing:
        raise RooflineError(f"{', '.join(sorted(missing))} missing")
    return Device(name=name, sources=sources, **values)


def _in_full(source: str, named: dict[str, str]) -> str:
    """'maker: half of it' -> the source that ``maker`` names, ': half of it'."""
    name, colon, more = source.partition(":")
    return f"{named[name]}{colon}{more}" if name in named else source


def _check(key: str, value: Any) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if key in _NUMBERS and not (number and 0 < value < float("inf")):
        raise RooflineError(f"{key} is {value!r}, and must be a number above 0")
    if key in ("gpus_per_node", "cores") and not (type(value) is int and value > 0):
        raise RooflineError(f"{key} is {value!r}, and must be a whole number above 0")
    if key in ("linked", "hbm", "cuda", "metal") and not isinstance(value, bool):
        raise RooflineError(f"{key} is {value!r}, and must be true or false")
    if key == "kind" and value not in ("gpu", "cpu"):
        raise RooflineError(f"kind is {value!r}, and must be gpu or cpu")


def _plain(name: str) -> str:
    """'NVIDIA A100-SXM4-80GB' -> 'nvidiaa100sxm480gb': spelling does not matter."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _users_own(environ: Mapping[str, str]) -> Path:
    config = environ.get("XDG_CONFIG_HOME", "")
    if os.path.isabs(config):  # a relative one is to be ignored, says the XDG specification
        return Path(config) / "workshop"
    home = environ.get("HOME") or os.path.expanduser("~")
    return Path(home) / ".config" / "workshop"
