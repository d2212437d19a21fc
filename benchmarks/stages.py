"""Stages against each other, interleaved: python benchmarks/stages.py [-o FILE]

Each round runs every stage once, in the same process and one after the other, so that whatever
slows the machine for a while slows all of them. What is printed are ratios within a round: their
median, and their smallest and largest. Prompts are held out: the beginnings of texts that were not
trained on, a different one each round, so that acceptance is not that of one lucky prompt.

Decode only, batch 1, greedy; warm-up and compilation are not counted; a fixed number of new tokens,
whatever the model says. tp is left out: its ranks are processes of their own, and two of them
beside the others' threads would measure the machine's scheduler (`workshop demo` measures it).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
from dataclasses import replace
from pathlib import Path

from workshop import compile_cache, huge_pages

compile_cache.keep()  # before torch is imported
huge_pages.ask()

import torch  # noqa: E402

from workshop import machine, provenance  # noqa: E402
from workshop.assemble import Place, assemble  # noqa: E402
from workshop.measure import take_sample, warm_up  # noqa: E402
from workshop.stages import STAGES, Settings, settings_of  # noqa: E402
from workshop.tiny.corpus import prompts  # noqa: E402
from workshop.tiny.recipe import HELD_OUT_SEED  # noqa: E402

FASTER_THAN = {  # name -> what its ratio is taken against
    "baseline float32": "baseline",
    "compile": "baseline",
    "quantize": "compile",
    "speculative": "quantize",
    "prompt-lookup": "quantize",
}


def variants(model: str, new_tokens: int, longest: str) -> dict[str, Settings]:
    """What is run: the stages on one rank, and two that the lesson mentions beside them.

    ``longest`` is the longest prompt: caches are made for it.
    """
    stages = {name: settings_of(name) for name in STAGES if settings_of(name).ranks == 1}
    chosen = {
        "baseline float32": replace(stages["baseline"], dtype="float32"),
        **stages,
        "prompt-lookup": replace(stages["speculative"], speculate="prompt-lookup"),
    }
    if model != "tiny":
        del chosen["speculative"]  # no draft belongs to other models
    return {
        name: replace(s, model=model, prompt=longest, new_tokens=new_tokens, ignore_eos=True)
        for name, s in chosen.items()
    }


def spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--new-tokens", type=int, default=200)
    parser.add_argument("-o", "--output", type=Path, help="result file (JSON)")
    options = parser.parse_args()

    place = Place(machine.pick_device("auto"))
    torch.set_num_threads(machine.cores())
    warning = machine.busy_warning()
    if warning:
        print(f"Warning: {warning}", file=sys.stderr)

    texts = prompts(HELD_OUT_SEED, options.rounds)
    settings = variants(options.model, options.new_tokens, longest=max(texts, key=len))
    engines = {name: assemble(s, place) for name, s in settings.items()}
    for name, engine in engines.items():
        print(f"warming up {name}", file=sys.stderr)
        warm_up(settings[name], place, engine)

    speeds: dict[str, list[float]] = {name: [] for name in engines}
    accepted: dict[str, list[float]] = {name: [] for name in engines}
    for prompt in texts:
        for name, engine in engines.items():
            tokens = engine.tokenizer.encode(prompt)
            sample = take_sample(settings[name], place, engine, [tokens], seed=0)
            assert sample.tokens_per_second is not None
            speeds[name].append(sample.tokens_per_second)
            if sample.proposed and sample.accepted is not None:
                accepted[name].append(sample.accepted / sample.proposed)

    report = {
        "model": options.model,
        "new_tokens": options.new_tokens,
        "rounds": options.rounds,
        "device": machine.device_name(place.device),
        "threads": torch.get_num_threads(),
        "versions": dataclasses.asdict(provenance.versions()),
        "busy": warning,
        "tokens_per_second": {name: spread(values) for name, values in speeds.items()},
        "acceptance_rate": {name: spread(values) for name, values in accepted.items() if values},
        "ratio": {},
    }
    print(f"\n{'':<18}{'tokens/s':>10}   ratio, median (smallest to largest of the rounds)")
    for name, values in speeds.items():
        against = FASTER_THAN.get(name)
        told = ""
        if against:
            ratios = spread([a / b for a, b in zip(values, speeds[against], strict=True)])
            report["ratio"][f"{name} / {against}"] = ratios
            told = f"{ratios['median']:.2f} ({ratios['min']:.2f} to {ratios['max']:.2f}) {against}"
        if accepted[name]:
            told += f", {statistics.median(accepted[name]) * 100:.0f} % of the guesses accepted"
        print(f"{name:<18}{statistics.median(values):>10.0f}   {told}")
    if options.output:
        options.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
