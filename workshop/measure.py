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

import torch

from workshop import failure, machine, provenance
from workshop.assemble import Engine, Place, assemble
from workshop.llm import parallel
from workshop.llm.compile import graph_breaks, graphs_compiled
from workshop.llm.sampling import Sampler
from workshop.results import Reference, Result, Sample, spread, with_samples
from workshop.runlog import RunLog
from workshop.stages import BASELINE, Settings, find_stage, variant

WARM_UP_TOKENS = 16


def measure(settings: Settings, place: Place, log: RunLog) -> Result:
    """Run a stage; every rank of a job calls it, and the record of rank 0 is the job's.

    Never raises for what goes wrong in the run: the record then says so, and keeps the samples
    that were finished.
    """
    result = unmeasured(settings, place)
    log.start(result)
    samples: list[Sample] = []
    try:
        with torch.inference_mode():
            result = run(settings, place, log, result, samples)
        result = replace(with_samples(result, samples), status="ok")
    except (Exception, KeyboardInterrupt) as error:
        result = ended_by(error, with_samples(result, samples), log)
    log.finish(result)
    return result


def no_run(settings: Settings, error: Exception, log: RunLog) -> Result:
    """The record of a run that came to nothing before it began."""
    result = unmeasured(settings, Place(torch.device("cpu"), log.rank, settings.ranks))
    result = ended_by(error, replace(result, device=None, threads=None), log)
    log.finish(result)
    return result


def ended_by(error: BaseException, result: Result, log: RunLog) -> Result:
    """The record with the reason; the log gets a traceback where it is not the user's to mend."""
    why = failure.explain(error)
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
        batch_size=1,
        device=machine.device_name(place.device),
        threads=torch.get_num_threads() if place.device.type == "cpu" else None,
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
    graphs = graphs_compiled()
    ceiling = machine.read_bandwidth(place.device, engine.model_bytes)
    result = replace(
        result,
        load_seconds=load_seconds,
        compile_seconds=compile_seconds if settings.compile else None,
        prompt_tokens=len(engine.prompt),
        prompt_ids=engine.prompt,
        model_parameters=engine.parameters,
        model_bytes=engine.model_bytes,
        draft_parameters=engine.draft_parameters,
        draft_bytes=engine.draft_bytes,
        device_bandwidth_gb_per_second=ceiling.gb_per_second,
        device_bandwidth_source=ceiling.source,
    )
    for i in range(settings.samples):
        sample = take_sample(settings, place, engine, engine.prompt, settings.seed + i)
        samples.append(sample)
        log.sample(i, sample, achieved(engine, sample))
    result = with_bandwidth(result, [achieved(engine, s) for s in samples if s.decode_seconds > 0])
    result = with_memory(result, place, engine)
    if settings.compile:
        result = replace(result, graph_breaks=graph_breaks(), recompiles=graphs_compiled() - graphs)
    if is_plain_baseline(settings, place):
        result = replace(result, reference=float32_reference(settings, place))
    return result


def warm_up(settings: Settings, place: Place, engine: Engine) -> float:
    """Compile whatever will be needed, then run once as the samples will; seconds of the first."""
    first = replace(settings, new_tokens=min(WARM_UP_TOKENS, settings.new_tokens))
    started = time.perf_counter()
    take_sample(first, place, engine, engine.prompt, settings.seed)
    seconds = time.perf_counter() - started
    take_sample(settings, place, engine, engine.prompt, settings.seed)
    return seconds


def take_sample(
    settings: Settings, place: Place, engine: Engine, prompt: list[int], seed: int
) -> Sample:
    """One generation from ``prompt``, timed."""
    sampler = Sampler(settings.temperature, engine.model.config.vocab, seed, place.device)
    tokens: list[int] = []
    passes, accepted = 0, 0
    machine.synchronise(place.device)
    start = time.perf_counter()
    parts = engine.generate(prompt, settings.new_tokens, sampler)
    tokens += next(parts)
    first = time.perf_counter()
    for new in until(parts, engine.stop, tokens):
        passes += 1
        accepted += len(new) - 1
        tokens += new
    machine.synchronise(place.device)
    end = time.perf_counter()
    speculated = settings.speculate != "none"
    return Sample(
        ttft_seconds=first - start,
        decode_seconds=end - first,
        tokens=kept(tokens, settings.new_tokens, engine.stop),
        text=engine.tokenizer.decode(kept(tokens, settings.new_tokens, engine.stop)),
        verify_passes=passes if speculated else None,
        accepted=accepted if speculated else None,
    )


def until(parts: Iterator[list[int]], stop: int | None, tokens: list[int]) -> Iterator[list[int]]:
    """Parts up to and with the one that holds ``stop``."""
    if stop in tokens:
        return
    for new in parts:
        yield new
        if stop in new:
            return


def kept(tokens: list[int], most: int, stop: int | None) -> list[int]:
    """The first ``most`` tokens, and nothing after ``stop``."""
    tokens = tokens[:most]
    return tokens[: tokens.index(stop) + 1] if stop in tokens else tokens


def achieved(engine: Engine, sample: Sample) -> float:
    """GB/s of weights read in decode, over all ranks: what was really read, pass by pass.

    A pass of the verifier that keeps several tokens has read the weights once. Keys and values are
    left out, as gpt-fast does: at these lengths they are a few percent.
    """
    passes = sample.verify_passes
    if passes is None:
        passes = len(sample.tokens) - 1
    return passes * engine.bytes_per_pass / sample.decode_seconds / machine.GB


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

    On a GPU, the allocator's peak. On a CPU, the process's peak would be mostly Python and
    compiler, so weights and full KV caches are counted, and the peak is kept beside.
    """
    if place.device.type == "cuda":
        peak = torch.cuda.max_memory_reserved(place.device) / machine.GB
        gb, kind = parallel.total(peak, place.device), "peak reserved on the GPU"
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
    """
    settings = replace(settings, dtype="float32")
    engine = assemble(settings, place)
    warm_up(settings, place, engine)
    samples = [
        take_sample(settings, place, engine, engine.prompt, settings.seed + i)
        for i in range(settings.samples)
    ]
    speeds = [s.tokens_per_second for s in samples if s.tokens_per_second is not None]
    return Reference(
        label="baseline in float32",
        tokens_per_second=statistics.fmean(speeds),
        tokens_per_second_std=spread(speeds),
        samples=speeds,
    )
