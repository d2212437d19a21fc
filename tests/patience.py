"""How tests wait: for a condition, never for a clock.

Every deadline of a test is ``HANG``. It ends a test that would wait for ever and says nothing of
speed, so a machine that is busy with other work fails no test. Where a test's point is that
something ends by itself and does not wait for a library's time limit of minutes, ``HANG`` is
shorter than that limit.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

HANG = 300.0  # seconds
POLL_SECONDS = 0.05


def wait_for(predicate: Callable[[], Any], seconds: float = HANG) -> Any:
    """The first true value of ``predicate``; fails the test if none comes in ``seconds``."""
    deadline = time.monotonic() + seconds
    while not (value := predicate()):
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(POLL_SECONDS)
    return value
