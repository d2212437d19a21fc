"""Checks of exercises that only their processor time ends, which a busy machine does not use up."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from patience import HANG

from workshop.judge.judge import ForkServer, Student
from workshop.judge.limits import Limits
from workshop.learn import run, verify


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each check has as long on the clock as it takes: what it says is looked at, not how soon."""
    hurried = run.student

    def student(
        server: ForkServer, file: Path, driver: Path | None, limits: Limits, imports: Sequence[str]
    ) -> AbstractContextManager[Student]:
        return hurried(server, file, driver, dataclasses.replace(limits, seconds=HANG), imports)

    monkeypatch.setattr(run, "student", student)
    monkeypatch.setattr(verify, "LONGEST_SNIPPET", HANG)
