"""speculative, against quantize: a draft model proposes, the model verifies in one pass."""

from __future__ import annotations

from workshop.stages.sentences import compared, factor, outcome
from workshop.stages.stage import Expectation, Look, Measured, Stage


def explain(result: Measured, against: Measured) -> str:
    """Speed-up = tokens per pass / cost of a pass, in plain steps (Leviathan et al. 2023)."""
    if result.mean_accepted is None or not factor(result, against):
        return compared(result, against)
    per_pass = 1 + result.mean_accepted
    cost = per_pass / factor(result, against)
    told = (
        f"{outcome(result, against)}: a pass gives {per_pass:.3g} tokens "
        f"({(result.acceptance_rate or 0) * 100:.0f} % of the proposed tokens are accepted) "
        f"and, drafting included, takes as long as {cost:.3g} plain steps"
    )
    return f"{told}." if per_pass > cost else f"{told}: drafting costs more than it saves."


STAGE = Stage(
    name="speculative",
    against="quantize",
    changes={"speculate": "draft"},
    summary="a small draft model proposes 3 tokens, the model verifies them in one pass",
    template="speculative.slurm.j2",
    expectation=Expectation(
        "One pass verifies several proposed tokens, and costs hardly more than a step as long as "
        "reading the weights is what takes the time. It pays if enough of them are accepted.",
        "speed-up = (1 − a^(k+1)) / ((1 − a)·c)",
    ),
    explain=explain,
    may_differ=(
        "a pass over several tokens sums in another order than one over a single token, and what "
        "has to be the same, token for token, is the output of the verifier's own path, without a "
        "draft"
    ),
    look=Look("#0072b2", dark="#3a80e0", hatch="...", marker="D"),
    words=frozenset({"speculative", "speculation", "spec", "decoding", "draft"}),
    shows=lambda run: run.mean_accepted is not None or "draft model" in run.conditions,
)
