"""The napkin's hidden checks: the same formulas on other numbers."""

from workshop.learn.checking import Work, check, judge_numbers

from .. import CACHE, cache_bytes, judge_batches, utilisation


@check(
    points=1,
    hints=(
        "How many sequences may fit at the very most?",
        "As many as there is memory for: a whole cluster may hold thousands.",
        "max(0, int((memory_gb - weights_gb) // kv_gb_per_sequence))",
    ),
)
def the_memory_of_a_whole_cluster(work: Work) -> None:
    draw = work.draw
    each, weights = draw.choice([0.25, 0.5, 0.125]), float(draw.integer(3, 300))
    count = draw.integer(2000, 90_000)
    cases = [
        (weights + each * count, weights, each, count),
        (weights + each * (count + 1), weights, each, count + 1),
        (weights + each * count - each / 8, weights, each, count - 1),
        (weights + each * (count + 0.25), weights, each, count),
        (weights, weights, each, 0),
    ]
    judge_batches(work, cases)


@check(
    points=1,
    hints=(
        "Which of the arguments does the result hang on?",
        "On all its arguments, and on nothing else: keep nothing from one call to the next.",
        "return the formula of the arguments, and keep nothing",
    ),
)
def one_thing_changed_at_a_time(work: Work) -> None:
    """The same model again and again, as one asks in practice: fewer bits, a longer text, ..."""
    draw = work.draw
    parameters = 1000 * draw.integer(10**3, 9 * 10**3)
    models = (parameters, parameters + 2, parameters + 400)  # a few parameters more
    widths = [(one, bits) for one in models for bits in (16, 4, 8, 16)]
    judge_numbers(work, "weight_bytes", lambda p, bits: p * bits / 8, widths)
    usual = [draw.integer(5, 90), draw.integer(2, 64), draw.integer(33, 256), 100, 1, 2]
    changes = ((0, 1), (1, 1), (2, 16), (3, 1), (3, 4096), (4, 7), (5, 1), (5, 2))
    caches = [(*usual[:at], value, *usual[at + 1 :]) for at, value in changes]
    judge_numbers(work, "kv_cache_bytes", cache_bytes, caches, product_of=CACHE)
    read, bandwidth = draw.number(1e6, 1e11), draw.number(20, 5000)
    steps = [(read, factor * bandwidth) for factor in (1, 2, 0.5)]
    judge_numbers(work, "decode_floor_ms", lambda r, b: r / (b * 1e9) * 1e3, steps)
    bandwidth = parameters * 120 / 1e9  # of which each of these is a part
    shares = [(parameters, w, s, bandwidth) for w, s in ((2.0, 50.0), (1.0, 50.0), (1.0, 99.0))]
    judge_numbers(work, "mbu", utilisation, shares)
