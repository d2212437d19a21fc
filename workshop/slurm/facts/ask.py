"""Questions to Slurm, one command each; an answer, or the reason why there is none."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence

from workshop.slurm.variables import for_questions
from workshop.util.text import one_line, without_escapes

TIMEOUT_SECONDS = 20  # seconds
_NAME = re.compile(r"(?<!\S)([A-Za-z][\w:/]*)=")


class NoAnswerError(RuntimeError):
    """Slurm did not answer; the message is the command's own last line."""


def ask(command: Sequence[str], seconds: float = TIMEOUT_SECONDS) -> str:
    """What a command of Slurm's prints, safe to show; raises NoAnswerError."""
    configuration = os.environ.get("SLURM_CONF")
    if configuration and not os.path.exists(configuration):  # which Slurm tries for a minute
        raise NoAnswerError(f"SLURM_CONF names {configuration}, which is not there")
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            check=False,
            env=for_questions(),
        )
    except subprocess.TimeoutExpired:
        raise NoAnswerError(f"{command[0]} did not answer within {seconds:g} seconds") from None
    except OSError:
        raise NoAnswerError(f"there is no {command[0]} on this machine") from None
    if done.returncode:
        words = without_escapes(done.stderr or done.stdout)
        lines = [line.strip() for line in words.splitlines() if line.strip()]
        raise NoAnswerError(one_line(lines[-1]) if lines else f"{command[0]} failed without a word")
    return without_escapes(done.stdout)


def records(text: str) -> list[dict[str, str]]:
    """The records that ``scontrol --oneliner show`` prints: a line each, of NAME=VALUE fields.

    The first of a name counts: a comment, whose text may look like a field, comes last.
    """
    lines = [line for line in text.splitlines() if "=" in line]
    return [dict(reversed(list(fields(line)))) for line in lines]


def fields(line: str) -> Iterator[tuple[str, str]]:
    """Names and values: a name is a word's beginning up to '=', a value all up to the next name."""
    names = list(_NAME.finditer(line))
    ends = [*(match.start() for match in names[1:]), len(line)]
    for match, end in zip(names, ends, strict=False):
        yield match[1], line[match.end() : end].strip()
