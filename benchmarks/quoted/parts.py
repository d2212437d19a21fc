"""What is measured: each part a command of its own, with what its figures depend on."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from workshop.stages import STAGES, settings_of

# What decides how fast the engine is on a CPU. What only a GPU runs is left out, and so are
# tokenizers and converters, which run before the stopwatch.
ENGINE = (
    "workshop/llm/**/*.py",
    "!workshop/llm/kernels/*.py",
    "!workshop/llm/native/build.py",
    "workshop/llm/native/build.py:/^FLAGS/",
    "!workshop/llm/text/*.py",
    "!workshop/llm/weights/convert*.py",
    "!workshop/llm/weights/checksums.py",
    "workshop/llm/native/*.cpp",
    "workshop/llm/native/*.h",
    "workshop/tiny/weights/*/*",
    "workshop/roofline/widths.py",
    f"={json.dumps({name: asdict(settings_of(name)) for name in STAGES}, sort_keys=True)}",
    "workshop/runner/plan.py",
    "workshop/runner/assemble.py",
    "workshop/runner/generation.py",
    "workshop/runner/sizes.py",
    "workshop/runner/models.py",
    "workshop/runner/measure.py",
    "workshop/runner/huge_pages.py",
    "workshop/runner/numa.py",
    "workshop/runner/compile_cache.py:keep",
    "workshop/runner/ranks/group.py:join_and_work",
    "workshop/runner/ranks/group.py:join",
    "workshop/runner/machine.py:read_bandwidth",
    "workshop/runner/machine.py:fastest",
    "constraints.txt:/^torch==/",
)
READERS = (
    "workshop/record/readers/*.py",
    "workshop/record/results/*.py",
    "workshop/record/runlog.py",
    "workshop/util/text.py:one_line",
    "constraints.txt:/^msgspec==/",
)
QUALITY = (
    "workshop/llm/quantization/*.py",
    "workshop/runner/quality.py",
    "workshop/tiny/corpus/*.py",
    "workshop/tiny/weights/*/*",
    "workshop/llm/model.py",
)

GPT_FAST = "GPT_FAST"  # a variable of the environment: a checkout of gpt-fast
# Engine of benchmarks/peers.py -> the package that it comes with.
PEERS = {"transformers": "transformers", "llama.cpp": "llama_cpp", "CTranslate2": "ctranslate2"}


@dataclass(frozen=True)
class Part:
    """Something that is measured by one command.

    Attributes:
        name: also that of its result file.
        words: the command as people would type it.
        sources: what its figures depend on, as ``code.digest`` takes it.
        script: below benchmarks/, with its arguments; empty for the demo, which is no benchmark.
        left_out: what is not measured, and why, a sentence each.
        timed: whether a clock runs, so that nobody else may use the processors.
    """

    name: str
    sources: tuple[str, ...]
    script: str = ""
    arguments: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    timed: bool = True

    @property
    def words(self) -> str:
        """The command as people would type it."""
        if not self.script:
            return "workshop demo"
        return " ".join(["python", f"benchmarks/{self.script}", *self.arguments])


def script(
    name: str, sources: tuple[str, ...], file: str, *arguments: str, also: tuple[str, ...] = ()
) -> Part:
    """A benchmark; its own files count as well."""
    files = tuple(f"benchmarks/{one}" for one in (file, *also))
    return Part(name, (*sources, *files), file, arguments)


PARTS: dict[str, Part] = {
    part.name: part
    for part in (
        Part("demo", ENGINE),
        script("stages", ENGINE, "stages.py", "--rounds", "9", also=("stages_ranks.py",)),
        script("passes", ENGINE, "passes_cpu.py", "--rounds", "9"),
        script("products", ENGINE, "products_cpu.py", also=("turns_cpu.py",)),
        script("attention", ENGINE, "attention_cpu.py", also=("turns_cpu.py",)),
        script("exchanges", ENGINE, "all_reduce.py"),
        replace(script("quality", QUALITY, "quality.py"), timed=False),
        script("loading", ENGINE, "loading.py"),
        script("reading", READERS, "reading.py"),
    )
}


# Needs other people's engines, so it is measured where they are, and by name alone.
PEERS_PART = script("peers", ENGINE, "peers.py", "--model", "110m", also=("peers_*.py",))


def parts_here(environ: Mapping[str, str] = os.environ) -> dict[str, Part]:
    """The parts as they can be measured here: peers are told which engines there are."""
    return {**PARTS, "peers": peers_here(PEERS_PART, environ)}


def peers_here(part: Part, environ: Mapping[str, str]) -> Part:
    missing = [name for name, package in PEERS.items() if not importlib.util.find_spec(package)]
    left_out = [f"{name} is not installed" for name in missing]
    checkout = environ.get(GPT_FAST, "")
    if checkout and Path(checkout).is_dir():
        return replace(
            part,
            arguments=(*part.arguments, "--gpt-fast", checkout),
            left_out=tuple(left_out),
        )
    return replace(part, left_out=(*left_out, f"gpt-fast: {GPT_FAST} names no checkout of it"))
