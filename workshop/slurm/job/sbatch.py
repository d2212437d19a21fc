"""Run sbatch: the number of the job, or why there is none.

submitit's own call decodes sbatch's output strictly and takes the first "job N" in it for the job,
though a site may print a banner of its own, in any encoding.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence

from workshop.util.text import printable

# As sbatch prints it, and as with --parsable, which a site's wrapper may add: 12 or 12;cluster.
_ANSWER = re.compile(r"(?:Submitted batch job )?(?P<job>[0-9]+)(?:;\S+| on cluster \S+)?")
# Without the words in front of it, a number alone may be anything: it counts as the last line only.
_WORDS = "Submitted batch job "


class RefusedError(RuntimeError):
    """sbatch failed.

    Attributes:
        output, errors: its two streams.
    """

    def __init__(self, output: str, errors: str) -> None:
        super().__init__(errors or output)
        self.output = output
        self.errors = errors


class NoNumberError(RuntimeError):
    """sbatch says that it went well, but not what the job's number is.

    Attributes:
        output: what it says instead.
    """

    def __init__(self, output: str) -> None:
        super().__init__(output)
        self.output = output


def job_number(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run ``command`` and give the job's number; what it prints as errors is shown.

    Raises:
        RefusedError: it failed.
        NoNumberError: it did not, but there is no number in what it printed.
        FileNotFoundError: there is no sbatch.
    """
    done = subprocess.run(
        command,
        env=dict(environment),
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    for line in done.stderr.splitlines():
        print(printable(line), file=sys.stderr)
    if done.returncode:
        raise RefusedError(done.stdout.strip(), done.stderr.strip())
    number = number_in(done.stdout)
    if number is None:
        raise NoNumberError(done.stdout.strip())
    return number


def number_in(output: str) -> str | None:
    """The job's number in what sbatch printed; a banner around it does not count."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    answers = [line for line in lines if line.startswith(_WORDS)] or lines[-1:]
    match = _ANSWER.fullmatch(answers[-1]) if answers else None
    return match["job"] if match else None
