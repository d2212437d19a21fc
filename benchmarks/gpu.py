"""Everything that one GPU is to show, in one run: python benchmarks/gpu.py [-o FILE]

Llama-2-7B's shape with random weights, batch 1, greedy, a prompt of 6 tokens, 200 new ones: ours
(a technique more at a time), transformers and gpt-fast (--gpt-fast CHECKOUT) on the same tensors.
Then the time to the first token of longer prompts, against transformers.

Contenders take turns, a generation each, so that what slows the device slows all; printed are
medians, smallest and largest. tokens/s is decode only. The whole run stays within --minutes: what
is further down in the list below is left out, and said to be, when time or memory is short. Most of
the time is compiling; a second run finds it in the cache.

What speculation gains depends on the text, and random weights write none: its line is there to show
that it runs, and its acceptance beside it. In the end come the targets: met, not met, not measured.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workshop.runner import compile_cache

compile_cache.keep()  # before torch is imported

import torch  # noqa: E402
from contender import Generate, Timing, timed  # noqa: E402
from gpu_contenders import PROMPT, Bench, Weights, contenders  # noqa: E402
from gpu_targets import Target, targets  # noqa: E402

from workshop.llm.compile import compiled_prefill  # noqa: E402
from workshop.llm.generate import Steps, prefill  # noqa: E402
from workshop.runner import machine, provenance  # noqa: E402
from workshop.runner.plan import DTYPES  # noqa: E402
from workshop.runner.sizes import reads  # noqa: E402

ROUNDS = 7
FOR_TTFT = 0.2  # of the time: kept for the first tokens of long prompts


class OutOfTimeError(Exception):
    """What was begun is not done in the time that it had."""


@dataclass
class Clock:
    """The time that the whole run may take."""

    seconds: float
    start: float = field(default_factory=time.monotonic)
    rang: bool = False

    @property
    def left(self) -> float:
        return self.seconds - (time.monotonic() - self.start)

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Raise OutOfTimeError if what is in here takes longer: ``why`` tells, whoever wraps it."""
        self.rang = False

        def stop(*_: Any) -> None:
            self.rang = True
            raise OutOfTimeError

        before = signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def why(self, error: Exception) -> str:
        """What ended something, in a line."""
        if self.rang or isinstance(error, OutOfTimeError):
            return "there was no time left for it"
        return str(error).strip().partition("\n")[0] or type(error).__name__


def prompt_of(length: int, vocab: int) -> list[int]:
    return torch.randint(vocab, (length,), generator=torch.Generator().manual_seed(0)).tolist()


def make_ready(
    makers: dict[str, Callable[[], Generate]], bench: Bench, clock: Clock, kept_back: float
) -> tuple[dict[str, Generate], dict[str, str], float]:
    """Those that could be made and warmed up in time, why the others could not, and the seconds

    that a generation of each takes together.
    """
    ready: dict[str, Generate] = {}
    left_out: dict[str, str] = {}
    seconds: dict[str, float] = {}  # of one warm generation
    for name, make in makers.items():
        before = time.monotonic()
        # All that are ready take turns at the end, three times at least.
        reserve = kept_back + 3 * sum(seconds[name] for name in ready)
        try:
            if clock.left < reserve + 5:
                raise OutOfTimeError
            with clock.within(clock.left - reserve):
                run = make()
                prompt = prompt_of(PROMPT, bench.weights.plain.config.vocab)
                timed(run, prompt, min(16, bench.new), bench.device)
                seconds[name] = sum(
                    dataclasses.astuple(timed(run, prompt, bench.new, bench.device))[:2]
                )
            ready[name] = run
            print(f"{name}: ready after {time.monotonic() - before:.0f} s", file=sys.stderr)
        except Exception as error:  # whatever a peer or a compiler says: the others go on
            left_out[name] = clock.why(error)
            print(f"{name}: left out: {left_out[name]}", file=sys.stderr)
            if bench.device.type == "cuda":
                torch.cuda.empty_cache()
    return ready, left_out, sum(seconds.values())


def take_turns(
    ready: dict[str, Generate], prompt: list[int], new: int, rounds: int, until: Clock, device: Any
) -> dict[str, list[Timing]]:
    """A generation of each, again and again, while there is time; always a whole round."""
    timings: dict[str, list[Timing]] = {name: [] for name in ready}
    longest = 0.0
    for _ in range(rounds):
        if until.left < 1.2 * longest:
            break
        before = time.monotonic()
        for name, run in ready.items():
            timings[name].append(timed(run, prompt, new, device))
        longest = max(longest, time.monotonic() - before)
    return timings


def first_tokens(
    bench: Bench, lengths: list[int], clock: Clock, kept_back: float
) -> dict[str, Any]:
    """Seconds to the first token of prompts of each length, ours compiled and transformers'."""
    model = bench.weights.plain
    room = max(lengths) + 64
    makers: dict[str, Callable[[], Generate]] = {
        "ours": lambda: bench.ours(model, bench.cache(model, room), Steps()),
        "transformers": lambda: bench.transformers(static=False),
        "ours compiled": lambda: bench.ours(
            model, bench.cache(model, room), Steps(prefill=compiled_prefill(prefill, bench.how))
        ),
    }
    ready: dict[str, Generate] = {}
    report: dict[str, Any] = {}
    for name, make in makers.items():
        try:
            with clock.within(clock.left - kept_back):
                run = make()
                for length in lengths:
                    timed(run, prompt_of(length, model.config.vocab), 1, bench.device)
            ready[name] = run
        except Exception as error:
            report[f"{name} left out"] = clock.why(error)
    for length in lengths:
        prompt = prompt_of(length, model.config.vocab)
        timings = take_turns(ready, prompt, 1, ROUNDS, clock, bench.device)
        report[str(length)] = {
            name: spread([t.ttft for t in taken]) for name, taken in timings.items() if taken
        }
    return report


def spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="random:llama-2-7b", help="random:<shape>")
    parser.add_argument("--device", default="auto", help="auto, cuda, mps or cpu")
    parser.add_argument("--gpt-fast", type=Path, metavar="CHECKOUT", help="where gpt-fast lies")
    parser.add_argument("--new-tokens", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="at most")
    parser.add_argument("--minutes", type=float, default=7.5, help="for the whole run")
    parser.add_argument("--group-size", type=int, default=32, help="of int4")
    parser.add_argument("--ttft", type=int, nargs="*", default=[512, 2048], help="prompt lengths")
    parser.add_argument("--quick", action="store_true", help="few tokens, two rounds: does it run?")
    parser.add_argument("-o", "--output", type=Path, help="result file (JSON)")
    options = parser.parse_args()
    if options.quick:
        options.new_tokens, options.rounds, options.ttft = 12, 2, [32, 64]
    return options


@torch.inference_mode()
def main() -> None:
    options = parse()
    clock = Clock(60 * options.minutes)
    device = machine.pick_device(options.device)
    if device.type == "cpu":
        torch.set_num_threads(machine.cores())
    name, bf16 = machine.device_name(device), machine.has_bfloat16(device)
    dtype, unlike = machine.usable_dtype("bfloat16", name, bf16)
    busy = machine.busy_warning()
    for sentence in filter(None, (unlike, busy)):
        print(f"Warning: {sentence}", file=sys.stderr)

    ceiling = machine.copy_bandwidth(device, 10**8 if options.quick else 10**9)
    weights = Weights(options.model, device, DTYPES[dtype], options.group_size)
    bench = Bench(weights, device, options.new_tokens, options.gpt_fast)
    kept: dict[str, list[int]] = {"prompt lookup": [], "self-draft": []}
    for_ttft = FOR_TTFT * clock.seconds if options.ttft else 0.0
    ready, left_out, a_round = make_ready(contenders(bench, kept), bench, clock, for_ttft)
    prompt = prompt_of(PROMPT, weights.plain.config.vocab)
    ttft = first_tokens(bench, options.ttft, clock, 3 * a_round)
    timings = take_turns(ready, prompt, options.new_tokens, options.rounds, clock, device)

    speeds = {n: [t.tokens_per_second for t in taken] for n, taken in timings.items() if taken}
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    found = targets(medians, reads(weights.plain), ceiling.gb_per_second, ttft)
    show(speeds, left_out, ttft, found, ceiling)
    report = {
        "model": options.model,
        "prompt_tokens": PROMPT,
        "new_tokens": options.new_tokens,
        "rounds": max((len(values) for values in speeds.values()), default=0),
        "device": name,
        "dtype": dtype,
        "versions": dataclasses.asdict(provenance.versions()),
        "busy": busy,
        "copy_gb_per_second": ceiling.gb_per_second,
        "bytes_per_pass": reads(weights.plain),
        "tokens_per_second": {name: spread(values) for name, values in speeds.items()},
        "guesses_kept_in_a_pass": {n: statistics.fmean(v) for n, v in kept.items() if v},
        "ttft_seconds": ttft,
        "left_out": left_out,
        "targets": [{**dataclasses.asdict(t), "verdict": t.verdict} for t in found],
        "seconds": clock.seconds - clock.left,
    }
    if options.output:
        options.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def show(
    speeds: dict[str, list[float]],
    left_out: dict[str, str],
    ttft: dict[str, Any],
    found: list[Target],
    ceiling: machine.Bandwidth,
) -> None:
    print(f"copy bandwidth {ceiling.gb_per_second:.0f} GB/s ({ceiling.source})\n")
    print(f"{'':<26}{'tokens/s':>10}   smallest to largest")
    for name, values in speeds.items():
        median = statistics.median(values)
        print(f"{name:<26}{median:>10.1f}   {min(values):.1f} to {max(values):.1f}")
    for name, why in left_out.items():
        print(f"{name:<26}{'-':>10}   {why}")
    print("\nmilliseconds to the first token")
    for length, medians in ttft.items():
        if isinstance(medians, dict):
            told = ", ".join(f"{n} {m['median'] * 1e3:.1f}" for n, m in medians.items())
            print(f"{length:>6} tokens: {told}")
        else:
            print(f"{length}: {medians}")
    print("\ntargets")
    for target in found:
        value = "" if target.value is None else f"{target.value:.2f}, "
        print(f"{target.name}: {value}{target.verdict} (at least {target.least:g})")


if __name__ == "__main__":
    main()
