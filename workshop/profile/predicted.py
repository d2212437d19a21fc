"""What each class of kernels should take for a token, by the roofline."""

from __future__ import annotations

from workshop.analysis.predicted import brief
from workshop.profile.classes import OF_COMPONENT, Class
from workshop.record.results import Result
from workshop.roofline.against import Case, case_of
from workshop.roofline.efficiency import IDEAL, Efficiency, expected
from workshop.roofline.errors import RooflineError
from workshop.roofline.inference import passes_of

Seconds = dict[Class, float]


def predicted_classes(record: Result) -> tuple[Seconds, Seconds] | str:
    """Ideal and expected seconds of a token by class, or why there are none."""
    try:
        case = case_of(record)
        case.plan.check(case.shape)
        return classes(case, IDEAL), classes(case, expected())
    except RooflineError as error:
        return brief(error)


def classes(case: Case, reached: Efficiency) -> Seconds:
    """Seconds of a token, the draft's passes among them: its kernels have the same names."""
    passes = passes_of(case.shape, case.device, case.work, case.plan, reached, case.speculation)
    found: Seconds = {}
    for one in passes.decode:
        for name, seconds in one.breakdown.items():
            kind = OF_COMPONENT[name]
            found[kind] = found.get(kind, 0.0) + seconds / passes.tokens
    return found
