"""What quantising costs, each way of it: python benchmarks/quality.py [-o FILE]

`workshop quality` for the embedded model as it is stored, quantised as it is loaded, with int8
activations, and as checkpoints that were calibrated; and how large each checkpoint is. Nothing is
timed, so a busy machine does no harm.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from workshop.runner import provenance

MODEL = "tiny:1"
WAYS = [("int8", None), ("int4", 32), ("int4", 64), ("int4", 128)]


def workshop(*words: object) -> str:
    """What a command prints; it ends this program where it fails."""
    command = [sys.executable, "-m", "workshop", *map(str, words)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with exit code {done.returncode}")
    return done.stdout


def checkpoint(
    folder: Path, method: str, group: int | None, calibrated: bool
) -> tuple[Path, float]:
    """A quantised checkpoint in ``folder``, and the MB of its weights."""
    place = folder / f"{method}-{group}-{calibrated}"
    options = ["--group-size", group] if group else []
    options += ["--calibrate", "embedded"] if calibrated else []
    workshop("quantize", MODEL, "-o", place, "--method", method, *options)
    return place, sum(one.stat().st_size for one in place.glob("*.safetensors")) / 1e6


def row(told: dict[str, Any], megabytes: float | None, calibrated: bool) -> dict[str, Any]:
    return {
        "quantize": told["quantize"],
        "group_size": told["group_size"],
        "activations": told["activations"],
        "calibrated": calibrated,
        "megabytes": megabytes,
        **told["quality"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("-o", "--output", type=Path, help="result file (JSON)")
    output = parser.parse_args().output
    rows = []
    with tempfile.TemporaryDirectory(prefix="workshop-quality-") as name:
        folder = Path(name)
        told = json.loads(workshop("quality", MODEL, "--json"))
        for (method, group), one in zip(WAYS, told, strict=True):
            rows.append(row(one, checkpoint(folder, method, group, False)[1], False))
        told = json.loads(workshop("quality", MODEL, "--activations", "int8", "--json"))
        rows += [row(one, None, False) for one in told]
        for method, group in WAYS:
            if method == "int4":
                place, megabytes = checkpoint(folder, method, group, True)
                words = ("quality", place, "--against", MODEL, "--json")
                rows += [row(one, megabytes, True) for one in json.loads(workshop(*words))]
    print(json.dumps(rows, indent=1))
    if output:
        report = {
            "model": MODEL,
            "versions": dataclasses.asdict(provenance.versions()),
            "rows": rows,
        }
        output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
