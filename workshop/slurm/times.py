"""Times as Slurm writes them: minutes, M:S, H:M:S, D-H, D-H:M, D-H:M:S."""

from __future__ import annotations

import re

FORMS = "M, M:S, H:M:S, D-H, D-H:M or D-H:M:S"

TIME = re.compile(r"(?:(?P<days>[0-9]{1,9})-)?(?P<clock>[0-9]{1,9}(?::[0-9]{1,9}){0,2})")


def seconds(time: str) -> int | None:
    """How long that is; None where it has none of the forms, as UNLIMITED."""
    found = TIME.fullmatch(time)
    if found is None:
        return None
    parts = [int(part) for part in found["clock"].split(":")]
    if found["days"] is not None:  # hours come first, and what is missing is at the end
        hours, minutes, rest = parts + [0] * (3 - len(parts))
        return int(found["days"]) * 86400 + hours * 3600 + minutes * 60 + rest
    if len(parts) == 1:
        return parts[0] * 60
    if len(parts) == 2:
        return parts[0] * 60 + parts[1]
    return parts[0] * 3600 + parts[1] * 60 + parts[2]


def clock(length: int) -> str:
    """Seconds as HH:MM:SS, or D-HH:MM:SS from a day on."""
    days, rest = divmod(length, 86400)
    text = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days}-{text}" if days else text
