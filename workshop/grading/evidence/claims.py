"""The settings that a run claims, against what it left behind: bytes, passes, a time to compile.

``measure`` fills in the record from the settings and from the engine that they made, so in an
honest record the two agree; whoever renames a stage has all of these against him.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from workshop.grading.evidence.finding import Check, found
from workshop.grading.evidence.log import Run
from workshop.grading.evidence.model import expected_bytes, shape_of
from workshop.grading.records import Finding
from workshop.stages import STAGES, variant
from workshop.stages.compose import sequences
from workshop.stages.settings import in_words
from workshop.util.text import one_line

# How far off the expected bytes may be before a doubt, and before a contradiction. In 16 bits on
# one rank they are exact; int4 is padded, and ranks hold copies of what they cannot share.
EXACT, ROUGH = (0.03, 0.08), (0.25, 0.5)
SOURCE = re.compile(r"measured: sum over (\d{1,6}(?:\.\d+)?) MB(?:, (\d{1,5}) threads)?")
LEAST_READ, MOST_READ = 10**6, 2 * 10**9  # bytes over which a device's bandwidth is measured


def same_twice(run: Run) -> Iterator[Finding]:
    """What the record has both of its own and in its settings: written from one value."""
    result, settings = run.result, run.result.settings
    if settings is None:
        return
    for name, own, asked in (
        ("stage", result.stage, settings.stage),
        ("model", result.model, settings.model),
        ("dtype", result.dtype, settings.dtype),
        ("number of ranks", result.world_size, settings.ranks),
        ("batch size", result.batch_size, sequences(settings)),
    ):
        if own is not None and own != asked:
            yield found(
                "contradiction",
                run,
                f"its {name} is {one_line(str(own), 60)} in the record and "
                f"{one_line(str(asked), 60)} in the record's settings",
            )


def compiled(run: Run) -> Iterator[Finding]:
    """A run that compiles says how long that took; an eager one has nothing to say."""
    result, settings = run.result, run.result.settings
    if settings is None or settings.compile == (result.compile_seconds is not None):
        return
    action = "compiled" if settings.compile else "was not compiled"
    has = "has no time" if settings.compile else "has a time"
    yield found("contradiction", run, f"it {action}, as its settings say, and {has} for compiling")


def speculated(run: Run) -> Iterator[Finding]:
    """Passes of a verifier are counted where something was guessed, and nowhere else."""
    result, settings = run.result, run.result.settings
    if settings is None:
        return
    guessed = settings.speculate != "none"
    counted = [sample.verify_passes is not None for sample in result.samples]
    if not all(counts == guessed for counts in counted):
        does = "speculates" if guessed else "does not speculate"
        has = "have no passes of a verifier" if guessed else "have passes of a verifier"
        yield found("contradiction", run, f"it {does}, as its settings say, and samples {has}")
    if (settings.speculate in ("draft", "self")) != (result.draft_parameters is not None):
        has = "has one" if result.draft_parameters is not None else "has none"
        yield found(
            "contradiction",
            run,
            f"its settings say that {settings.speculate} guesses, and as for a draft model, "
            f"the record {has}",
        )


def stored(run: Run) -> Iterator[Finding]:
    """Bytes of the weights against their precision: int8 has half of bf16's.

    Of an embedded or a random model every layer is known, and the bytes follow from the precision.
    Of a checkpoint only the parameters are: then the bytes have a least value.
    """
    result, settings = run.result, run.result.settings
    if settings is None or not result.model_bytes or not result.model_parameters:
        return
    shape, expected = shape_of(result), expected_bytes(result)
    if shape is not None and result.model_parameters != shape.parameters:
        yield found(
            "contradiction",
            run,
            f"{result.model} is given with {result.model_parameters} parameters and has "
            f"{shape.parameters}",
        )
    elif expected is not None:
        off = abs(result.model_bytes / expected - 1)
        exact = settings.dtype != "float32" and settings.quantize != "int4" and settings.ranks == 1
        doubtful, impossible = EXACT if exact else ROUGH
        if off > doubtful:
            yield found(
                "contradiction" if off > impossible else "doubt",
                run,
                f"its weights have {result.model_bytes} bytes, and in {precision(run)} "
                f"{result.model} has {expected:.0f}",
            )
    else:
        each = settings.weight_bits / 8
        if result.model_bytes < 0.9 * each * result.model_parameters:
            yield found(
                "contradiction",
                run,
                f"{result.model_parameters} parameters in {precision(run)} need more than "
                f"{result.model_bytes} bytes",
            )


def precision(run: Run) -> str:
    settings = run.result.settings
    assert settings is not None
    return settings.dtype if settings.quantize == "none" else settings.quantize


def own_change(run: Run) -> Iterator[Finding]:
    """A stage is what it changes: a run of that name without the change is of another kind.

    That can be asked for on the command line, and be quite honest.
    """
    settings = run.result.settings
    if run.exercise is not None:
        yield found("note", run, exercise_in_words(run))
        return
    if settings is None or settings.stage not in STAGES:
        return
    absent = [
        in_words(name, getattr(settings, name))
        for name, value in STAGES[settings.stage].changes.items()
        if getattr(settings, name) != value
    ]
    if absent:
        yield found(
            "doubt",
            run,
            f"it is called {settings.stage} and lacks what this stage changes: {', '.join(absent)}",
        )
    elif differs := variant(settings):
        yield found("note", run, f"its settings are not the stage's own: {one_line(differs)}")


def exercise_in_words(run: Run) -> str:
    """Whose functions ran, and what became of the tokens."""
    which = f"the exercise {run.exercise}" if run.exercise else "an exercise"
    checked = run.result.token_check
    tokens = one_line(checked.sentence, 400) if checked else "not compared with the engine's own"
    return (
        f"an exercise run: the participant's functions of {which} ran in place of the engine's, "
        f"so it does not count as the stage's speed; its tokens: {tokens}"
    )


def ceiling(run: Run) -> Iterator[Finding]:
    """How the device's bandwidth was measured: over an array of the model's size, by its threads.

    A doubt at the most: another version may measure otherwise.
    """
    result = run.result
    match = SOURCE.fullmatch(result.device_bandwidth_source or "")
    if match is None or not result.model_bytes:
        return
    read, wanted = float(match[1]), min(max(result.model_bytes, LEAST_READ), MOST_READ) / 1e6
    if abs(read - wanted) > max(0.6, 0.01 * wanted):
        yield found(
            "doubt",
            run,
            f"the device's bandwidth was measured over {read:.4g} MB, and the model has "
            f"{result.model_bytes / 1e6:.4g} MB",
        )
    if match[2] is not None and result.threads is not None and int(match[2]) != result.threads:
        yield found(
            "doubt",
            run,
            f"the device's bandwidth was measured with {match[2]} threads, and the run had "
            f"{result.threads}",
        )


CHECKS: tuple[Check, ...] = (same_twice, compiled, speculated, stored, own_change, ceiling)
