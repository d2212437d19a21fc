"""Job logs for tests of evidence: real ones, as they are or with something in them changed."""

from __future__ import annotations

import io
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from builders import result

from workshop.grading.evidence import Log, examine, logs_below
from workshop.grading.evidence.accounting import Ask
from workshop.grading.records import Finding, Participant, Severity
from workshop.record.readers.ours import read_log
from workshop.record.results import PREFIX, Result, Sample, SlurmJob, spread, to_json, with_samples
from workshop.record.runlog import RunLog

A100 = "NVIDIA A100-SXM4-80GB"
# A real run of the demo, of the embedded model as it is stored: what tests say of it stays true.
REAL = Path(__file__).parent / "demo_logs"
ANN = Participant("ann", "Ann Example", account="ann")

Change = Callable[[Result], Result]


def path_of(stage: str) -> Path:
    return REAL / f"job-{stage}.out"


def record_of(stage: str) -> Result:
    (found,) = read_log(path_of(stage))
    return found


def record_changed(stage: str, change: Change) -> str:
    """The real log with another record: what somebody edits who edits one line."""
    lines = path_of(stage).read_text().splitlines()
    new = PREFIX + to_json(change(record_of(stage)))
    return "\n".join([new if line.startswith(PREFIX) else line for line in lines]) + "\n"


def rewritten(record: Result) -> str:
    """A log as a run with this record would have written it: what a careful editor makes."""
    out = io.StringIO()
    log = RunLog(out)
    log.start(record)
    if record.load_seconds is not None:
        log.tell(f"Time to load model: {record.load_seconds:.2f} seconds")
    if record.compile_seconds is not None:
        log.tell(f"Compilation time: {record.compile_seconds:.2f} seconds")
    for i, (sample, speed) in enumerate(zip(record.samples, bandwidths(record), strict=True)):
        log.sample(i, sample, speed)
    log.finish(record)
    return out.getvalue()


def bandwidths(record: Result) -> list[float]:
    """GB/s of each sample, so that their mean is the record's."""
    rates = [
        (len(one.tokens) - 1 if one.verify_passes is None else one.verify_passes)
        / one.decode_seconds
        for one in record.samples
    ]
    scale = (record.bandwidth_gb_per_second or 0.0) / statistics.fmean(rates)
    return [scale * rate for rate in rates]


def with_times(record: Result, factors: Sequence[float]) -> Result:
    """The record with samples that took so many times as long, and all that follows from them."""

    def longer(sample: Sample, factor: float) -> Sample:
        return replace(
            sample,
            ttft_seconds=sample.ttft_seconds * factor,
            decode_seconds=sample.decode_seconds * factor,
        )

    pairs = list(zip(record.samples, factors, strict=True))
    before = bandwidths(record)
    after = [speed / factor for speed, factor in zip(before, factors, strict=True)]
    mean = statistics.fmean(after)
    return replace(
        with_samples(record, [longer(*pair) for pair in pairs]),
        bandwidth_gb_per_second=mean,
        bandwidth_std=spread(after),
        mbu=mean / (record.device_bandwidth_gb_per_second or 1.0),
    )


def faster(record: Result, times: float) -> Result:
    return with_times(record, [1 / times] * len(record.samples))


def in_job(record: Result, job: str, user: str = "ann", node: str = "sim03") -> Result:
    """The record as if it had run in a job of Slurm."""
    slurm = SlurmJob(job, f"job-{record.stage}", "gpu", node)
    return replace(record, slurm=slurm, user=user, host=node)


def logs_of(folder: Path, **texts: str | bytes) -> list[Log]:
    """Logs with these contents, by name."""
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        content = text.encode() if isinstance(text, str) else text
        (folder / f"{name}.out").write_bytes(content)
    return logs_below(folder)


def noticed(folder: Path, text: str | bytes, ask: Ask | None = None) -> list[Finding]:
    """What is noticed about one log."""
    return examine(logs_of(folder, log=text), ANN, ask)


def of(severity: Severity, findings: Sequence[Finding]) -> list[str]:
    return [one.sentence for one in findings if one.severity == severity]


def seven_billion(speed: float, **fields: Any) -> Result:
    """A run of Llama-2-7B in bf16 on an A100, of about that many tokens/s."""
    parameters = 6_738_415_616
    given: dict[str, Any] = {
        "model": "/models/llama-2-7b",
        "device": A100,
        "dtype": "bfloat16",
        "prompt_tokens": 5,
        "world_size": 1,
        "model_parameters": parameters,
        "model_bytes": 2 * parameters,
        "memory_gb": 15.0,
        "compile_seconds": 40.0,
        "device_bandwidth_gb_per_second": 1800.0,
    }
    options = {"model": "/models/llama-2-7b", "samples": 3, "new_tokens": 11}
    speeds = [speed, speed * 1.001, speed * 0.9985]
    run = result("compile", *speeds, options=options, **{**given, **fields})
    read = 2 * parameters * (run.tokens_per_second or 0.0) / 1e9
    return replace(
        run,
        bandwidth_gb_per_second=read,
        bandwidth_std=2 * parameters * (run.tokens_per_second_std or 0.0) / 1e9,
        mbu=read / (run.device_bandwidth_gb_per_second or 1.0),
    )
