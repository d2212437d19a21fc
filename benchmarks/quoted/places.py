"""Where things lie in the repository."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
RESULTS = BENCHMARKS / "results" / "figures"
STAMP = RESULTS / "stamp.json"
PLOTS = ROOT / "plots"
LOGS = PLOTS / "logs"
ROOFLINE = ROOT / "solutions" / "roofline"
