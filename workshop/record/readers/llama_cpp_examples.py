"""llama.cpp's examples that decode several tokens a pass, and what they say of it themselves.

    decoded  129 tokens in  248.340 seconds, speed:    0.519 t/s
    n_drafted = 132
    n_accept  = 47

    draft:
    llama_print_timings:        eval time = 27360.44 ms /   214 runs   ( ...
    target:
    llama_print_timings:        eval time = 45400.02 ms /    21 runs   ( ...

Their ``eval time`` counts only the passes that hold one token: it is not the decode of the text, of
the model and its draft together. So the line above counts, and the timings after it end the run.
Where that line is lost, what else they print shows that these timings are not of the whole decode.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from workshop.record.readers.llama_cpp_lines import (
    COUNTED,
    DECODED,
    ENCODED,
    PART,
    SERVED,
    SETTING,
    SETTINGS,
)
from workshop.record.readers.units import count, positive
from workshop.record.results import DECODE_OF_ONE, Condition, Definition, Result

FORMAT = "llama.cpp"
DECODE_OF_BATCH = Definition("new", "decode", "batch")
ALL_OF_SERVER = Definition("new", "wall clock", "server")

_NAMES = {
    "n_draft": "draft tokens",
    "W": "lookahead window",
    "N": "lookahead n-gram size",
    "G": "lookahead guesses",
    "n_sequences": "requests",
    "cont_batching": "continuous batching",
    "system tokens": "system prompt, tokens",
    "n_ctx": "context, tokens",
    "n_batch": "batch",
}
_LOOKAHEAD = {"W", "N", "G"}


@dataclass
class Example:
    """What an example has said of its run.

    Attributes:
        settings: of a run that is to come.
        encoded: tokens of the prompt.
        begun: whether the run has said something of its decode.
        decoded: tokens of a decode of which it is not known whether a pass holds several.
        part: whose timings come next: of the draft, or of the target.
        counts: of tokens, and settings.
    """

    settings: dict[str, int] = field(default_factory=dict)
    encoded: int | None = None
    begun: bool = False
    decoded: int | None = None
    speed: float | None = None
    tokens: int | None = None
    definition: Definition = DECODE_OF_ONE
    part: str | None = None
    counts: dict[str, int] = field(default_factory=dict)

    def hear(self, line: str) -> None:
        """Take a line of this run."""
        if match := DECODED.fullmatch(line):
            self._begin(match["speed"], count(match["tokens"]), match["function"])
        elif match := SERVED.fullmatch(line):
            self.definition = ALL_OF_SERVER
            self._begin(match[1], None, None)
        elif match := ENCODED.fullmatch(line):
            self.encoded = count(match[1])
        elif match := COUNTED.fullmatch(line):
            self._count(match)
        elif match := PART.fullmatch(line):
            self.part = match[1]
        elif "n_parallel = " in line and (match := SETTINGS.fullmatch(line)):
            self.settings = {name.strip(): int(value) for name, value in SETTING.findall(match[1])}

    @property
    def goes_on(self) -> bool:
        """Whether timings of the target come after these, which are of the draft."""
        return self.part == "draft"

    def has_timings(self, passes: int | None) -> bool:
        """Whether timings are of this run, and not those of a decode of one token a pass.

        Args:
            passes: that decoded a token each, by the timings; None for those of a prompt.
        """
        if not self.begun and passes is not None and (self.decoded or 0) > passes + 1:
            self.definition = DECODE_OF_BATCH
            self.begun = True
        if not self.begun and self.settings.get("n_parallel", 1) > 1:
            is_server = "n_sequences" in self.settings
            self.definition = ALL_OF_SERVER if is_server else DECODE_OF_BATCH
            self.begun = True
        self.begun = self.begun or self.part is not None
        return self.begun

    def _begin(self, speed: str, tokens: int | None, function: str | None) -> None:
        sequences = self.settings.get("n_parallel", 1)
        if function and sequences < 2:
            self.decoded = tokens
            return  # if a pass holds one token, its timings are better
        if function:
            self.definition = DECODE_OF_BATCH
            tokens = None  # of all sequences together
        self.begun, self.speed, self.tokens = True, positive(speed), tokens

    def _count(self, match: re.Match[str]) -> None:
        # Where the line with the speed is lost, it is still known that passes hold several tokens.
        name = match[1]
        if name in ("n_draft", "n_drafted", "n_accept"):
            self.begun = True
        if self.begun or name in _LOOKAHEAD:
            self.counts[name] = int(match[2])
        self.begun = self.begun or self.counts.keys() >= _LOOKAHEAD

    def result(self, load: float | None, model: str | None) -> Result:
        """The record of the run."""
        drafted, accepted = self.counts.get("n_drafted"), self.counts.get("n_accept")
        known = accepted is not None and drafted and accepted <= drafted
        served = self.definition is ALL_OF_SERVER
        sequences = self.settings.get("n_parallel")
        return Result(
            None,
            "ok" if self.speed is not None else "incomplete",
            reason=None if self.speed is not None else "there is no speed of its whole decode",
            format=FORMAT,
            tokens_per_second=self.speed,
            definition=self.definition,
            load_seconds=load,
            acceptance_rate=accepted / drafted if known and accepted and drafted else None,
            batch_size=None if served or self.definition is DECODE_OF_ONE else sequences,
            concurrency=sequences if served else None,
            prompt_tokens=self.encoded,
            new_tokens=self.tokens or self.counts.get("n_predict"),
            model=model,
            conditions=self._conditions(),
        )

    def _conditions(self) -> dict[str, Condition]:
        named = {**self.settings, **self.counts}
        found: dict[str, Condition] = {
            name: named[key] for key, name in _NAMES.items() if key in named
        }
        if "cont_batching" in named:
            found[_NAMES["cont_batching"]] = bool(named["cont_batching"])
        return found


def begins_run(line: str) -> bool:
    """Whether a line is the first of its kind in a run, so that one before it has ended."""
    return any(pattern.fullmatch(line) for pattern in (ENCODED, DECODED, SERVED))
