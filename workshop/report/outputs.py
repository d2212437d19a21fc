"""What the stages wrote, and whether those agree that could."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from workshop.record.results import Result
from workshop.report.text import shown
from workshop.roofline.models import model_of
from workshop.stages import STAGES

_MOST_TEXTS = 5  # of one stage that are worth reading
_ANY_ORDER = "two paths may sum in different orders"  # where no stage is known


@dataclass(frozen=True)
class Output:
    """A text, and how many samples gave it."""

    text: str
    samples: int


@dataclass(frozen=True)
class Outputs:
    """The most frequent texts, and how many others there are in the records."""

    shown: list[Output]
    others: int


def outputs(runs: Sequence[Result]) -> Outputs:
    """The different texts of these runs, the most frequent first."""
    counted = Counter(sample.text for run in runs for sample in run.samples)
    most = [Output(shown(text), count) for text, count in counted.most_common(_MOST_TEXTS)]
    return Outputs(most, len(counted) - len(most))


def agreement(result: Result, against: Result | None) -> str:
    """Whether a stage wrote what the stage it builds on wrote; '' if there is nothing to hold."""
    if against is None or not result.samples or not against.samples:
        return ""
    if drawn(result) or drawn(against):
        return "Tokens were drawn, not the likeliest taken: the texts differ by chance."
    if result.settings is None or against.settings is None or not same_question(result, against):
        return f"The run of {against.label} was not asked the same: the texts are not compared."
    ours, theirs = result.samples[0].tokens, against.samples[0].tokens
    common = min(len(ours), len(theirs))
    parted = next((i for i in range(common) if ours[i] != theirs[i]), None)
    same = f"Greedy output is the same as of {against.label}"
    if parted is None and len(ours) == len(theirs):
        return f"{same}, in all {common} tokens."
    if parted is None:
        return f"{same} in the {common} tokens that both have."
    stage = STAGES.get(result.stage or "")
    reason = (stage and stage.may_differ) or _ANY_ORDER
    return (
        f"{same} in the first {parted} of {common} tokens, then they part. They may: {reason}, "
        "and a near tie between two tokens is enough."
    )


def drawn(result: Result) -> bool:
    return result.settings is not None and result.settings.temperature > 0


def same_question(one: Result, other: Result) -> bool:
    """Whether both were given the same prompt, for the same model."""
    if one.settings is None or other.settings is None or model_of(one) != model_of(other):
        return False
    asked = one.settings.prompt == other.settings.prompt
    return asked and one.settings.ignore_eos == other.settings.ignore_eos
