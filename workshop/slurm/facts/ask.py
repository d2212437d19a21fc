"""Questions to Slurm, one command each; an answer, or the reason why there is none."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence

from workshop.slurm.variables import for_questions

TIMEOUT_SECONDS = 20  # seconds
_FIELD = re.compile(r"(\S+?)=(.*?)(?=\s+[A-Za-z][\w:/]*=|\s*$)")


class NoAnswerError(RuntimeError):
    """Slurm did not answer; the message is the command's own last line."""


def ask(command: Sequence[str], seconds: float = TIMEOUT_SECONDS) -> str:
    """What a command of Slurm's prints; raises NoAnswerError."""
    configuration = os.environ.get("SLURM_CONF")
    if configuration and not os.path.exists(configuration):  # which Slurm tries for a minute
        raise NoAnswerError(f"SLURM_CONF names {configuration}, which is not there")
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
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
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise NoAnswerError(lines[-1] if lines else f"{command[0]} failed without a word")
    return done.stdout


def records(text: str) -> list[dict[str, str]]:
    """The records that ``scontrol --oneliner show`` prints: a line each, of NAME=VALUE fields.

    The first of a name counts: a comment, whose text may look like a field, comes last.
    """
    lines = [line for line in text.splitlines() if "=" in line]
    return [dict(reversed(_FIELD.findall(line))) for line in lines]
