"""Tables of data: TOML in which each value has its source beside it, ``name = [value, source]``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from workshop.roofline.errors import RooflineError

DATA = Path(__file__).parent / "data"


def read(path: Path) -> dict[str, Any]:
    """A TOML file; raises RooflineError."""
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise RooflineError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise RooflineError(f"{path} is not UTF-8 text") from None
    except (ValueError, RecursionError) as error:
        raise RooflineError(f"{path} is not TOML: {error}") from None


def value_and_source(entry: Any, default: str) -> tuple[Any, str]:
    """``[2039, "NVIDIA ..."]`` -> both; a value alone comes from ``default``, the file."""
    if isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], str):
        return entry[0], entry[1]
    return entry, default
