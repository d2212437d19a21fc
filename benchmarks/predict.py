"""How long predictions take: python benchmarks/predict.py

A thousand different ones, of models, devices, precisions and batches in turn; the best of five.
"""

from __future__ import annotations

import itertools
import time

from workshop.roofline.device import devices
from workshop.roofline.efficiency import IDEAL, expected
from workshop.roofline.inference import predict
from workshop.roofline.models import known_models
from workshop.roofline.precision import PRECISIONS, precision
from workshop.roofline.workload import Plan, Workload

COUNT = 1000
ROUNDS = 5


def main() -> None:
    every = itertools.product(
        known_models().values(),
        devices().values(),
        [Plan(precision(one)) for one in PRECISIONS],
        [Workload(batch=batch) for batch in (1, 8, 64)],
        (IDEAL, expected()),
    )
    cases = list(itertools.islice(every, 0, None, 37))[:COUNT]
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for shape, device, plan, work, reached in cases:
            predict(shape, device, work, plan, reached)
        best = min(best, time.perf_counter() - start)
    print(f"{len(cases)} predictions in {best:.3f} s: {best / len(cases) * 1e6:.0f} us each")


if __name__ == "__main__":
    main()
