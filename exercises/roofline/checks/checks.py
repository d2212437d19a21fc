"""Checks of the roofline: the formulas on fresh numbers, then the answers against the logs."""

from __future__ import annotations

from collections.abc import Sequence

from workshop.learn.checking import Work, Wrong, check, judge_numbers

from .formulas import Slips, near, slip
from .gaps import furthest, roof_slips, shares
from .logs import Log, chosen, given, logs_of

READ_OFF = 0.01  # rounding to three digits is half of that
WORKED_OUT = 0.03
SHARED = 0.4  # of the unexplained time: a cause with less is not the likeliest


@check(
    points=2,
    hints=(
        "Two things can bound the work. Which of them does?",
        "The memory allows intensity x bandwidth, the processor its peak: the smaller of the two.",
        "min(peak, intensity * bandwidth); the two are equal at peak / bandwidth",
    ),
)
def the_roof_and_its_ridge(work: Work) -> None:
    draw = work.draw
    machines = [(draw.number(100, 900_000), draw.number(20, 5000)) for _ in range(4)]
    judge_numbers(
        work, "ridge", lambda peak, bandwidth: peak / bandwidth, machines,
        (("operations for each byte: peak over bandwidth, not bandwidth over peak",
          lambda peak, bandwidth: bandwidth / peak),
         ("both are in units of 1e9: the 1e9 drop out", lambda p, b: p / b / 1e9),
         ("both are in units of 1e9: the 1e9 drop out", lambda p, b: p / b * 1e9),
         ("GFLOP/s and GB/s are both units of 1e9: nothing to convert", lambda p, b: p / b * 1e3)),
        ("peak", "bandwidth"),
    )  # fmt: skip
    peak, bandwidth = machines[0]
    top = peak / bandwidth
    left, right = top * draw.number(0.05, 0.8), top * draw.number(1.2, 9)
    judge_numbers(
        work, "attainable", lambda i, peak, bandwidth: min(peak, i * bandwidth),
        [(i, peak, bandwidth)
         for i in (left, right, top * 0.999, top * 1.001, 2 * peak, top / 2e9, 2 / top)],
        (("right of the ridge the processor bounds: never more than its peak",
          lambda i, p, b: i * b),
         ("the SMALLER of the two bounds: both must be kept", lambda i, p, b: max(p, i * b)),
         ("left of the ridge the memory bounds: intensity x bandwidth", lambda i, p, b: p),
         ("GFLOP/s and GB/s are both units of 1e9: nothing to convert",
          lambda i, p, b: min(p, i * b * 1e9)),
         ("GFLOP/s and GB/s are both units of 1e9: nothing to convert",
          lambda i, p, b: min(p, i * b / 1e9)),
         ("GFLOP/s and GB/s are both units of 1e9: nothing to convert",
          lambda i, p, b: min(p * 1e9, i * b * 1e9)),
         ("the ridge is peak / bandwidth, not bandwidth / peak",
          lambda i, p, b: p if i > b / p else i * b),
         ("FLOP/byte times bytes/s is FLOP/s: intensity times bandwidth",
          lambda i, p, b: min(p, b / i)),
         ("FLOP/byte times bytes/s is FLOP/s: intensity times bandwidth",
          lambda i, p, b: min(p, i / b)),
         ("an intensity is compared with the ridge, peak / bandwidth, not with the peak",
          lambda i, p, b: p if i > p else i * b),
         ("FLOP/byte times bytes/s is FLOP/s: intensity times bandwidth",
          lambda i, p, b: min(p, b)),
         ("the roof has a corner: the smaller bound alone, no sum of both",
          lambda i, p, b: 1 / (1 / p + 1 / (i * b))),
         ("the roof has a corner: the smaller bound alone, no sum of both",
          lambda i, p, b: p + i * b)),
    )  # fmt: skip


WIDTHS = (2.0, 1.0, 0.5)
OPERATIONS = "a multiplication and an addition: two operations with each weight"
BYTES_OF_ONE = "how many bytes has a parameter? Divide by them"


@check(
    points=2,
    hints=(
        "How many operations with each weight, and how many bytes is it?",
        "Two for each token of the pass; the weight is read once for all of them.",
        "2 * batch / bytes_per_parameter; a prompt's tokens all pass at once: times prompt_tokens",
    ),
)
def intensity_of_decode_and_prefill(work: Work) -> None:
    judge_intensities(work, WIDTHS)


def judge_intensities(work: Work, widths: Sequence[float]) -> None:
    draw = work.draw
    cases = [(draw.integer(3, 60), draw.integer(70, 3000), width) for width in [*widths, *widths]]
    judge_numbers(
        work, "decode_intensity", lambda batch, width: 2 * batch / width,
        [(batch, width) for batch, _, width in cases],
        ((OPERATIONS, lambda n, w: n / w),
         (BYTES_OF_ONE, lambda n, w: 2 * n),
         (BYTES_OF_ONE, lambda n, w: n),
         ("divide by the bytes of a parameter: fewer bytes, higher intensity",
          lambda n, w: 2 * n * w),
         ("bytes of a parameter, not bits", lambda n, w: 2 * n / (8 * w)),
         ("bytes of a parameter, not bits", lambda n, w: 2 * n / w * 8),
         ("the weights are read once for the whole batch", lambda n, w: 2 / w),
         ("more sequences, more operations for the same bytes", lambda n, w: 2 / (n * w)),
         ("operations for a byte, not bytes for an operation", lambda n, w: w / (2 * n))),
        ("batch", "bytes_per_parameter"),
    )  # fmt: skip
    judge_numbers(
        work, "prefill_intensity", lambda batch, prompt, width: 2 * batch * prompt / width, cases,
        ((OPERATIONS, lambda n, t, w: n * t / w),
         (BYTES_OF_ONE, lambda n, t, w: 2 * n * t),
         (BYTES_OF_ONE, lambda n, t, w: n * t),
         ("divide by the bytes of a parameter: fewer bytes, higher intensity",
          lambda n, t, w: 2 * n * t * w),
         ("bytes of a parameter, not bits", lambda n, t, w: 2 * n * t / (8 * w)),
         ("bytes of a parameter, not bits", lambda n, t, w: 2 * n * t / w * 8),
         ("all tokens of a prompt pass at once: that is decode's intensity",
          lambda n, t, w: 2 * n / w),
         ("the weights are read once for all prompts of the batch", lambda n, t, w: 2 * t / w),
         ("the products with weights alone: each token passes once, no square",
          lambda n, t, w: 2 * n * t * t / w),
         ("batch prompts of that many tokens: a product", lambda n, t, w: 2 * (n + t) / w),
         ("operations for a byte, not bytes for an operation", lambda n, t, w: w / (2 * n * t))),
        ("batch", "prompt_tokens", "bytes_per_parameter"),
    )  # fmt: skip


@check(
    points=2,
    hints=(
        "How long does reading all the weights take, and how many tokens is that?",
        "Each rank reads its part at the same time: n ranks have n times the bandwidth.",
        "ranks * bandwidth * 1e9 / weight_bytes",
    ),
)
def decode_under_the_roof(work: Work) -> None:
    draw = work.draw
    judge_numbers(
        work, "decode_speed", lambda size, bandwidth, ranks: ranks * bandwidth * 1e9 / size,
        [(draw.number(5e6, 2e11), draw.number(20, 5000), ranks)
         for ranks in (1, 2, draw.integer(3, 4), draw.integer(5, 8), 2)],
        (("more ranks read MORE bytes in a second: times ranks", lambda s, b, n: b * 1e9 / s / n),
         ("as many as there are: times ranks, which need not be two",
          lambda s, b, n: 2 * b * 1e9 / s),
         ("as many as there are: times ranks, which need not be two",
          lambda s, b, n: (2 if n > 1 else 1) * b * 1e9 / s),
         ("each rank has only its part to read, at the same time as the others",
          lambda s, b, n: b * 1e9 / s),
         ("that is seconds a token, not tokens a second", lambda s, b, n: s / (n * b * 1e9)),
         ("the bandwidth is in GB/s, the weights in bytes", lambda s, b, n: n * b / s),
         ("1 GB is 1e9 bytes here, not 2**30", lambda s, b, n: n * b * 2**30 / s),
         ("weight_bytes are bytes already, not parameters", lambda s, b, n: n * b * 1e9 / s / 2),
         ("weight_bytes are bytes already, not bits", lambda s, b, n: n * b * 1e9 / s * 8)),
        ("weight_bytes", "bandwidth", "ranks"),
    )  # fmt: skip


def pass_speed(size: float, draft: float, guesses: int, kept: float, bandwidth: float) -> float:
    return (1 + kept) * bandwidth * 1e9 / (size + guesses * draft)


@check(
    points=2,
    hints=(
        "What is read in one pass, and how many tokens does it give?",
        "The draft once for each guess, the model once; the guesses kept, and one token more.",
        "(1 + accepted) * bandwidth * 1e9 / (weight_bytes + guesses * draft_bytes)",
    ),
)
def speculation_under_the_roof(work: Work) -> None:
    draw = work.draw
    first, second = draw.integer(3, 5), draw.integer(6, 9)
    judge_passes(
        work,
        ((first, draw.number(0.5, 0.9) * first), (second, draw.number(0.5, 0.9) * second),
         (first, 0.0), (second, float(second)), (0, 0.0)),
    )  # fmt: skip


def judge_passes(work: Work, passes: Sequence[tuple[int, float]]) -> None:
    """``passes`` have guesses, and how many of them are kept."""
    draw = work.draw
    cases = []
    for guesses, kept in passes:
        size = draw.number(5e6, 2e11)
        cases.append((size, size * draw.number(0.05, 0.3), guesses, kept, draw.number(20, 5000)))
    judge_numbers(
        work, "speculative_speed", pass_speed, cases,
        (("a pass also gives a token of the model's own: 1 + accepted",
          lambda s, d, n, a, b: a * b * 1e9 / (s + n * d)),
         ("tokens that are kept count, not those that are guessed",
          lambda s, d, n, a, b: n * b * 1e9 / (s + n * d)),
         ("only guesses that are KEPT become tokens",
          lambda s, d, n, a, b: (1 + n) * b * 1e9 / (s + n * d)),
         ("a pass gives more than one token: 1 + accepted",
          lambda s, d, n, a, b: b * 1e9 / (s + n * d)),
         ("the draft is read too, once for each guess",
          lambda s, d, n, a, b: (1 + a) * b * 1e9 / s),
         ("the draft is read once for EACH guess",
          lambda s, d, n, a, b: (1 + a) * b * 1e9 / (s + d)),
         ("the draft is read once for EACH guess",
          lambda s, d, n, a, b: (1 + a) * b * 1e9 / (s + (d if n else 0))),
         ("a guess costs a step of the draft whether it is kept or not",
          lambda s, d, n, a, b: (1 + a) * b * 1e9 / (s + a * d)),
         ("the draft is read for the guesses alone, not once more",
          lambda s, d, n, a, b: (1 + a) * b * 1e9 / (s + (n + 1) * d)),
         ("the model looks at all guesses in ONE pass",
          lambda s, d, n, a, b: (1 + a) * b * 1e9 / ((1 + n) * s + n * d)),
         ("the model looks at all guesses in ONE pass",
          lambda s, d, n, a, b: (1 + a) * b * 1e9 / (n * (s + d))),
         ("bandwidth in bytes: 1e9 x GB/s", lambda s, d, n, a, b: (1 + a) / (s + n * d)),
         ("the bandwidth is in GB/s, the weights in bytes",
          lambda s, d, n, a, b: (1 + a) * b / (s + n * d)),
         ("that is seconds a token, not tokens a second",
          lambda s, d, n, a, b: 1 / pass_speed(s, d, n, a, b)),
         ("how many are kept is given: it is no share of the guesses",
          lambda s, d, n, a, b: (1 + n * a) * b * 1e9 / (s + n * d))),
    )  # fmt: skip


@check(
    points=1,
    hints=(
        "How long does a token take, and how long would it take at the predicted speed?",
        "A speed in tokens/s is 1 / speed seconds a token; times subtract, speeds do not.",
        "(1 / measured - 1 / predicted) * 1e3",
    ),
)
def time_that_reading_does_not_explain(work: Work) -> None:
    """Also of a stage that is faster than its roof: then it is less than nothing."""
    draw = work.draw
    speeds = [draw.number(300, 9000) for _ in range(4)]
    factors = (draw.number(0.05, 0.3), draw.number(0.3, 0.6), draw.number(1.2, 4), 1.0)
    judge_numbers(
        work, "unexplained_ms", lambda predicted, measured: (1 / measured - 1 / predicted) * 1e3,
        [(speed, speed * factor) for speed, factor in zip(speeds, factors, strict=True)],
        (("what was measured takes longer: measured time less predicted time",
          lambda p, m: (1 / p - 1 / m) * 1e3),
         ("a stage faster than its roof has less than nothing to explain: keep the sign",
          lambda p, m: abs(1 / m - 1 / p) * 1e3),
         ("a stage faster than its roof has less than nothing to explain: keep the sign",
          lambda p, m: max(0.0, 1 / m - 1 / p) * 1e3),
         ("that is in seconds, and milliseconds are asked for", lambda p, m: 1 / m - 1 / p),
         ("that is in microseconds, and milliseconds are asked for",
          lambda p, m: (1 / m - 1 / p) * 1e6),
         ("times subtract, speeds do not: 1 / speed first", lambda p, m: 1e3 / (p - m)),
         ("times subtract, speeds do not: 1 / speed first", lambda p, m: 1 / (p - m)),
         ("that is the whole token: the time that reading takes comes off", lambda p, m: 1e3 / m),
         ("that is the time that reading takes: it comes off the whole token",
          lambda p, m: 1e3 / p),
         ("that is the factor; asked for are milliseconds", lambda p, m: p / m),
         ("that is the factor; asked for are milliseconds", lambda p, m: m / p),
         ("that is a share; asked for are milliseconds", lambda p, m: (p - m) / p),
         ("that is a share; asked for are milliseconds", lambda p, m: (p - m) / m),
         ("that is a share in percent; asked for are milliseconds",
          lambda p, m: 100 * (p - m) / p),
         ("that is a share in percent; asked for are milliseconds",
          lambda p, m: 100 * (p - m) / m),
         ("times subtract, speeds do not: 1 / speed first", lambda p, m: p - m)),
    )  # fmt: skip


@check(
    points=1,
    hints=(
        "Where do the runs of the five stages leave what they measured?",
        "Each in a file job-STAGE-JOB.out, where it was submitted.",
        "workshop submit all, wait for the end, then move the five job*.out beside exercise.py",
    ),
)
def a_log_of_every_stage(work: Work) -> None:
    logs_of(work)


@check(
    points=2,
    needs=("a log of every stage",),
    hints=(
        "Each log ends with its averages.",
        "'Average tokens/sec' is the mean of the samples, decode alone.",
        "workshop results job*.out prints them all: column tokens/s",
    ),
)
def measured_is_what_the_logs_say(work: Work) -> None:
    logs = logs_of(work)
    for stage, log in logs.items():
        key = f"measured_{stage}"
        actual, result = given(work, key), log.result
        if near(actual, log.speed, READ_OFF):
            continue
        others = (
            *((other.tokens_per_second, f"that is of {name}; the newest plain run is {log.name}")
              for name, other in log.others.items()),
            *((other.speed, f"that is {name}'s speed") for name, other in logs.items()
              if name != stage),
        )  # fmt: skip
        whole = [len(one.tokens) / one.seconds for one in result.samples if one.seconds > 0]
        slips: Slips = (
            (sum(whole) / len(whole) if whole else None,
             "that has prefill in it: tokens/s is of decode alone, as the log's average"),
            *((one, f"that is sample {i + 1} alone: take the mean of all of them")
              for i, one in enumerate(result.sample_speeds)),
            (1e3 / log.speed, "that is milliseconds a token; tokens/s are asked for"),
            (1 / log.speed, "that is seconds a token; tokens/s are asked for"),
            (result.bandwidth_gb_per_second, "that is the bandwidth in GB/s, not tokens/s"),
            (result.total_tokens_per_second, "that is of all sequences together; of ONE, please"),
            (result.reference.tokens_per_second if result.reference else None,
             "that is float32, which was measured for comparison"),
            (log.roof, "that is the prediction: what does the log say?"),
        )  # fmt: skip
        hint = slip(actual, others, 0.002) or slip(actual, slips, 0.002)
        raise Wrong(f"{key} is not what {log.name} says", log.speed, actual, hint)


@check(
    points=3,
    needs=("a log of every stage",),
    hints=(
        "Which bytes does each stage read, and at what bandwidth could it?",
        "Each log's record has model_bytes, draft_bytes, world_size, mean_accepted and the "
        "memory's own bandwidth: device_bandwidth_gb_per_second.",
        "decode_speed(model_bytes, device_bandwidth_gb_per_second, world_size), and for "
        "speculative speculative_speed(model_bytes, draft_bytes, 3, mean_accepted, ...)",
    ),
)
def predicted_is_the_roof(work: Work) -> None:
    logs = logs_of(work)
    for stage, log in logs.items():
        key = f"predicted_{stage}"
        actual, result = given(work, key), log.result
        # An input embedding, of which a row is read, may be counted or left out.
        passes = log.speed / log.tokens_a_pass
        really_read = (result.bandwidth_gb_per_second or 0.0) * 1e9 / passes
        roofs = [log.roof]
        if really_read > 0:
            roofs.append(log.roof * log.bytes_a_pass / really_read)
        if any(near(actual, roof, WORKED_OUT) for roof in roofs):
            continue
        raise Wrong(
            f"{key} is not what the roof of {log.name} allows", log.roof, actual,
            slip(actual, roof_slips(logs, stage), 0.02),
        )  # fmt: skip


@check(
    points=2,
    needs=("a log of every stage",),
    hints=(
        "Which stage is the furthest from what it could reach?",
        "Divide predicted by measured, for each stage, and look for the largest.",
        "then unexplained_ms = (1 / measured - 1 / predicted) * 1e3, of that stage",
    ),
)
def the_largest_gap(work: Work) -> None:
    logs = logs_of(work)
    gaps = {stage: log.roof / log.speed for stage, log in logs.items()}
    right, answer = furthest(logs), chosen(work, "largest_gap")
    if answer not in gaps:
        raise Wrong("largest_gap is not a stage", ", ".join(gaps), answer)
    if gaps[answer] < 0.9 * gaps[right]:
        hint = None
        if answer == max(logs, key=lambda stage: logs[stage].roof - logs[stage].speed):
            hint = "tokens/s do not subtract: a gap is a ratio, predicted / measured"
        elif answer == min(logs, key=lambda stage: logs[stage].speed):
            hint = "the slowest is not always the furthest from its own roof: divide"
        elif answer == min(gaps, key=lambda stage: gaps[stage]):
            hint = "that is the nearest to its roof: predicted / measured, not the inverse"
        expected = f"a stage at 1/{gaps[right]:.3g} of its roof"
        raise Wrong(
            "another stage is further from its roof", expected,
            f"{answer}, at 1/{gaps[answer]:.3g}", hint,
        )  # fmt: skip
    actual, seconds = given(work, "unexplained_ms"), logs[answer].unexplained
    if not near(actual, seconds * 1e3, WORKED_OUT):
        slips: Slips = (
            (seconds, "that is in seconds, and milliseconds are asked for"),
            (seconds * 1e6, "that is in microseconds, and milliseconds are asked for"),
            (-seconds * 1e3, "what was measured takes longer: measured less predicted"),
            (gaps[answer], "that is the factor; asked for are milliseconds of a token"),
            (1e3 / (logs[answer].roof - logs[answer].speed), "times subtract, speeds do not"),
            *((other.unexplained * 1e3, f"that is of {name}") for name, other in logs.items()),
        )
        hint = slip(actual, slips, WORKED_OUT)
        raise Wrong(f"unexplained_ms of {answer} is off", seconds * 1e3, actual, hint)


@check(
    points=2,
    needs=("a log of every stage",),
    hints=(
        "What does that stage do, besides reading weights, that its neighbour does not?",
        "Compare it with the stage that it builds on: same bytes? same calls? others to wait for?",
        "baseline calls kernels from Python, speculative guesses, tp waits for the other ranks; "
        "compile and quantize have nothing left but their kernels",
    ),
)
def the_likeliest_cause(work: Work) -> None:
    logs = logs_of(work)
    stage, answer = explained_stage(work, logs), chosen(work, "cause")
    log, takes = logs[stage], shares(logs, stage)
    lost = sum(takes.values())
    fitting = {max(takes, key=lambda one: takes[one])}
    fitting |= {one for one, seconds in takes.items() if seconds >= SHARED * lost}
    if any("other process" in warning for warning in log.result.warnings):
        fitting.add("busy")
    if log.result.recompiles:
        fitting.add("recompiles")
    if answer in fitting:
        return
    step = "a pass" if log.guesses else "a token"
    told = ", ".join(f"{one} {seconds * 1e3:.3g} ms" for one, seconds in takes.items())
    why_not = {
        "calls": "a compiled step is one graph: Python calls once for all its kernels",
        "kernels": f"of the {lost * 1e3:.3g} ms that {step} has unexplained: {told}",
        "guessing": f"{stage} guesses nothing: no draft is at work",
        "all-reduces": "one rank waits for nobody",
        "recompiles": f"{log.name} says recompiles: {log.result.recompiles or 0}",
        "busy": f"{log.name} has no warning of others at work",
    }
    if answer not in why_not:
        raise Wrong("cause is not one of the words", ", ".join(why_not), answer)
    raise Wrong(f"that does not explain {stage}", actual=answer, hint=why_not[answer])


def explained_stage(work: Work, logs: dict[str, Log]) -> str:
    """The stage that they take for the furthest from its roof, if it is about as far as that."""
    right, stage = furthest(logs), str(work.answers.get("largest_gap", "")).strip().lower()
    gaps = {name: log.roof / log.speed for name, log in logs.items()}
    return stage if gaps.get(stage, 0) >= 0.9 * gaps[right] else right
