"""How sbatch reads the directives of a script: slow and obvious, after Slurm's own.

Source: _next_line, _get_argument and _opt_batch_script in Slurm's src/sbatch/opt.c
(https://github.com/SchedMD/slurm/blob/slurm-22-05-8-1/src/sbatch/opt.c).
"""

from __future__ import annotations

SPACE = " \t\n\v\f\r"


def directives(script: str) -> list[str]:
    """The arguments of all #SBATCH lines, up to the first line that is a command."""
    found: list[str] = []
    for line in script.encode().decode("latin-1").split("\n"):  # sbatch knows bytes alone
        if line.startswith("#SBATCH"):
            if "hetjob" in line.lower() or "packjob" in line.lower():
                raise ValueError(f"another job begins: {line}")
            found += arguments(line.removeprefix("#SBATCH"))
        elif line.strip(SPACE) and not line.lstrip(SPACE).startswith("#"):
            break
    return [one.encode("latin-1").decode() for one in found]


def arguments(text: str) -> list[str]:
    """Words of a line: quotes hold a word together; a backslash takes the next as it is, if that

    is no space, inside of quotes as well.
    """
    words: list[str] = []
    word: str | None = None
    quote: str | None = None
    escaped = False
    for char in text:
        if char in SPACE and quote is None:
            words += [word] if word is not None else []
            word, escaped = None, False
        elif escaped:
            word, escaped = (word or "") + char, False
        elif char == "\\":
            word, escaped = word or "", True
        elif quote:
            if char == quote:
                quote = None
            else:
                word = (word or "") + char
        elif char in "\"'":
            word, quote = word or "", char
        elif char == "#":
            break
        else:
            word = (word or "") + char
    return [*words, *([word] if word is not None else [])]
