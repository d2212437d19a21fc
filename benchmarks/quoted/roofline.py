"""The roofline exercise's solution: what is right of the demo's logs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from quoted.stored import Stored
from quoted.words import digits, table
from workshop.learn.exercise import checks_of, exercises, package_of

# Wrong answers whose numbers are those of the logs: files of exercises/roofline/checks/wrong/.
WRONG = (
    "achieved", "parameters", "gigabytes", "one-sample", "same-bytes", "with-prefill",
    "by-difference", "another-cause", "blamed-on-compiling",
)  # fmt: skip
# Cause, as the exercise names it -> what it is, in the stage that has it.
CAUSES = {
    "calls": "calling kernels one by one from Python, which compiling saves, with a library's "
    "products",
    "kernels": "the kernels themselves, which do not read at full speed",
    "guessing": "the draft's steps, and a pass over several tokens",
    "all-reduces": "ranks that wait for each other",
}
ABOVE = "tokens/s at the very most."
FORMULAS = {
    "speculative": "(1 + accepted) x bandwidth / (bytes of the model + guesses x bytes of the "
    "draft)",
    "tp": "ranks x bandwidth / bytes of the model",
}
PLAIN = "bandwidth / bytes of the model"


def gaps(stored: Stored) -> tuple[dict[str, Any], Any]:
    """The exercise's own view of the logs, and its module that judges gaps."""
    exercise = exercises()["roofline"]
    checks_of(exercise)
    package = package_of(exercise)
    log, judge = (sys.modules[f"{package}.{name}"] for name in ("logs", "gaps"))
    return {name: log.Log(f"job-{name}.out", run, {}) for name, run in stored.demo.items()}, judge


def solution(stored: Stored) -> str:
    """The table of the solution, and its two answers that depend on the logs."""
    logs, judge = gaps(stored)
    rows = [
        (
            name,
            digits(log.roof),
            digits(log.speed),
            digits(log.roof / log.speed),
            digits(log.unexplained * 1e3),
        )
        for name, log in logs.items()
    ]
    furthest = judge.furthest(logs)
    cause = likeliest(stored)
    head = ("stage", "under the roof", "measured", "gap", "unexplained, ms a token")
    gap = logs[furthest].roof / logs[furthest].speed
    saved = 1e3 / logs["baseline"].speed - 1e3 / logs["compile"].speed
    return (
        f"{table(head, rows)}\n\n"
        f"The largest gap is that of `{furthest}`, at 1/{digits(gap)} of its roof. The likeliest "
        f"cause: `{cause}`, {CAUSES[cause]}. Compiling saves {digits(saved)} ms of a token's "
        f"{digits(1e3 / logs['baseline'].speed)} ms.\n\n{stored.footer('demo')}"
    )


def likeliest(stored: Stored) -> str:
    logs, judge = gaps(stored)
    takes = judge.shares(logs, judge.furthest(logs))
    return max(takes, key=lambda one: takes[one])


def wrong_answers(stored: Stored) -> dict[str, tuple[str, str, float | str]]:
    """Wrong answer -> what the check has to say of it, the question, and the answer."""
    logs, judge = gaps(stored)
    compiled, quantized = logs["compile"], logs["quantize"]
    runs = stored.demo
    speeds = runs["quantize"].sample_speeds
    sample = max(range(len(speeds)), key=lambda i: abs(speeds[i] - quantized.speed))
    samples = runs["speculative"].samples
    whole = sum(len(one.tokens) / one.seconds for one in samples) / len(samples)
    parameters = runs["compile"].model_parameters or 1
    megabytes = (runs["quantize"].model_bytes or 0) / 1e6
    return {
        "achieved": ("that was measured", "predicted_baseline", logs["baseline"].speed),
        "parameters": (
            "parameters are not bytes", "predicted_compile", compiled.reads / parameters
        ),
        "gigabytes": (
            "bandwidth in GB/s", "measured_compile", runs["compile"].bandwidth_gb_per_second or 0.0
        ),
        "one-sample": (f"sample {sample + 1} alone", "measured_quantize", speeds[sample]),
        "same-bytes": (
            f"quantize has {megabytes:.3g} MB", "predicted_quantize", compiled.roof
        ),
        "with-prefill": ("prefill in it", "measured_speculative", whole),
        "by-difference": not_the_furthest(logs),
        "another-cause": another_cause(logs, judge),
        "blamed-on-compiling": ("says recompiles: 0", "cause", "recompiles"),
    }  # fmt: skip


def not_the_furthest(logs: dict[str, Any]) -> tuple[str, str, str]:
    """The stage with the largest difference, if that is not the largest ratio; else the nearest."""
    ratios = {name: log.roof / log.speed for name, log in logs.items()}
    by_difference = max(logs, key=lambda name: logs[name].roof - logs[name].speed)
    if ratios[by_difference] < 0.9 * max(ratios.values()):
        return "a gap is a ratio", "largest_gap", by_difference
    return "the nearest to its roof", "largest_gap", min(ratios, key=lambda name: ratios[name])


def another_cause(logs: dict[str, Any], judge: Any) -> tuple[str, str, str]:
    """A cause that takes less of the furthest stage's time than the check lets pass."""
    furthest = judge.furthest(logs)
    takes = judge.shares(logs, furthest)
    lost = sum(takes.values())
    if takes["kernels"] < 0.4 * lost:
        return "unexplained: ", "cause", "kernels"
    if "guessing" not in takes:
        return f"{furthest} guesses nothing", "cause", "guessing"
    return "one rank waits for nobody", "cause", "all-reduces"


def wrong(name: str) -> Callable[[Stored], str]:
    """What writes a file of exercises/roofline/checks/wrong/."""

    def write(stored: Stored) -> str:
        hint, question, answer = wrong_answers(stored)[name]
        told = f'"{answer}"' if isinstance(answer, str) else f"{answer:.6g}"
        return f'HINT = "{hint}"\nANSWERS = {{"{question}": {told}}}'

    return write


def answers(stored: Stored) -> str:
    """The entries of answers.toml whose examples are those of the logs."""
    logs, judge = gaps(stored)
    furthest = judge.furthest(logs)
    entries = []
    for name, log in logs.items():
        why = f"{FORMULAS.get(name, PLAIN)}: {ABOVE}"
        entries.append(entry(f"predicted_{name}", log.roof, "tokens/s", why, low=1))
    for name, log in logs.items():
        why = "What the log says: Average tokens/sec."
        entries.append(entry(f"measured_{name}", log.speed, "tokens/s", why, low=0.01))
    entries.append(
        entry("largest_gap", furthest, "", "The stage with the largest predicted / measured.",
              choices=list(logs))
    )  # fmt: skip
    why = "1000 / measured - 1000 / predicted, of that stage."
    entries.append(entry("unexplained_ms", logs[furthest].unexplained * 1e3, "ms", why, low=0))
    why = (
        "What the stage does besides reading: baseline calls, speculative guesses, tp waits, and "
        "all have kernels."
    )
    words = ["calls", "kernels", "guessing", "all-reduces", "recompiles", "busy"]
    entries.append(entry("cause", likeliest(stored), "", why, choices=words))
    return "\n\n".join(entries)


def entry(
    key: str,
    example: float | str,
    unit: str,
    why: str,
    low: float | None = None,
    choices: list[str] | None = None,
) -> str:
    lines = [f"[{key}]"]
    if low is not None:
        lines.append(f"low = {low:g}")
    if choices:
        quoted = ", ".join(f'"{one}"' for one in choices)
        lines.append(f"choices = [{quoted}]")
    told = f'"{example}"' if isinstance(example, str) else f"{example:.4g}"
    lines.append(f"example = {told}")
    lines += [f'unit = "{unit}"'] if unit else []
    return "\n".join([*lines, f'reasoning = "{why}"'])
