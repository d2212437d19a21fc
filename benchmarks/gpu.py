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
import copy
import dataclasses
import importlib.util
import itertools
import json
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from workshop import compile_cache

compile_cache.keep()  # before torch is imported

import torch  # noqa: E402
from contender import Generate, Timing, timed  # noqa: E402

from workshop import machine, provenance  # noqa: E402
from workshop.assemble import DTYPES, reads  # noqa: E402
from workshop.llm.cache import GrowingCache, StaticCache  # noqa: E402
from workshop.llm.compile import compiled_decode, compiled_prefill, how_to_compile  # noqa: E402
from workshop.llm.fuse import fuse  # noqa: E402
from workshop.llm.generate import Steps, decode, generate, prefill  # noqa: E402
from workshop.llm.model import Llama  # noqa: E402
from workshop.llm.quantization.pack import pack  # noqa: E402
from workshop.llm.quantization.quantize import INT8, Quantization  # noqa: E402
from workshop.llm.ranks.part import WHOLE  # noqa: E402
from workshop.llm.sampling import Sampler  # noqa: E402
from workshop.llm.speculation.draft import DraftModel, propose_and_verify, self_draft  # noqa: E402
from workshop.llm.speculation.lookahead import Lookahead  # noqa: E402
from workshop.llm.speculation.lookup import PromptLookup  # noqa: E402
from workshop.llm.speculation.speculative import speculate, verify  # noqa: E402
from workshop.models import find_model, load_model  # noqa: E402

PROMPT = 6
GUESSES = 3
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


@dataclass
class Weights:
    """The model in the forms that contenders want; each is made when first asked for."""

    name: str
    device: torch.device
    dtype: torch.dtype
    group_size: int

    def load(self, how: Quantization | None) -> Llama:
        return load_model(find_model(self.name), self.dtype, self.device, WHOLE, how)

    @cached_property
    def plain(self) -> Llama:
        return self.load(None)

    @cached_property
    def merged(self) -> Llama:
        model = self.load(None)
        fuse(model)
        return model

    @cached_property
    def int8(self) -> Llama:
        model = self.load(INT8)
        fuse(model)
        return model

    @cached_property
    def int4(self) -> Llama:
        model = self.load(Quantization("int4", self.group_size))
        fuse(model)
        return model


def same_weights(model: Llama) -> Llama:
    """Another model with the very same tensors, to be given other kernels."""
    shared = itertools.chain(model.parameters(), model.buffers())
    return copy.deepcopy(model, {id(tensor): tensor for tensor in shared})


def with_our_kernels(model: Llama) -> Llama:
    from workshop.llm import kernels

    model = same_weights(model)
    kernels.use(model)
    return model


def packed(model: Llama) -> Llama:
    model = same_weights(model)
    pack(model)
    return model


@dataclass
class Bench:
    """What the contenders are made of."""

    weights: Weights
    device: torch.device
    new: int
    gpt_fast: Path | None

    @property
    def how(self) -> Any:
        return how_to_compile("auto", self.device)

    @property
    def room(self) -> int:
        return -(-(PROMPT + self.new + GUESSES + 1) // 64) * 64

    def sampler(self, model: Llama) -> Sampler:
        return Sampler(0.0, model.config.vocab, 0, self.device)

    def cache(self, model: Llama, room: int | None = None) -> StaticCache:
        cache = StaticCache(model.config, 1, room or self.room, self.weights.dtype)
        return cache.to(self.device)

    def ours(self, model: Llama, cache: Any, steps: Steps) -> Generate:
        def run(prompt: list[int], new: int, tick: Callable[[], None]) -> int:
            count = 0
            for tokens in generate(steps, model, cache, prompt, new, self.sampler(model)):
                tick()
                count += len(tokens)
            return count

        return run

    def eager(self) -> Generate:
        return self.ours(self.weights.plain, GrowingCache(self.weights.plain.config), Steps())

    def compiled(self, model: Llama) -> Generate:
        """Prefill stays eager: it is not in tokens/s, and to compile it takes time for nothing."""
        return self.ours(model, self.cache(model), Steps(decode=compiled_decode(decode, self.how)))

    def speculative(self, model: Llama, guesser: Any, kept: list[int]) -> Generate:
        cache = self.cache(model)

        def run(prompt: list[int], new: int, tick: Callable[[], None]) -> int:
            count = 0
            ahead = Lookahead(GUESSES)
            sampler = self.sampler(model)
            for tokens in speculate(Steps(), model, cache, guesser, prompt, new, ahead, sampler):
                tick()
                if count:  # the first token comes from the prompt, not from a pass with guesses
                    kept.append(len(tokens) - 1)
                count += len(tokens)
            return count

        return run

    def self_draft(self, kept: list[int]) -> Generate:
        model = self.weights.merged
        # Ours where it can be had: a draft reads two tokens at once, for which Inductor converts
        # int8 in memory.
        draft = self_draft(model, INT8)
        if has_triton(self.device):
            draft = with_our_kernels(draft)
        run = compiled_decode(propose_and_verify, self.how)
        return self.speculative(model, DraftModel(draft, self.cache(draft), Steps(), run), kept)

    def lookup(self, kept: list[int]) -> Generate:
        run = compiled_decode(verify, self.how)
        return self.speculative(self.weights.merged, PromptLookup(run=run), kept)

    def transformers(self, static: bool) -> Generate:
        from peers_transformers import transformers, with_weights_of

        return transformers(with_weights_of(self.weights.plain), static)

    def peer_gpt_fast(self, int8: bool) -> Generate:
        from peers_gpt_fast import gpt_fast

        if self.gpt_fast is None:
            raise LeftOutError("no checkout was given (--gpt-fast)")
        return gpt_fast(self.gpt_fast, self.weights.merged, int8, self.room)

    def triton(self, model: str) -> Generate:
        if not has_triton(self.device):
            raise LeftOutError("our kernels need a GPU and Triton")
        return self.compiled(with_our_kernels(getattr(self.weights, model)))


class LeftOutError(Exception):
    """A contender that cannot be had here; the message says why."""


def has_triton(device: torch.device) -> bool:
    return device.type == "cuda" and importlib.util.find_spec("triton") is not None


def contenders(bench: Bench, kept: dict[str, list[int]]) -> dict[str, Callable[[], Generate]]:
    """Name -> how to make it; the most important first."""
    weights = bench.weights
    return {
        "baseline": bench.eager,
        "compile": lambda: bench.compiled(weights.plain),
        "gpt-fast compile": lambda: bench.peer_gpt_fast(int8=False),
        "int8 + fuse + triton": lambda: bench.triton("int8"),
        "int4 + fuse + triton": lambda: bench.triton("int4"),
        "compile + fuse": lambda: bench.compiled(weights.merged),
        "compile + fuse + triton": lambda: bench.triton("merged"),
        "int8 + fuse": lambda: bench.compiled(weights.int8),
        "int4 + fuse": lambda: bench.compiled(packed(weights.int4)),
        "transformers": lambda: bench.transformers(static=False),
        "transformers compile": lambda: bench.transformers(static=True),
        "gpt-fast int8": lambda: bench.peer_gpt_fast(int8=True),
        "prompt lookup": lambda: bench.lookup(kept["prompt lookup"]),
        "self-draft": lambda: bench.self_draft(kept["self-draft"]),
    }


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


@dataclass(frozen=True)
class Target:
    """A figure that is wanted, and what was measured; None where it was not."""

    name: str
    least: float
    value: float | None

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "not measured"
        return "met" if self.value >= self.least else "not met"


def ratio(a: float | None, b: float | None) -> float | None:
    return a / b if a and b else None


def targets(
    speed: dict[str, float], bytes_per_pass: int, copy_gb: float, ttft: dict[str, Any]
) -> list[Target]:
    def best(*names: str) -> float | None:
        return max((speed[name] for name in names if name in speed), default=None)

    bf16 = best("compile", "compile + fuse", "compile + fuse + triton")
    int8 = best("int8 + fuse", "int8 + fuse + triton")
    int4 = best("int4 + fuse", "int4 + fuse + triton")
    read = bf16 * bytes_per_pass / machine.GB if bf16 else None
    found = [
        Target("compile against gpt-fast's", 1.05, ratio(bf16, speed.get("gpt-fast compile"))),
        Target("compile, share of copy bandwidth", 0.80, ratio(read, copy_gb)),
        Target("int8 against bf16", 1.7, ratio(int8, bf16)),
        Target("int4 against bf16", 2.6, ratio(int4, bf16)),
        Target("best against baseline", 10.0, ratio(best(*OURS), speed.get("baseline"))),
    ]
    for length, medians in ttft.items():
        if isinstance(medians, dict):
            ours = [
                medians[name]["median"] for name in ("ours", "ours compiled") if name in medians
            ]
            theirs = medians.get("transformers", {}).get("median")
            faster = ratio(theirs, min(ours, default=None))
            found.append(Target(f"TTFT of {length} tokens, transformers' over ours", 1.0, faster))
    return found


OURS = (
    "compile",
    "compile + fuse",
    "compile + fuse + triton",
    "int8 + fuse",
    "int8 + fuse + triton",
    "int4 + fuse",
    "int4 + fuse + triton",
)  # speculation is no target on text that means nothing


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
