"""Records as lines of JSON, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import msgspec

from workshop.record.results.parts import Sample
from workshop.record.results.result import SCHEMA, Result
from workshop.stages.settings import Settings

# What the lines of a log start with that hold a record, and the settings and samples from which
# the record of a killed run can be put together.
PREFIX = "WORKSHOP-RESULT "
SETTINGS_PREFIX = "WORKSHOP-SETTINGS "
SAMPLE_PREFIX = "WORKSHOP-SAMPLE "

T = TypeVar("T")


class RecordError(ValueError):
    """A record that cannot be read; the message says where it goes wrong."""


@dataclass(frozen=True)
class Versioned:
    """The one field of a record that every version of it has."""

    schema: int = SCHEMA


def to_json(record: object) -> str:
    """A record as one line of JSON; nan and inf, which JSON lacks, become null."""
    return msgspec.json.encode(record).decode()


def decode(text: str | bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise RecordError(str(error)) from None
    except RecursionError:
        raise RecordError("it is nested too deeply") from None


def sample_from_json(text: str | bytes) -> Sample:
    """Read a sample; raises RecordError."""
    return decode(text, Sample)


def settings_from_json(text: str | bytes) -> Settings:
    """Read settings; raises RecordError."""
    return decode(text, Settings)


def from_json(text: str | bytes) -> Result:
    """Read a record.

    Raises:
        RecordError: not JSON, a field of the wrong type, or a newer schema than this one.
    """
    schema = decode(text, Versioned).schema  # first: a later schema may change any other field
    if schema > SCHEMA:
        raise RecordError(
            f"the record has schema {schema}, and this workshop reads up to {SCHEMA}: update it"
        )
    return decode(text, Result)
