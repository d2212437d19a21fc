"""Running the parts, one after the other, and keeping what they say."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from quoted import stamp
from quoted.code import files
from quoted.host import this_host
from quoted.parts import Part
from quoted.places import BENCHMARKS, LOGS, RESULTS, ROOT


class MeasuringError(RuntimeError):
    """A part that cannot be measured now: a sentence with what to do about it."""


def measure(parts: Sequence[Part], busy: bool, changed: bool) -> None:
    """Measure these parts; what each says is kept as soon as it is there.

    Args:
        busy: also while other processes use the processors.
        changed: also with changes that are not committed.

    Raises:
        MeasuringError: one of both, without leave; or a command that failed.
    """
    RESULTS.mkdir(parents=True, exist_ok=True)
    commits = {part.name: commit_of(part, changed) for part in parts}
    for part in parts:
        others = others_at_work(busy) if part.timed else None
        say(f"{part.name}: {part.words}")
        for one in part.left_out:
            say(f"  left out: {one}")
        started = time.monotonic()
        measure_one(part)
        seconds = time.monotonic() - started
        say(f"  done after {seconds:.0f} s")
        import torch

        made = stamp.Stamp(
            commit=commits[part.name],
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
            command=without_paths(part.words),
            speed_hash=stamp.speed_hash(part),
            torch=str(torch.__version__).partition("+")[0],
            host=this_host(),
            seconds=round(seconds, 1),
            busy=others,
            left_out=part.left_out,
        )
        stamp.write({**stamp.read(), part.name: made})


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def without_paths(command: str) -> str:
    """The command without this machine's directories."""
    return command.replace(os.environ.get("GPT_FAST") or "\0", "CHECKOUT")


def others_at_work(allowed: bool) -> str | None:
    """Who else uses the processors; raises MeasuringError where that is not allowed."""
    from workshop.runner.machine import busy_warning

    told = busy_warning()
    if told and not allowed:
        raise MeasuringError(f"{told}, or measure nevertheless with --busy, and the docs say so")
    if told:
        say(f"  Warning: {told}")
    return told


def commit_of(part: Part, changed: bool) -> str:
    """The commit that a part is measured at.

    Raises:
        MeasuringError: what its figures depend on is changed, or in no repository.
    """
    head = git("rev-parse", f"--short={stamp.COMMIT}", "HEAD")
    paths = sorted(
        {
            str(file.relative_to(ROOT))
            for pattern in part.sources
            if not pattern.startswith(("!", "="))  # neither what is left out nor a value
            for file in files(ROOT, pattern.partition(":")[0])
        }
    )
    told = [line[3:] for line in git("status", "--porcelain", "--", *paths).splitlines()]
    if told and not changed:
        raise MeasuringError(
            f"{', '.join(told)}: changed and not committed, so no commit names what would be "
            f"measured by {part.name}: commit first, or try it out with --changed"
        )
    return f"{head}+" if told else head


def git(*words: str) -> str:
    """What git answers; raises MeasuringError."""
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True)
    if done.returncode:
        raise MeasuringError(f"git {words[0]}: {done.stderr.strip()}")
    return done.stdout.rstrip("\n")


def measure_one(part: Part) -> None:
    """Run a part, and put what it says in its place; raises MeasuringError."""
    with tempfile.TemporaryDirectory(prefix="workshop-figures-") as folder:
        if not part.script:
            run_demo(Path(folder))
            return
        result = Path(folder) / f"{part.name}.json"
        command = [sys.executable, str(BENCHMARKS / part.script), *part.arguments]
        run([*command, "-o", str(result)], dict(os.environ))
        shutil.copyfile(result, RESULTS / result.name)


def run_demo(folder: Path) -> None:
    """The demo twice: with nothing compiled, for its time; then again, for its logs.

    Everything that is compiled, headers included, goes into a folder of its own.
    """
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "TMPDIR": str(folder)}
    environment.pop("TORCHINDUCTOR_CACHE_DIR", None)
    seconds = {}
    for kind in ("cold", "warm"):
        logs = folder / kind
        started = time.monotonic()
        command = [sys.executable, "-m", "workshop", "demo", "--output-dir", str(logs)]
        run(command, environment)
        seconds[f"{kind}_seconds"] = round(time.monotonic() - started, 1)
        say(f"  {kind}: {seconds[f'{kind}_seconds']:.0f} s")
    LOGS.mkdir(parents=True, exist_ok=True)
    for old in LOGS.glob("job-*.out"):
        old.unlink()
    for log in sorted((folder / "warm").glob("job-*.out")):
        stage = log.stem.removeprefix("job-").rpartition("-")[0]
        shutil.copyfile(log, LOGS / f"job-{stage}.out")
    (RESULTS / "demo.json").write_text(json.dumps(seconds, indent=1) + "\n", "utf-8")


def run(command: list[str], environment: dict[str, str]) -> None:
    """Run to the end, its output on standard error; raises MeasuringError where it fails."""
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr, check=False)
    if done.returncode:
        words = " ".join(command)
        raise MeasuringError(f"{words} ended with exit code {done.returncode}: nothing was changed")
