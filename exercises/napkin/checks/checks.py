"""The napkin's checks: each formula on numbers drawn afresh, and at its edges."""

from workshop.learn.causes import Call, cause, number_cause
from workshop.learn.checking import Draw, Work, Wrong, check, judge_numbers, number


@check(
    points=1,
    hints=(
        "How many bytes is one parameter of that many bits?",
        "8 bits are one byte; a parameter of 4 bits takes half a byte.",
        "parameters * bits / 8",
    ),
)
def bytes_of_the_weights(work: Work) -> None:
    """The same model with several widths, and others with one: nothing may be kept."""
    model, *others = (2 * work.draw.integer(10**6, 10**10) for _ in range(3))
    cases = [*((model, bits) for bits in (16, 4, 8)), *((other, 8) for other in others)]
    judge_numbers(
        work,
        "weight_bytes",
        lambda parameters, bits: parameters * bits / 8,
        cases,
        (
            ("that is in bits: 8 of them are a byte", lambda p, bits: p * bits),
            ("4 bits are half a byte: divide last, and not by //", lambda p, b: p * (b // 8)),
            ("4 bits are half a byte: a parameter need not be a whole number of them",
             lambda p, bits: p * max(1, bits // 8)),
            ("bits are divided by 8, not multiplied", lambda p, bits: p * bits * 8),
            ("the same model has another size in other bits: keep nothing between calls",
             lambda p, bits: p * (16 if p == model else 8) / 8),
        ),
        ("parameters", "bits"),
    )  # fmt: skip


CACHE = ("layers", "kv_heads", "head_dim", "tokens", "batch", "bytes_per_value")


def cache_bytes(
    layers: int, kv_heads: int, head_dim: int, tokens: int, batch: int, bytes_per_value: int
) -> int:
    return 2 * layers * kv_heads * head_dim * tokens * batch * bytes_per_value


def drawn_cache(draw: Draw) -> list[tuple[int, ...]]:
    """One cache, and the same with one argument changed after another; then two others."""
    usual = [draw.integer(51, 90), draw.integer(3, 64), draw.integer(33, 256),
             draw.integer(500, 9000), draw.integer(9, 50), 2]  # fmt: skip
    changes = [(0, 1), (1, 1), (2, 16), (3, draw.integer(2, 400)), (4, 1), (5, 1), (5, 4)]
    one_changed = [(*usual[:at], value, *usual[at + 1 :]) for at, value in changes]
    others = [
        (draw.integer(5, 50), draw.integer(3, 64), draw.integer(33, 256), draw.integer(5, 9000),
         draw.integer(9, 50), draw.choice([1, 4]))
        for _ in range(2)
    ]  # fmt: skip
    return [tuple(usual), *one_changed, *others]


@check(
    points=2,
    hints=(
        "What is kept for every earlier token?",
        "A key and a value, of head_dim numbers each, for each key/value head, in each layer.",
        "2 * layers * kv_heads * head_dim * tokens * batch * bytes_per_value",
    ),
)
def bytes_of_the_kv_cache(work: Work) -> None:
    judge_numbers(
        work,
        "kv_cache_bytes",
        cache_bytes,
        drawn_cache(work.draw),
        (
            ("there are keys and values: two caches", lambda *given: cache_bytes(*given) / 2),
            ("keys and values are two caches, not four", lambda *given: cache_bytes(*given) * 2),
            ("every layer has its own", lambda n, *rest: cache_bytes(1, *rest)),
            ("every key/value head has its own", lambda n, h, *rest: cache_bytes(n, 1, *rest)),
            ("a key has head_dim numbers, not one",
             lambda n, h, d, *rest: cache_bytes(n, h, 1, *rest)),
            ("every earlier token has its own",
             lambda n, h, d, t, *rest: cache_bytes(n, h, d, 1, *rest)),
            ("every sequence of the batch has its own",
             lambda n, h, d, t, b, w: cache_bytes(n, h, d, t, 1, w)),
            ("numbers are not bytes: how many bytes has a value?",
             lambda n, h, d, t, b, w: cache_bytes(n, h, d, t, b, 1)),
            ("a value has bytes_per_value bytes, not always 2",
             lambda n, h, d, t, b, w: cache_bytes(n, h, d, t, b, 2)),
            ("that is in bits", lambda *given: cache_bytes(*given) * 8),
        ),
        CACHE,
    )  # fmt: skip


@check(
    points=1,
    hints=(
        "What does a matrix product do with each weight, for one token?",
        "It multiplies it by an input and adds the product to a sum.",
        "2 * parameters",
    ),
)
def flops_of_a_token(work: Work) -> None:
    cases = [(work.draw.integer(10**6, 10**11),) for _ in range(3)]
    judge_numbers(
        work,
        "token_flops",
        lambda parameters: 2 * parameters,
        cases,
        (
            ("a multiplication and an addition with each parameter are two operations",
             lambda p: p),
            ("operations, not bytes: how many bytes a parameter has does not matter",
             lambda p: 4 * p),
            ("6 a parameter is training: forward, and twice that backward; this is forward alone",
             lambda p: 6 * p),
            ("each weight is multiplied once for a token: 2 operations, not a square",
             lambda p: p * p),
        ),
        ("parameters",),
    )  # fmt: skip


@check(
    points=1,
    hints=(
        "Bytes, over bytes per second.",
        "The bandwidth is in GB/s, the result in ms.",
        "bytes_read / (bandwidth * 1e9) * 1e3",
    ),
)
def least_time_of_a_step(work: Work) -> None:
    draw = work.draw
    read, bandwidth = draw.number(1e6, 1e11), draw.number(20, 5000)
    # A step of microseconds, too: nothing may be rounded.
    cases = [(read, bandwidth), (read, 2 * bandwidth), (3 * read, bandwidth), (1.5e6, 3000.0)]
    judge_numbers(
        work,
        "decode_floor_ms",
        lambda read, bandwidth: read / (bandwidth * 1e9) * 1e3,
        cases,
        (
            ("that is in seconds, and milliseconds are asked for", lambda r, b: r / (b * 1e9)),
            ("the bandwidth is in GB/s: 1e9 bytes a second", lambda r, b: r / b * 1e3),
            ("the bandwidth is in GB/s, and the result in milliseconds", lambda r, b: r / b),
            ("1 GB is 1e9 bytes here, not 2**30", lambda r, b: r / (b * 2**30) * 1e3),
            ("1 GB is 1e9 bytes here, not 2**30; and milliseconds are asked for",
             lambda r, b: r / (b * 2**30)),
            ("bytes over bytes per second: bytes_read is divided by the bandwidth",
             lambda r, b: b * 1e9 / r * 1e3),
            ("that is in microseconds, and milliseconds are asked for",
             lambda r, b: r / (b * 1e9) * 1e6),
            ("bytes_read is in bytes already, not in bits", lambda r, b: r / 8 / (b * 1e9) * 1e3),
        ),
        ("bytes_read", "bandwidth"),
    )  # fmt: skip


def utilisation(parameters: float, width: float, speed: float, bandwidth: float) -> float:
    return parameters * width * speed / (bandwidth * 1e9)


@check(
    points=2,
    hints=(
        "Bytes of weights read in a second, over those that could be.",
        "Each token reads all weights once.",
        "parameters * bytes_per_parameter * tokens_per_second / (bandwidth * 1e9)",
    ),
)
def model_bandwidth_utilisation(work: Work) -> None:
    draw = work.draw
    cases = []
    for width in (0.5, 2.0, 4.0, 1.0, draw.choice([0.5, 2.0])):
        parameters, speed = draw.integer(10**8, 10**10), draw.number(1.5, 300)
        bandwidth = parameters * width * speed / (draw.number(0.05, 0.95) * 1e9)
        cases.append((parameters, width, speed, bandwidth))
    parameters, width, speed, bandwidth = cases[0]
    cases += [(parameters, 4 * width, speed, 5 * bandwidth), (parameters, width, 2.0, bandwidth)]
    cases.append((parameters, 4 * width, speed, bandwidth * utilisation(*cases[0])))  # it is 4
    judge_numbers(
        work,
        "mbu",
        utilisation,
        cases,
        (
            ("that is in percent; 0.5 is asked for where it is half",
             lambda *given: 100 * utilisation(*given)),
            ("how many bytes has a parameter?", lambda p, w, s, b: utilisation(p, 1, s, b)),
            ("the bandwidth is in GB/s", lambda *given: 1e9 * utilisation(*given)),
            ("1 GB is 1e9 bytes here, not 2**30",
             lambda p, w, s, b: utilisation(p, w, s, b * 2**30 / 1e9)),
            ("tokens per second multiply the bytes: more tokens, more bytes read",
             lambda p, w, s, b: utilisation(p, w, 1 / s, b)),
            ("a token reads every weight: how many tokens are there in a second?",
             lambda p, w, s, b: utilisation(p, w, 1, b)),
            ("that is what could be read over what is read: the other way round",
             lambda *given: 1 / utilisation(*given)),
            ("bytes are read, not operations done: no factor of 2",
             lambda *given: 2 * utilisation(*given)),
            ("a parameter has that many bytes, not bits",
             lambda *given: utilisation(*given) / 8),
            ("more than 1 is returned as it is: it shows that a number is wrong, or that a cache "
             "was read", lambda *given: min(1.0, utilisation(*given))),
        ),
        ("parameters", "bytes_per_parameter", "tokens_per_second", "bandwidth"),
    )  # fmt: skip


@check(
    points=2,
    hints=(
        "What is left of the memory once the weights are there?",
        "Only whole sequences fit, and less than none does not.",
        "max(0, int((memory_gb - weights_gb) // kv_gb_per_sequence))",
    ),
)
def largest_batch_that_fits(work: Work) -> None:
    draw = work.draw
    cases = []
    for place in (0.3, 0.9, draw.number(0.1, 0.9)):
        weights, each, count = draw.number(3, 30), draw.number(0.1, 2), draw.integer(2, 400)
        cases.append((weights + each * (count + place), weights, each, count))
    each, count = draw.choice([0.25, 0.5, 2.0]), draw.integer(2, 60)  # nothing of it is rounded
    weights = float(draw.integer(3, 30))
    cases += [
        (weights + each * count, weights, each, count),  # to the last byte
        (weights + each * count - each / 8, weights, each, count - 1),
        (weights + each, weights, each, 1),
        (weights + each * 0.75, weights, each, 0),  # room for a part of one
        (weights, weights, each, 0),
        (weights + 0.75 + 2.0 * count, weights + 0.5, 2.0, count),  # neither is a multiple alone
        (weights / 2, weights, 0.5, 0),  # not even the weights fit
    ]
    judge_batches(work, cases)


def judge_batches(work: Work, cases: list[tuple[float, float, float, int]]) -> None:
    """Raises Wrong unless each (memory, weights, each) gives the number that stands behind it."""
    calls = [
        Call((memory, weights, each), expected,
             number(work.call("largest_batch", memory, weights, each), "largest_batch"))
        for memory, weights, each, expected in cases
    ]  # fmt: skip
    for call in calls:
        if call.actual != call.expected:
            hint = cause(calls, BATCH_SLIPS, lambda actual, wrong: actual == wrong)
            what = f"largest_batch({', '.join(f'{one:.6g}' for one in call.given)}) is off"
            raise Wrong(what, call.expected, call.actual, hint or number_cause(calls))


def fits(memory: float, weights: float, each: float) -> float:
    return (memory - weights) / each


def rounded_up(memory: float, weights: float, each: float) -> float:
    return -(-(memory - weights) // each)


BATCH_SLIPS = (
    ("part of a sequence does not fit: round down", lambda m, w, e: max(0, rounded_up(m, w, e))),
    ("part of a sequence does not fit: round down, and stop at 0", rounded_up),
    ("part of a sequence does not fit: round down, not to the nearest",
     lambda m, w, e: max(0, round(fits(m, w, e)))),
    ("part of a sequence does not fit: round down, not to the nearest",
     lambda m, w, e: max(0, int(fits(m, w, e) + 0.5))),
    ("part of a sequence does not fit: round down", lambda m, w, e: max(0, int(fits(m, w, e)) + 1)),
    ("part of a sequence does not fit: a whole number", fits),
    ("part of a sequence does not fit: a whole number", lambda m, w, e: max(0.0, fits(m, w, e))),
    ("the weights are in the same memory", lambda m, w, e: m // e),
    ("the weights are in the same memory", lambda m, w, e: int(m / e)),
    ("the weights are in the same memory", lambda m, w, e: 0 if w > m else m // e),
    ("round once, at the end: how many sequences fit what the weights leave",
     lambda m, w, e: max(0, m // e - -(-w // e))),
    ("the weights are there once, whatever the batch", lambda m, w, e: int(m // (w + e))),
    ("the weights are there once, whatever the batch", lambda m, w, e: int(m / (w + e))),
    ("less than none cannot fit: stop at 0", lambda m, w, e: int((m - w) // e)),
    ("less than none cannot fit: stop at 0", lambda m, w, e: int((m - w) / e)),
    ("less than none cannot fit: stop at 0", lambda m, w, e: abs(int(fits(m, w, e)))),
    ("where not even one sequence fits, the batch is 0",
     lambda m, w, e: max(1, int(fits(m, w, e)))),
    ("where not even one sequence fits, the batch is 0",
     lambda m, w, e: 0 if w > m else max(1, int(fits(m, w, e)))),
    ("it fits to the last byte: nothing needs to be left over",
     lambda m, w, e: max(0, rounded_up(m, w, e) - 1)),
    ("it fits to the last byte: nothing needs to be left over",
     lambda m, w, e: rounded_up(m, w, e) - 1),
    ("one fewer than fits: no margin is asked for", lambda m, w, e: max(0, int(fits(m, w, e)) - 1)),
)  # fmt: skip
