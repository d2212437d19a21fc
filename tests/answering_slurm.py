"""Programs in place of squeue and sacct, which print what a test wants and note every call."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workshop.slurm import runs
from workshop.stages import settings_of

PROGRAMS = ("squeue", "sacct", "scontrol", "sinfo", "sacctmgr")


@dataclass(frozen=True)
class AnsweringSlurm:
    """A directory of a test with runs, logs and programs.

    Attributes:
        place: where jobs are submitted from, and where their logs are.
    """

    place: Path

    def answer(self, program: str, lines: Sequence[str], code: int = 0) -> None:
        """Let a program print these lines from now on."""
        folder = self.place / "bin"
        folder.mkdir(exist_ok=True)
        (folder / f"{program}.txt").write_text("".join(f"{line}\n" for line in lines))
        path = folder / program
        path.write_text(
            f"#!/bin/sh\necho {program} >> {self.place}/calls\ncat {folder}/{program}.txt\n"
            f"exit {code}\n"
        )
        path.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """The programs that were started so far."""
        path = self.place / "calls"
        return path.read_text().split() if path.exists() else []

    def submitted(
        self,
        *job_ids: str,
        after: str | None = None,
        when: str | None = None,
        earlier: dict[str, int] | None = None,
        stage: str = "baseline",
    ) -> Path:
        """Note a run of ours with these jobs; the directory of the run."""
        directory = runs.new_directory(self.place / "runs", stage)
        run = runs.Run(
            settings_of(stage), f"workshop-{stage}", str(self.log("%j", stage)),
            when or runs.now(), "generic", job_ids, after, earlier,
        )  # fmt: skip
        runs.save(directory, run)
        return directory

    def log(self, job_id: str, stage: str = "baseline") -> Path:
        return self.place / f"job-{stage}-{job_id}.out"

    def workshop(self, *arguments: str, timeout: float = 100) -> subprocess.CompletedProcess[str]:
        """Run the command, which finds these programs first."""
        path = f"{self.place / 'bin'}{os.pathsep}{os.environ['PATH']}"
        home = {"XDG_CONFIG_HOME": str(self.place), "HOME": str(self.place)}
        return subprocess.run(
            [sys.executable, "-m", "workshop", *arguments],
            env={**os.environ, **home, "PATH": path, "WORKSHOP_RUNS": str(self.place / "runs")},
            cwd=self.place,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


def answering_slurm(place: Path) -> AnsweringSlurm:
    """Programs that know no job."""
    slurm = AnsweringSlurm(place)
    for program in PROGRAMS:
        slurm.answer(program, [], code=1 if program == "sacct" else 0)
    return slurm
