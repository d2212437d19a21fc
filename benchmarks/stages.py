"""Stages against each other, interleaved: python benchmarks/stages.py [-o FILE]

Each round runs every stage once, one after the other, so that whatever slows the machine for a
while slows all of them. What is printed are ratios within a round: their median, and their smallest
and largest. Prompts are held out: the beginnings of texts that were not trained on, a different one
each round, so that acceptance is not that of one lucky prompt.

Decode only, batch 1, greedy; warm-up and compilation are not counted; a fixed number of new tokens,
whatever the model says. Stages on one rank share this process; the ranks of tp are processes of
their own, which sleep while others have their turn.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from workshop.runner import compile_cache, huge_pages

compile_cache.keep()  # before torch is imported
huge_pages.ask()

import torch  # noqa: E402
from stages_ranks import ranks_of  # noqa: E402

from workshop.record.results import Sample  # noqa: E402
from workshop.roofline.widths import is_tiny  # noqa: E402
from workshop.runner import machine, provenance  # noqa: E402
from workshop.runner.assemble import Engine, Place, assemble  # noqa: E402
from workshop.runner.measure import take_sample, warm_up  # noqa: E402
from workshop.stages import STAGES, settings_of  # noqa: E402
from workshop.stages.settings import Settings  # noqa: E402
from workshop.tiny.corpus import prompts  # noqa: E402
from workshop.tiny.recipe import HELD_OUT_SEED  # noqa: E402

AGAINST = {  # name -> what its ratio is taken against
    "baseline float32": "baseline",
    "compile": "baseline",
    "quantize": "compile",
    "speculative": "quantize",
    "tp": "quantize",
    "prompt-lookup": "quantize",
    "compile, C++ kernels": "compile",
    "quantize, C++ kernels": "quantize",
    "quantize, int8 activations": "quantize",
    "int4": "quantize",
    "int4, int8 activations": "quantize",
    "speculative, int8 activations": "speculative",
}


def variants(model: str, new_tokens: int, longest: str) -> dict[str, Settings]:
    """What is run: the stages, and what the lesson mentions beside them.

    ``longest`` is the longest prompt: caches are made for it.
    """
    stages = {name: settings_of(name) for name in STAGES}
    quantize, speculative = stages["quantize"], stages["speculative"]
    chosen = {
        "baseline float32": replace(stages["baseline"], dtype="float32"),
        **stages,
        "prompt-lookup": replace(speculative, speculate="prompt-lookup"),
        "compile, C++ kernels": replace(stages["compile"], kernels="cpp"),
        "quantize, C++ kernels": replace(quantize, kernels="cpp"),
        "quantize, int8 activations": replace(quantize, activations="int8"),
        "int4": replace(quantize, quantize="int4"),
        "int4, int8 activations": replace(quantize, quantize="int4", activations="int8"),
        "speculative, int8 activations": replace(speculative, activations="int8"),
    }
    if not is_tiny(model):  # no draft belongs to other models
        chosen = {name: s for name, s in chosen.items() if s.speculate != "draft"}
    return {
        name: replace(s, model=model, prompt=longest, new_tokens=new_tokens, ignore_eos=True)
        for name, s in chosen.items()
    }


def spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def one_process(settings: Settings, place: Place, engine: Engine, tokens: list[int]) -> Sample:
    return take_sample(settings, place, engine, [tokens], seed=0)


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--new-tokens", type=int, default=200)
    parser.add_argument("--only", action="append", help="a stage to run; all without it")
    parser.add_argument("--draft-tokens", type=int, help="guesses a pass  [the stage's own]")
    parser.add_argument("-o", "--output", type=Path, help="result file (JSON)")
    options = parser.parse_args()

    place = Place(machine.pick_device("auto"))
    torch.set_num_threads(machine.cores())
    warning = machine.busy_warning()
    if warning:
        print(f"Warning: {warning}", file=sys.stderr)

    texts = prompts(HELD_OUT_SEED, options.rounds)
    settings = variants(options.model, options.new_tokens, longest=max(texts, key=len))
    if options.only:
        settings = {name: settings[name] for name in options.only}
    if options.draft_tokens:
        settings = {n: replace(s, draft_tokens=options.draft_tokens) for n, s in settings.items()}
    speeds: dict[str, list[float]] = {name: [] for name in settings}
    accepted: dict[str, list[float]] = {name: [] for name in settings}
    with ExitStack() as stack:
        samplers, encode = {}, None
        for name, one in settings.items():
            print(f"warming up {name}", file=sys.stderr)
            if one.ranks > 1:
                samplers[name] = stack.enter_context(ranks_of(one)).sample
                continue
            engine = assemble(one, place)
            warm_up(one, place, engine)
            samplers[name] = partial(one_process, one, place, engine)
            encode = engine.tokenizer.encode
        assert encode is not None, "at least one stage on one rank"
        for prompt in texts:
            for name, take in samplers.items():
                sample = take(encode(prompt))
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
    print(f"\n{'':<30}{'tokens/s':>10}   ratio, median (smallest to largest of the rounds)")
    for name, values in speeds.items():
        against = AGAINST.get(name)
        told = ""
        if against in speeds:
            ratios = spread([a / b for a, b in zip(values, speeds[against], strict=True)])
            report["ratio"][f"{name} / {against}"] = ratios
            told = f"{ratios['median']:.2f} ({ratios['min']:.2f} to {ratios['max']:.2f}) {against}"
        if accepted[name]:
            share = statistics.median(accepted[name])
            told += f", {share * 100:.0f} % of the proposed tokens accepted"
        print(f"{name:<30}{statistics.median(values):>10.0f}   {told}")
    if options.output:
        options.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
