"""A run's record: its fields (result, parts), what follows from its samples (derived), as JSON."""

from workshop.record.results.as_json import (
    PREFIX,
    SAMPLE_PREFIX,
    SETTINGS_PREFIX,
    RecordError,
    decode,
    from_json,
    sample_from_json,
    settings_from_json,
    to_json,
)
from workshop.record.results.derived import (
    acceptance_by_position,
    added_up,
    guesses_made,
    spread,
    with_samples,
)
from workshop.record.results.parts import (
    DECODE_OF_ONE,
    Continuation,
    Definition,
    Quality,
    Reference,
    Sample,
    SlurmJob,
    TokenCheck,
    Versions,
)
from workshop.record.results.result import (
    SCHEMA,
    Condition,
    Result,
    Status,
    drawable,
)

__all__ = [
    "DECODE_OF_ONE",
    "PREFIX",
    "SAMPLE_PREFIX",
    "SCHEMA",
    "SETTINGS_PREFIX",
    "Condition",
    "Continuation",
    "Definition",
    "Quality",
    "RecordError",
    "Reference",
    "Result",
    "Sample",
    "SlurmJob",
    "Status",
    "TokenCheck",
    "Versions",
    "acceptance_by_position",
    "added_up",
    "decode",
    "drawable",
    "from_json",
    "guesses_made",
    "sample_from_json",
    "settings_from_json",
    "spread",
    "to_json",
    "with_samples",
]
