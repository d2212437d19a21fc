"""Where the documentation's commands are typed: a directory with everything that they name."""

from __future__ import annotations

import contextlib
import glob
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from answering_slurm import answering_slurm
from click.testing import CliRunner

from workshop.cli import cli
from workshop.stages import STAGES
from workshop.tiny.copies import WEIGHTS

TESTS = Path(__file__).parent
LOGS = TESTS.parent / "plots" / "logs"
JOB = "123"  # a compile that the reader has submitted
BEFORE_THE_LOG = "2026-01-01T00:00:00+00:00"
ROSTER = "id,name,email\ns1,Ada Lovelace,ada@example.org\n"

# A word of the documentation -> what a reader puts in its place; of one command, behind its name.
PLACEHOLDERS: Mapping[str, Sequence[str]] = {
    "A": ["before.out"],
    "B": ["after.out"],
    "COMMAND": ["run"],
    "DIR": ["checkpoint"],
    "DIR-int4": ["checkpoint-int4"],
    "EXERCISE": ["napkin"],
    "F": ["napkin/exercise.py"],
    "FILE...": ["before.out", "after.out"],
    "MODEL": ["llama-2-7b"],
    "N": ["32"],
    "NAME": ["a100"],
    "OUT": ["new"],
    "OUTPUT/draft": ["checkpoint-draft"],
    "OUTPUT/verifier": ["checkpoint"],
    "SOURCE": ["checkpoint"],
    "STAGE": ["compile"],
    "SUBMISSIONS...": ["submissions"],
    "T": ["1e12"],
    "[EXERCISE]": ["napkin"],
    "/var/tmp/forky": ["forky"],
    "convert DIR": ["new"],
    "exercises NAME": ["napkin"],
    "grade ...": ["submissions/", "--roster", "roster.csv", "-o", "grades/"],
    "init DIR": ["new"],
}


def lay_desk(desk: Path) -> None:
    """Put there: a working copy, logs, checkpoints and submissions."""
    run_now("init", str(desk), "--cluster", "generic")
    (desk / "workshop.toml").unlink()  # a cluster that Slurm's defaults describe
    for number, stage in enumerate(STAGES, 1):
        shutil.copy(LOGS / f"job-{stage}.out", desk / f"job-{stage}-{number}.out")
    for name, log in {
        "before.out": LOGS / "job-quantize.out",
        "after.out": LOGS / "job-quantize.out",
        "eager.out": TESTS / "logs" / "gpt-fast" / "gpt-fast-cpu.out",
        "fast.out": TESTS / "logs" / "gpt-fast" / "torchao-2025.out",
        "serve.out": TESTS / "logs" / "serve-bench" / "serve.out",
        "gpt-fast.out": TESTS / "logs" / "gpt-fast" / "gpt-fast-cpu.out",
    }.items():
        shutil.copy(log, desk / name)
    for user in ("edu07", "edu08"):
        shutil.copytree(LOGS, desk / "class" / user)
        for log in (desk / "class" / user).glob("*.out"):
            log.write_text(re.sub(r'"user": ?"[^"]*"', f'"user":"{user}"', log.read_text()))
    shutil.copytree(LOGS, desk / "plots" / "logs")
    for folder in ("figures", "forky", "submissions"):
        (desk / folder).mkdir()
    shutil.copytree(desk / "napkin", desk / "submissions" / "s1" / "napkin")
    (desk / "roster.csv").write_text(ROSTER)
    (desk / "rubric.toml").write_text(run_now("grade", "--example-rubric"))
    (desk / "mine.txt").write_text("What is measured is known.\n" * 100)
    (desk / "checkpoint").symlink_to(WEIGHTS / "verifier")
    (desk / "checkpoint-draft").symlink_to(WEIGHTS / "draft")
    run_now("quantize", "checkpoint", "-o", "checkpoint-int4", "--method", "int4", at=desk)


def submit_job(desk: Path) -> None:
    """A compile that was submitted from there, has ended well, and has its log."""
    slurm = answering_slurm(desk)
    shutil.copy(LOGS / "job-compile.out", slurm.log(JOB, "compile"))
    slurm.submitted(JOB, stage="compile", when=BEFORE_THE_LOG)
    slurm.answer("sacct", [f"{JOB}|COMPLETED|100|n1|0:0|None"])


def run_now(*arguments: str, at: Path | None = None) -> str:
    """What the command prints; it must succeed."""
    with contextlib.chdir(at or Path.cwd()):
        done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, (arguments, done.output, done.exception)
    return done.stdout


def typed(words: Sequence[str]) -> list[str]:
    """The words with placeholders filled in and globs expanded, in the current directory."""
    filled = [one for word in words for one in filled_in(words[0], word)]
    return [one for word in filled for one in expanded(word)]


def filled_in(command: str, word: str) -> Sequence[str]:
    key = key_of(command, word)
    return PLACEHOLDERS[key] if key else [word]


def key_of(command: str, word: str) -> str | None:
    """The placeholder that a word of this command is."""
    keys = (f"{command} {word}", word)
    return next((key for key in keys if key in PLACEHOLDERS), None)


def expanded(word: str) -> Sequence[str]:
    """The files that a glob names, as a shell has it; at least one."""
    if "*" not in word:
        return [word]
    files = sorted(glob.glob(word))
    assert files, f"no file of the test's desk is {word}"
    return files
