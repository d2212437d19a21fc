"""Decode steps of the embedded model on a CPU, by what they cost: python benchmarks/passes_cpu.py

What `workshop predict` takes its constants of a CPU from, together with the demo. The model is wide
(read from memory) and narrow (read from a cache, where calls and kernels are what is left); eager
and compiled; in 16, 8 and 4 bits; with a token and with several in a pass. All take turns, a
generation each a round, in one process; beside them stands how fast an array of the weights' size
is summed.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
from dataclasses import replace
from pathlib import Path

from workshop.runner import compile_cache, huge_pages

compile_cache.keep()  # before torch is imported
huge_pages.ask()

import torch  # noqa: E402

from workshop.runner import machine, provenance  # noqa: E402
from workshop.runner.assemble import Place, assemble  # noqa: E402
from workshop.runner.measure import take_sample, warm_up  # noqa: E402
from workshop.stages import settings_of  # noqa: E402
from workshop.stages.settings import Settings  # noqa: E402

NEW_TOKENS = 64
CPU = torch.device("cpu")


def variants(new_tokens: int) -> dict[str, Settings]:
    """What is run, by a name."""
    eager, compiled, int8 = (settings_of(name) for name in ("baseline", "compile", "quantize"))
    found: dict[str, Settings] = {}
    for model in ("tiny:1", "tiny:2", "tiny"):
        found[f"{model} eager"] = replace(eager, model=model)
        found[f"{model} bf16"] = replace(compiled, model=model)
        found[f"{model} int8"] = replace(int8, model=model)
    found["tiny int4"] = replace(int8, quantize="int4")
    for batch in (2, 4, 8):
        found[f"tiny int8, batch {batch}"] = replace(int8, batch_size=batch)
    found["tiny bf16, batch 4"] = replace(compiled, batch_size=4)
    return {n: replace(s, new_tokens=new_tokens, ignore_eos=True) for n, s in found.items()}


def spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--new-tokens", type=int, default=NEW_TOKENS)
    parser.add_argument("-o", "--output", type=Path, help="result file (JSON)")
    options = parser.parse_args()
    torch.set_num_threads(machine.cores())
    warning = machine.busy_warning()
    if warning:
        print(f"Warning: {warning}", file=sys.stderr)
    place, settings = Place(CPU), variants(options.new_tokens)
    engines = {}
    for name, one in settings.items():
        print(f"warming up {name}", file=sys.stderr)
        engines[name] = assemble(one, place)
        warm_up(one, place, engines[name])
    speeds: dict[str, list[float]] = {name: [] for name in engines}
    bandwidth: dict[int, list[float]] = {each.model_bytes: [] for each in engines.values()}
    for _ in range(options.rounds):
        for name, engine in engines.items():
            sample = take_sample(settings[name], place, engine, engine.prompts, seed=0)
            assert sample.tokens_per_second is not None
            speeds[name].append(sample.tokens_per_second)
        for size, found in bandwidth.items():
            found.append(machine.read_bandwidth(CPU, size).gb_per_second)
    rows = [
        {
            "name": name,
            "model": settings[name].model,
            "compile": settings[name].compile,
            "quantize": settings[name].quantize,
            "group_size": settings[name].group_size,
            "batch": settings[name].batch_size,
            "prompt_tokens": len(engine.prompts[0]),
            "new_tokens": options.new_tokens,
            "tokens_per_second": spread(speeds[name]),
            "bandwidth_gb_per_second": spread(bandwidth[engine.model_bytes]),
        }
        for name, engine in engines.items()
    ]
    for name, taken in speeds.items():
        one, of = spread(taken), spread(bandwidth[engines[name].model_bytes])
        print(f"{name:<22}{one['median']:7.1f} tokens/s   ({one['min']:.1f} to {one['max']:.1f}), "
              f"memory {of['median']:.1f} GB/s ({of['min']:.1f} to {of['max']:.1f})")  # fmt: skip
    if options.output:
        report = {
            "device": machine.device_name(CPU),
            "threads": torch.get_num_threads(),
            "rounds": options.rounds,
            "versions": dataclasses.asdict(provenance.versions()),
            "busy": warning,
            "passes": rows,
        }
        options.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
