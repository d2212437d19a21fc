"""What lies beside the exercise: the runs of the five stages, and the answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workshop.learn.checking import Work, Wrong, number
from workshop.record.readers import read_logs
from workshop.record.results import Result
from workshop.stages import STAGES, variant
from workshop.util.errors import UsageError

MOST_LOGS = 200


@dataclass(frozen=True)
class Log:
    """The run of a stage that counts.

    Attributes:
        name: of its file.
        others: further runs of the stage, by their files' names.
    """

    name: str
    result: Result
    others: dict[str, Result]

    @property
    def speed(self) -> float:
        return self.result.tokens_per_second or 0.0

    @property
    def reads(self) -> float:
        """Bytes/s of one rank's memory."""
        return (self.result.device_bandwidth_gb_per_second or 0.0) * 1e9

    @property
    def tokens_a_pass(self) -> float:
        return 1 + (self.result.mean_accepted or 0.0)

    @property
    def guesses(self) -> int:
        settings = self.result.settings
        return settings.draft_tokens if settings and self.result.mean_accepted is not None else 0

    @property
    def bytes_a_pass(self) -> float:
        return (self.result.model_bytes or 0) + self.guesses * (self.result.draft_bytes or 0)

    @property
    def roof(self) -> float:
        """tokens/s under it."""
        return self.tokens_a_pass * self.ranks * self.reads / self.bytes_a_pass

    @property
    def ranks(self) -> int:
        return self.result.world_size or 1

    @property
    def unexplained(self) -> float:
        """Seconds of a token."""
        return 1 / self.speed - 1 / self.roof


def logs_of(work: Work) -> dict[str, Log]:
    """The newest complete run of every stage, of those with nothing changed if there are any."""
    paths = sorted(path for path in work.folder.glob("job*.out") if path.is_file())[:MOST_LOGS]
    found: dict[str, list[tuple[str, Result]]] = {}
    lacking: dict[str, str] = {}
    for path in paths:
        try:
            results = [reading.result for reading in read_logs([path])]
        except UsageError:
            continue
        for result in results:
            if result.format != "workshop" or result.stage not in STAGES:
                continue
            why = lack_of(result)
            if why:
                lacking[result.stage] = f"{path.name} {why}"
            else:
                found.setdefault(result.stage, []).append((path.name, result))
    for stage in STAGES:
        if stage not in found and stage in lacking:
            raise Wrong(f"{lacking[stage]}: run {stage} again and put its log beside exercise.py")
    missing = [stage for stage in STAGES if stage not in found]
    if missing:
        run = f"'workshop submit {missing[0]}'" if len(missing) == 1 else "'workshop submit all'"
        here = f"'workshop run {missing[0]} > job-{missing[0]}-0.out'"
        raise Wrong(
            f"there is no log of {', '.join(missing)} beside exercise.py: run {run} "
            f"(or {here if len(missing) == 1 else repr('workshop demo')} on this machine), "
            "and put its job*.out here",
            ", ".join(STAGES), ", ".join(found) or "none",
        )  # fmt: skip
    return {stage: newest(runs) for stage, runs in found.items()}


def lack_of(result: Result) -> str | None:
    """What keeps a run from being compared; None where nothing does."""
    if result.status != "ok" or not result.tokens_per_second:
        return f"has no complete result ({result.reason or result.status})"
    if not (result.model_bytes and result.device_bandwidth_gb_per_second and result.settings):
        return "does not tell the model's bytes and the memory's bandwidth"
    return None


def newest(runs: list[tuple[str, Result]]) -> Log:
    plain = [one for one in runs if one[1].settings and not variant(one[1].settings)] or runs
    name, result = max(plain, key=lambda one: one[1].started or "")
    return Log(name, result, {other: each for other, each in runs if other != name})


def given(work: Work, key: str) -> float:
    """A number from answers.toml."""
    answer = work.answers.get(key, "?")
    if answer == "?":
        raise Wrong(f"{key} in answers.toml has no answer yet")
    return number(answer, f"{key} in answers.toml")


def chosen(work: Work, key: str) -> str:
    answer: Any = work.answers.get(key, "?")
    if not isinstance(answer, str) or answer.strip() in ("?", ""):
        raise Wrong(f"{key} in answers.toml has no answer yet")
    return answer.strip().lower()
