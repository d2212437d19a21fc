"""Settings to Result: the only place where a stopwatch runs.

What is timed, the same for every stage:

* The warm-up is never counted: one short generation, whose time is the compile time where there is
  anything to compile, then one of full length.
* TTFT runs from the prompt, as token ids on the host, to the first new token on the host: prefill.
* Decode runs from there to the last new token. ``tokens/s`` is (new tokens - 1) / decode seconds.
* A GPU is waited for at each of the three moments.
"""

from __future__ import annotations

import datetime
import socket
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import torch

from workshop.llm.compile import cuda_graphs_skipped, graph_breaks, graphs_compiled
from workshop.llm.ranks import parallel
from workshop.llm.sampling import Sampler
from workshop.llm.speculation.lookahead import Lookahead, by_position
from workshop.record.results import Continuation, Reference, Result, Sample, spread, with_samples
from workshop.record.runlog import RunLog
from workshop.runner import failure, machine, provenance, quality
from workshop.runner.assemble import Engine, Place, assemble
from workshop.runner.plugged import plugged
from workshop.runner.ranks.group import announced
from workshop.runner.ranks.lifeline import Lifeline
from workshop.stages import BASELINE, compose, find_stage, variant
from workshop.stages.settings import Settings

WARM_UP_TOKENS = 16
REFERENCE_SAMPLES = 3
REFERENCE_TOKENS = 64
# Between the seeds of two sequences of a batch: more than there are samples. A power of two would
# not do: torch's generator on a CPU takes the lower 32 bits of a seed.
SEEDS_APART = 1_000_003


def measure(
    settings: Settings, place: Place, log: RunLog, others: Lifeline | None = None
) -> Result:
    """Run a stage; every rank of a job calls it, and the record of rank 0 is the job's.

    Never raises for what goes wrong in the run: the record then says so, and keeps the samples
    that were finished.
    """
    name, bf16 = machine.device_name(place.device), machine.has_bfloat16(place.device)
    dtype, unlike = machine.usable_dtype(settings.dtype, name, bf16)
    settings = replace(settings, dtype=dtype)
    result = unmeasured(settings, place)
    log.start(result)
    if unlike:
        log.warn(unlike)
        result = replace(result, warnings=[unlike])
    samples: list[Sample] = []
    if others is not None:
        others.last_words = lambda lost: log.finish(
            ended_by(lost, with_samples(result, samples), log)
        )
    try:
        with torch.inference_mode(), plugged(settings.exercise) as theirs:
            if theirs:
                log.tell(theirs)
            result = run(settings, place, log, result, samples)
        result = replace(with_samples(result, samples), status="ok")
    except (Exception, KeyboardInterrupt) as error:
        result = ended_by(error, with_samples(result, samples), log, others)
    finish(result, log, others)
    return result


def finish(result: Result, log: RunLog, others: Lifeline | None) -> None:
    """Write the record, where that is for this rank and this thread to do."""
    if others is not None:
        others.claim_last_word()
        if not others.reports_end():
            return
    log.finish(result)


def no_run(
    settings: Settings, error: BaseException, log: RunLog, others: Lifeline | None = None
) -> Result:
    """The record of a run that came to nothing before it began."""
    result = unmeasured(settings, Place(torch.device("cpu"), log.rank, settings.ranks))
    nowhere = replace(result, device=None, threads=None, cache_bytes=None)
    result = ended_by(error, nowhere, log, others)
    finish(result, log, others)
    return result


def ended_by(
    error: BaseException, result: Result, log: RunLog, others: Lifeline | None = None
) -> Result:
    """The record with the reason, which the other ranks hear as well.

    The log gets a traceback of what the user cannot mend.
    """
    why = announced(error, others)
    if not why.expected:
        log.say(failure.whole_traceback(error))
    return replace(
        result,
        status="incomplete" if result.samples else "failed",
        reason=why.reason,
        advice=why.advice,
    )


def unmeasured(settings: Settings, place: Place) -> Result:
    """The record of a run that has just begun."""
    stage = find_stage(settings.stage)
    return Result(
        stage=stage.name,
        status="incomplete",
        against=stage.against,
        change=stage.summary,
        settings=settings,
        model=settings.model,
        dtype=settings.dtype,
        batch_size=compose.sequences(settings),
        device=machine.device_name(place.device),
        threads=torch.get_num_threads() if place.device.type == "cpu" else None,
        cache_bytes=machine.cache_bytes(place.device),
        world_size=place.ranks,
        host=socket.gethostname(),
        user=provenance.user(),
        started=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        versions=provenance.versions(),
        slurm=provenance.slurm_job(),
    )


def run(
    settings: Settings, place: Place, log: RunLog, result: Result, samples: list[Sample]
) -> Result:
    """Load, warm up, take the samples (appended to ``samples`` as they come)."""
    warning = machine.busy_warning(place.ranks)
    if warning:
        log.warn(warning)
        result = replace(result, warnings=[*result.warnings, warning])
    log.tell("Loading model ...")
    started = time.perf_counter()
    engine = assemble(settings, place)
    load_seconds = time.perf_counter() - started
    log.tell(f"Time to load model: {load_seconds:.2f} seconds")

    compile_seconds = warm_up(settings, place, engine)
    if settings.compile:
        log.tell(f"Compilation time: {compile_seconds:.2f} seconds")
    if cuda_graphs_skipped():
        skipped = "a compiled step runs without CUDA graphs: TORCH_LOGS=cudagraphs tells why"
        log.warn(skipped)
        result = replace(result, warnings=[*result.warnings, skipped])
    graphs = graphs_compiled()
    ceiling = machine.read_bandwidth(place.device, engine.model_bytes)
    machine.forget_peak(place.device)
    result = replace(
        result,
        load_seconds=load_seconds,
        compile_seconds=compile_seconds if settings.compile else None,
        prompt_tokens=max(map(len, engine.prompts)),
        prompt_ids=engine.prompts[0],
        model_parameters=engine.parameters,
        model_bytes=engine.model_bytes,
        draft_parameters=engine.draft_parameters,
        draft_bytes=engine.draft_bytes,
        device_bandwidth_gb_per_second=ceiling.gb_per_second,
        device_bandwidth_source=ceiling.source,
    )
    for i in range(settings.samples):
        sample = take_sample(settings, place, engine, engine.prompts, settings.seed + i)
        samples.append(sample)
        log.sample(i, sample, achieved(engine, sample))
    result = with_bandwidth(result, [achieved(engine, s) for s in samples if s.decode_seconds > 0])
    result = with_memory(result, place, engine)
    if settings.compile:
        result = replace(result, graph_breaks=graph_breaks(), recompiles=graphs_compiled() - graphs)
    result = replace(result, quality=quality.of_run(settings, place, engine))
    if is_plain_baseline(settings, place):
        result = replace(result, reference=float32_reference(settings, place))
    return result


def warm_up(settings: Settings, place: Place, engine: Engine) -> float:
    """Compile whatever will be needed, then run once as the samples will; seconds of the first."""
    first = replace(settings, new_tokens=min(WARM_UP_TOKENS, settings.new_tokens))
    started = time.perf_counter()
    take_sample(first, place, engine, engine.prompts, settings.seed)
    for generate in engine.adaptive_variants:
        once = replace(engine, generate=generate, lookahead=None)
        take_sample(first, place, once, engine.prompts, settings.seed)
    seconds = time.perf_counter() - started
    take_sample(settings, place, engine, engine.prompts, settings.seed)
    return seconds


def take_sample(
    settings: Settings, place: Place, engine: Engine, prompts: list[list[int]], seed: int
) -> Sample:
    """One generation from ``prompts``, side by side, timed."""
    samplers = [
        Sampler(
            settings.temperature,
            engine.model.config.vocab,
            seed + i * SEEDS_APART,
            place.device,
            settings.top_k,
            settings.top_p,
        )
        for i in range(len(prompts))
    ]
    machine.synchronise(place.device)
    start = time.perf_counter()
    parts = engine.generate(prompts, settings.new_tokens, samplers)
    read = [next(parts)]
    first = time.perf_counter()
    read += until(parts, engine.stop, read[0])
    machine.synchronise(place.device)
    end = time.perf_counter()
    sequences = [
        cut(list(chain.from_iterable(rows)), settings.new_tokens, engine.stop)
        for rows in zip(*read, strict=True)
    ]
    texts = [engine.tokenizer.decode(tokens) for tokens in sequences]
    sample = Sample(
        ttft_seconds=first - start,
        decode_seconds=end - first,
        tokens=sequences[0],
        text=texts[0],
        beside=[Continuation(*other) for other in zip(sequences[1:], texts[1:], strict=True)],
    )
    accepted = [len(rows[0]) - 1 for rows in read[1:]]  # guesses, pass by pass
    return with_guesses(sample, engine.lookahead, accepted) if engine.lookahead else sample


def with_guesses(sample: Sample, lookahead: Lookahead, accepted: list[int]) -> Sample:
    """The sample with what speculation did; ``accepted``: how many guesses each pass accepted."""
    return replace(
        sample,
        verify_passes=len(accepted),
        accepted=sum(accepted),
        proposed_by_position=by_position(lookahead.guessed(accepted)),
        accepted_by_position=by_position(accepted),
    )


def until(
    parts: Iterator[list[list[int]]], stop: frozenset[int], first: list[list[int]]
) -> Iterator[list[list[int]]]:
    """Parts, a row for each sequence, up to and with the one in which the last of them stops.

    A sequence stops at a token of ``stop``; ``first`` is the part before these.
    """
    going = [i for i, row in enumerate(first) if stop.isdisjoint(row)]
    while going and (new := next(parts, None)) is not None:
        yield new
        going = [i for i in going if stop.isdisjoint(new[i])]


def cut(tokens: list[int], most: int, stop: frozenset[int]) -> list[int]:
    """The first ``most`` tokens, and nothing after the first that is in ``stop``."""
    tokens = tokens[:most]
    end = next((i for i, token in enumerate(tokens) if token in stop), len(tokens))
    return tokens[: end + 1]


def achieved(engine: Engine, sample: Sample) -> float:
    """GB/s of weights read in decode, over all ranks: what was really read, pass by pass.

    A pass of the verifier that keeps several tokens has read the weights once. Keys and values are
    left out, as gpt-fast does: at these lengths they are a few percent. So has one that gives a
    token to each sequence of a batch; and passes in one graph all run, also past the last token.
    """
    passes = sample.verify_passes
    if passes is None:
        calls = -(-(max(sample.lengths) - 1) // engine.at_once)
        passes = calls * engine.at_once
    read = passes * engine.bytes_per_pass + (sample.proposed or 0) * engine.bytes_per_guess
    return read / sample.decode_seconds / machine.GB


def with_bandwidth(result: Result, values: list[float]) -> Result:
    """The record with the bandwidth achieved, GB/s, and MBU: achieved over measured."""
    mean = statistics.fmean(values) if values else None
    ceiling = result.device_bandwidth_gb_per_second
    return replace(
        result,
        bandwidth_gb_per_second=mean,
        bandwidth_std=spread(values),
        mbu=mean / ceiling if mean is not None and ceiling else None,
    )


def with_memory(result: Result, place: Place, engine: Engine) -> Result:
    """The record with the memory of the job, summed over the ranks.

    On a GPU, the allocator's peak in the samples. On a CPU, the process's peak would be mostly
    Python and compiler, so weights and full KV caches are counted, and the peak is kept beside.
    """
    peak = machine.peak_gpu_memory(place.device)
    if peak is not None:
        gb, kind = parallel.total(peak[0] / machine.GB, place.device), peak[1]
    else:
        gb, kind = engine.memory_bytes / machine.GB, "weights and KV cache"
    return replace(
        result,
        memory_gb=gb,
        memory_kind=kind,
        peak_rss_gb=parallel.total(machine.peak_rss_gb(), place.device),
    )


def is_plain_baseline(settings: Settings, place: Place) -> bool:
    return (
        settings.stage == BASELINE
        and place.device.type == "cpu"
        and settings.dtype == "bfloat16"
        and not variant(settings)
        and settings.new_tokens > 1
    )


def float32_reference(settings: Settings, place: Place) -> Reference:
    """The same in fp32, on a CPU: without it, bf16 can flatter every later ratio.

    A CPU may emulate bf16, and at a few million parameters eager fp32 can be the faster of the two.
    It is a look beside the run, so a few short samples do.
    """
    settings = replace(
        settings,
        dtype="float32",
        samples=min(settings.samples, REFERENCE_SAMPLES),
        new_tokens=min(settings.new_tokens, REFERENCE_TOKENS),
    )
    engine = assemble(settings, place)
    warm_up(settings, place, engine)
    samples = [
        take_sample(settings, place, engine, engine.prompts, settings.seed + i)
        for i in range(settings.samples)
    ]
    speeds = [s.tokens_per_second for s in samples if s.tokens_per_second is not None]
    return Reference(
        label="baseline in float32",
        tokens_per_second=statistics.fmean(speeds),
        tokens_per_second_std=spread(speeds),
        samples=speeds,
    )
