"""A one-minute job that tells what a compute node has: Python, torch, GPUs, a compiler, a cache."""

from __future__ import annotations

import dataclasses
import os
import platform
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workshop.slurm.cluster.description import Cluster
from workshop.slurm.doctor.finding import Finding, counted
from workshop.slurm.job.request import Request

MINUTES = 1
LONGEST_WAIT = 300  # seconds, in the queue and running


@dataclass(frozen=True)
class Facts:
    """What was found on a node; None for what is not there."""

    host: str
    python: str
    torch: str | None
    torch_error: str | None
    built_for: str | None
    gpus: tuple[str, ...]
    compiler: str | None
    cache: str
    cache_writable: bool


def look_around() -> Facts:
    """What the job runs."""
    from workshop.runner import compile_cache

    cache = compile_cache.keep()
    version, built_for, error = None, None, None
    gpus: tuple[str, ...] = ()
    try:
        import torch

        version = str(torch.__version__)
        built_for = f"CUDA {torch.version.cuda}" if torch.version.cuda else None
        built_for = f"ROCm {torch.version.hip}" if torch.version.hip else built_for
        gpus = tuple(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
    except Exception as problem:
        error = f"{type(problem).__name__}: {problem}".splitlines()[0]
    compiler = os.environ.get("CXX") or "g++"
    return Facts(
        host=socket.gethostname(),
        python=platform.python_version(),
        torch=version,
        torch_error=error,
        built_for=built_for,
        gpus=gpus,
        compiler=shutil.which(compiler),
        cache=str(cache or compile_cache.usual_place()),
        cache_writable=cache is not None and os.access(cache, os.W_OK),
    )


def about_node(facts: Facts, gpus_wanted: int) -> list[Finding]:
    """What the facts mean."""
    findings = []
    if facts.torch is None:
        findings.append(
            Finding(
                "problem",
                f"Python {facts.python} on {facts.host} cannot import torch ({facts.torch_error})",
                "every stage is made of it",
                "see environment.modules and environment.python in the cluster's description",
            )
        )
        return findings
    built = f", built for {facts.built_for}" if facts.built_for else ", built for CPUs only"
    findings.append(
        Finding(
            "ok",
            f"torch {facts.torch}{built}, is there on {facts.host}",
            "every stage is made of it",
        )
    )
    why = "without a GPU, a stage runs on the CPU, many times slower"
    if len(facts.gpus) < gpus_wanted:
        todo = (
            "install a torch that is built for this node's GPUs"
            if facts.built_for is None
            else "see that the request asks for GPUs (gpus.request) and that the driver is loaded"
        )
        seen = len(facts.gpus)
        what = (
            f"torch sees {counted(seen, 'GPU')} on {facts.host}, and the job that looked "
            f"there asked for {gpus_wanted}"
        )
        findings.append(Finding("warning", what, why, todo))
    else:
        named = ", ".join(facts.gpus) or "none, and none was asked for"
        findings.append(Finding("ok", f"its GPUs: {named}", why))
    if facts.compiler is None and not facts.gpus:
        findings.append(
            Finding(
                "warning",
                f"there is no C++ compiler on {facts.host}",
                "torch.compile needs one on a CPU",
                "load one in environment.modules, as GCC",
            )
        )
    if not facts.cache_writable:
        findings.append(
            Finding(
                "warning",
                f"{facts.cache} cannot be written on {facts.host}",
                "compiled graphs are kept there for the next job",
                "set paths.cache in the cluster's description to a disk of the node, as "
                "/tmp/workshop-$USER",
            )
        )
    return findings


def send(
    request: Request,
    cluster: Cluster,
    folder: Path,
    say: Callable[[str], None],
    patience: float = LONGEST_WAIT,
) -> list[Finding]:
    """Submit ``look_around``, wait for it, and give what it found; it is cancelled if that lasts.

    Args:
        folder: an empty directory that the node sees as well.
        say: hears what is going on.

    Raises:
        SubmitError: Slurm did not take the job.
    """
    from workshop.slurm.job.submit import executor_of, submitting

    small = dataclasses.replace(
        request,
        stage="base",
        job_name="workshop-doctor",
        output=f"{str(folder).replace('%', '%%')}/%j.out",
        nodes=1,
        tasks_per_node=1,
        gpus_per_node=min(1, request.gpus_per_node),
        time=MINUTES,
        array=None,
        dependency=None,
        requeue=False,
        signal=False,
        extra={},
    )
    with submitting(small):
        job = executor_of(small, cluster, folder).submit(look_around)
    say(f"job {job.job_id} looks at a compute node; waiting for it ...")
    deadline = time.monotonic() + patience
    try:
        while not job.done(force_check=True) and time.monotonic() < deadline:
            time.sleep(1)
        if not job.done(force_check=True):
            return [still_waiting(job)]
        return about_node(job.result(), small.gpus_per_node)
    except Exception as error:
        return [came_to_nothing(job, error)]
    finally:
        if not job.done():
            job.cancel(check=False)


def still_waiting(job: Any) -> Finding:
    from workshop.slurm.queue import reasons, squeue

    state = squeue.states([job.job_id])[job.job_id]
    why = "it has ended" if state.ended else reasons.standing(state)[0]
    return Finding(
        "warning",
        f"the job that was to look at a node did not get there: {why}",
        "a stage will wait as long",
        "look again later, or use the class's --reservation",
    )


def came_to_nothing(job: Any, error: Exception) -> Finding:
    """The reason from the job's log; from submitit's exception if the log tells none."""
    from workshop.record.readers.ours import read_log

    lines = str(error).strip().splitlines()
    reason, advice = lines[0] if lines else type(error).__name__, None
    try:
        result = read_log(Path(job.paths.stdout))[-1]
        reason, advice = result.reason or reason, result.advice
    except (OSError, ValueError):
        pass
    return Finding("problem", f"on the node, {reason}", "a stage would end the same way", advice)
