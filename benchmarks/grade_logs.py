"""Job logs of people who do not exist, made of one real run: its samples, each a little longer or

shorter, and all that follows from them worked out again, as it would be in a log of theirs.
"""

from __future__ import annotations

import io
import random
import statistics
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from workshop.record.readers import read_logs
from workshop.record.results import Result, Sample, SlurmJob, with_samples
from workshop.record.runlog import RunLog

REAL = Path(__file__).parents[1] / "plots" / "logs"
MACHINES = (0.75, 1.3)  # how much slower or faster than the real one somebody's node is
STEADY = 0.03  # how far its samples differ from what that makes them


@dataclass(frozen=True)
class Owner:
    """Whose log it is to be."""

    account: str
    node: str
    job: int
    started: datetime


def real_runs() -> dict[str, Result]:
    """The run by stage."""
    paths = sorted(REAL.glob("job-*.out"))
    return {one.result.stage: one.result for one in read_logs(paths) if one.result.stage}


def logs_of(owner: Owner, stages: tuple[str, ...], rng: random.Random) -> dict[str, bytes]:
    """A log of each stage by its file's name, all from one machine."""
    runs = real_runs()
    slower = 1 / rng.uniform(*MACHINES)
    found = {}
    for i, stage in enumerate(stages):
        job = owner.job + i
        when = owner.started + timedelta(minutes=3 * i)
        run = rerun(runs[stage], slower, rng)
        run = replace(
            run,
            user=owner.account,
            host=owner.node,
            started=when.isoformat(timespec="seconds"),
            slurm=SlurmJob(str(job), f"job-{stage}", "gpu", owner.node),
        )
        found[f"job-{stage}-{job}.out"] = written(run).encode()
    return found


def rerun(run: Result, slower: float, rng: random.Random) -> Result:
    """The run on a machine that takes ``slower`` times as long, with other samples."""

    def longer(sample: Sample) -> Sample:
        by = slower * rng.uniform(1 - STEADY, 1 + STEADY)
        return replace(
            sample,
            ttft_seconds=sample.ttft_seconds * by,
            decode_seconds=sample.decode_seconds * by,
        )

    before = with_samples(run, run.samples)
    after = with_samples(run, [longer(sample) for sample in run.samples])
    pairs = enumerate(zip(before.samples, after.samples, strict=True))
    read = [
        bandwidth_of(before, old.decode_seconds / new.decode_seconds, i) for i, (old, new) in pairs
    ]
    device = (run.device_bandwidth_gb_per_second or 0.0) / slower
    reference = run.reference and replace(
        run.reference,
        samples=[speed / slower for speed in run.reference.samples],
        tokens_per_second=run.reference.tokens_per_second / slower,
        tokens_per_second_std=(run.reference.tokens_per_second_std or 0.0) / slower,
    )
    return replace(
        after,
        bandwidth_gb_per_second=statistics.fmean(read),
        bandwidth_std=statistics.stdev(read),
        device_bandwidth_gb_per_second=device,
        mbu=statistics.fmean(read) / device,
        reference=reference,
    )


def bandwidth_of(run: Result, faster: float, index: int) -> float:
    """GB/s of a sample that is so much faster: its bytes are the run's, pass by pass."""
    passes = [sample.verify_passes or len(sample.tokens) - 1 for sample in run.samples]
    rates = [n / s.decode_seconds for n, s in zip(passes, run.samples, strict=True)]
    a_pass = (run.bandwidth_gb_per_second or 0.0) / statistics.fmean(rates)
    return a_pass * rates[index] * faster


def written(run: Result, claimed: float = 1.0) -> str:
    """The log of a run; with ``claimed``, its averages say that many times what was measured."""
    out = io.StringIO()
    log = RunLog(out)
    log.start(run)
    for i, sample in enumerate(run.samples):
        log.sample(i, sample, bandwidth_of(run, 1.0, i))
    speed = (run.tokens_per_second or 0.0) * claimed
    log.finish(replace(run, tokens_per_second=speed) if claimed != 1.0 else run)
    return out.getvalue()


def embellished(log: bytes, by: float) -> bytes:
    """A log whose average has been edited, and nothing that it follows from."""
    (run,) = [one for one in read_back(log) if one.stage]
    return written(run, by).encode()


def read_back(log: bytes) -> list[Result]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "job.out"
        path.write_bytes(log)
        return [one.result for one in read_logs([path])]
