"""Checks of the roofline: the formulas on fresh numbers, then the answers against the logs."""

from __future__ import annotations

from workshop.learn.checking import Work, Wrong, check

from .formulas import Slips, formula, near, slip
from .gaps import furthest, roof_slips, shares
from .logs import chosen, given, logs_of

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
    peak, bandwidth = draw.number(100, 900_000), draw.number(20, 5000)
    top = peak / bandwidth
    formula(
        work, "ridge", (peak, bandwidth), top,
        ((1 / top, "operations for each byte: peak over bandwidth, not bandwidth over peak"),
         (top / 1e9, "both are in units of 1e9: the 1e9 drop out"),
         (top * 1e3, "GFLOP/s and GB/s are both units of 1e9: nothing to convert")),
    )  # fmt: skip
    for intensity in (top * draw.number(0.05, 0.8), top * draw.number(1.2, 9)):
        sloped = intensity * bandwidth
        formula(
            work, "attainable", (intensity, peak, bandwidth), min(peak, sloped),
            ((sloped if sloped > peak else None,
              "right of the ridge the processor bounds: never more than its peak"),
             (max(peak, sloped), "the SMALLER of the two bounds: both must be kept"),
             (peak, "left of the ridge the memory bounds: intensity x bandwidth"),
             (min(peak, bandwidth / intensity),
              "FLOP/byte times bytes/s is FLOP/s: intensity times bandwidth")),
        )  # fmt: skip


@check(
    points=2,
    hints=(
        "How many operations with each weight, and how many bytes is it?",
        "Two for each token of the pass; the weight is read once for all of them.",
        "2 * batch / bytes_per_parameter; a prompt's tokens all pass at once: times prompt_tokens",
    ),
)
def intensity_of_decode_and_prefill(work: Work) -> None:
    draw = work.draw
    for width in (2.0, 1.0, 0.5):
        batch, prompt = draw.integer(3, 60), draw.integer(70, 3000)
        decode, prefill = 2 * batch / width, 2 * batch * prompt / width
        common = (
            (0.5, "a multiplication and an addition: two operations with each weight"),
            (width, "how many bytes has a parameter? Divide by them"),
            (width**2, "divide by the bytes of a parameter: fewer bytes, higher intensity"),
            (8, "bytes of a parameter, not bits"),
        )
        formula(
            work, "decode_intensity", (batch, width), decode,
            (*((decode * by, hint) for by, hint in common if by != 1),
             (decode / batch, "the weights are read once for the whole batch"),
             (decode / batch**2, "more sequences, more operations for the same bytes")),
        )  # fmt: skip
        formula(
            work, "prefill_intensity", (batch, prompt, width), prefill,
            (*((prefill * by, hint) for by, hint in common if by != 1),
             (prefill / prompt, "all tokens of a prompt pass at once: that is decode's intensity"),
             (prefill / batch, "the weights are read once for all prompts of the batch"),
             (2 * (batch + prompt) / width, "batch prompts of that many tokens: a product")),
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
    for ranks in (1, 2, draw.integer(3, 8)):
        size, bandwidth = draw.number(5e6, 2e11), draw.number(20, 5000)
        speed = bandwidth * 1e9 / size
        formula(
            work, "decode_speed", (size, bandwidth, ranks), ranks * speed,
            ((speed / ranks, "more ranks read MORE bytes in a second: times ranks"),
             (2 * speed, "as many as there are: times ranks, which need not be two"),
             (speed, "each rank has only its part to read, at the same time as the others"),
             (1 / (ranks * speed), "that is seconds a token, not tokens a second"),
             (ranks * speed / 1e9, "the bandwidth is in GB/s, the weights in bytes"),
             (ranks * speed * 2**30 / 1e9, "1 GB is 1e9 bytes here, not 2**30"),
             (ranks * speed / 2, "weight_bytes are bytes already, not parameters")),
        )  # fmt: skip


@check(
    points=2,
    needs=("decode under the roof",),
    hints=(
        "What is read in one pass, and how many tokens does it give?",
        "The draft once for each guess, the model once; the guesses kept, and one token more.",
        "(1 + accepted) * bandwidth * 1e9 / (weight_bytes + guesses * draft_bytes)",
    ),
)
def speculation_under_the_roof(work: Work) -> None:
    draw = work.draw
    for guesses in (draw.integer(3, 5), draw.integer(6, 9)):
        size, bandwidth = draw.number(5e6, 2e11), draw.number(20, 5000)
        draft, kept = size * draw.number(0.05, 0.3), draw.number(0.5, 0.9) * guesses
        reads = bandwidth * 1e9
        both = size + guesses * draft
        formula(
            work, "speculative_speed", (size, draft, guesses, kept, bandwidth),
            (1 + kept) * reads / both,
            ((kept * reads / both, "a pass also gives a token of the model's own: 1 + accepted"),
             (guesses * reads / both, "tokens that are kept count, not those that are guessed"),
             ((1 + guesses) * reads / both, "only guesses that are KEPT become tokens"),
             (reads / both, "a pass gives more than one token: 1 + accepted"),
             ((1 + kept) * reads / size, "the draft is read too, once for each guess"),
             ((1 + kept) * reads / (size + draft), "the draft is read once for EACH guess"),
             ((1 + kept) * reads / (size + kept * draft),
              "a guess costs a step of the draft whether it is kept or not"),
             ((1 + kept) * reads / ((1 + guesses) * size + guesses * draft),
              "the model looks at all guesses in ONE pass"),
             ((1 + kept) / both, "bandwidth in bytes: 1e9 x GB/s"),
             ((1 + kept) * bandwidth / both, "the bandwidth is in GB/s, the weights in bytes")),
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
    predicted = work.draw.number(300, 9000)
    measured = predicted * work.draw.number(0.05, 0.6)
    right = (1 / measured - 1 / predicted) * 1e3
    formula(
        work, "unexplained_ms", (predicted, measured), right,
        ((-right, "what was measured takes longer: measured time less predicted time"),
         (right / 1e3, "that is in seconds, and milliseconds are asked for"),
         (right * 1e3, "that is in microseconds, and milliseconds are asked for"),
         (1e3 / (predicted - measured), "times subtract, speeds do not: 1 / speed first"),
         (1e3 / measured, "that is the whole token: the time that reading takes comes off"),
         (predicted / measured, "that is the factor; asked for are milliseconds"),
         (predicted - measured, "times subtract, speeds do not: 1 / speed first")),
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
    needs=("decode under the roof", "speculation under the roof", "a log of every stage"),
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
    needs=("measured is what the logs say", "predicted is the roof"),
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
    needs=("the largest gap",),
    hints=(
        "What does that stage do, besides reading weights, that its neighbour does not?",
        "Compare it with the stage that it builds on: same bytes? same calls? others to wait for?",
        "baseline calls kernels from Python, speculative guesses, tp waits for the other ranks; "
        "compile and quantize have nothing left but their kernels",
    ),
)
def the_likeliest_cause(work: Work) -> None:
    logs = logs_of(work)
    stage = chosen(work, "largest_gap")
    stage, answer = stage if stage in logs else furthest(logs), chosen(work, "cause")
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
