"""The napkin's hidden checks: formulas at their edges, and one after another in one process."""

from workshop.learn.checking import Work, Wrong, check, number, same_number


@check(
    points=1,
    hints=(
        "What if the sequences fill the memory to the last byte?",
        "A sequence for which there is just enough room fits.",
        "max(0, int((memory_gb - weights_gb) // kv_gb_per_sequence))",
    ),
)
def a_batch_that_just_fits(work: Work) -> None:
    draw = work.draw
    each = draw.choice([0.25, 0.5, 2.0])  # with these, nothing is rounded
    weights, count = float(draw.integer(3, 30)), draw.integer(2, 60)
    full = "it fits to the last byte: nothing need be left over"
    for memory, expected, hint in (
        (weights + each * count, count, full),
        (weights + each * (count + 1), count + 1, full),
        (weights + each * count - each / 8, count - 1, "there is a little too little for one more"),
        (weights, 0, "the weights take all of the memory"),
    ):
        actual = number(work.call("largest_batch", memory, weights, each), "largest_batch")
        if actual != expected:
            what = f"largest_batch({memory:g}, {weights:g}, {each:g}) is off"
            raise Wrong(what, expected, actual, hint)


@check(
    points=1,
    hints=(
        "Which of the arguments does the result hang on?",
        "On all of them, and on nothing else: nothing may be kept from one call to the next.",
        "return the formula of the arguments, and keep nothing",
    ),
)
def one_thing_changed_at_a_time(work: Work) -> None:
    """The same model again and again, as one asks in practice: fewer bits, a longer text, ..."""
    draw = work.draw
    parameters = 2 * draw.integer(10**6, 10**10)
    for bits in (16, 4, 8, 16):
        what = f"weight_bytes({parameters}, {bits})"
        same_number(work.call("weight_bytes", parameters, bits), parameters * bits / 8, what)
    usual = [draw.integer(5, 90), draw.integer(2, 64), draw.integer(33, 256), 100, 1, 2]
    for place, value in ((0, 1), (1, 1), (2, 16), (3, 1), (3, 4096), (4, 7), (5, 1), (5, 2)):
        given = [*usual[:place], value, *usual[place + 1 :]]
        expected = 2 * given[0] * given[1] * given[2] * given[3] * given[4] * given[5]
        what = f"kv_cache_bytes({', '.join(map(str, given))})"
        same_number(work.call("kv_cache_bytes", *given), expected, what)
    read, bandwidth = draw.number(1e6, 1e11), draw.number(20, 5000)
    for factor in (1, 2, 0.5):
        expected = read / (factor * bandwidth * 1e9) * 1e3
        what = f"decode_floor_ms({read:.6g}, {factor * bandwidth:.6g})"
        same_number(work.call("decode_floor_ms", read, factor * bandwidth), expected, what)
    bandwidth = parameters * 120 / 1e9  # of which each of these is a part
    for width, speed in ((2.0, 50.0), (1.0, 50.0), (1.0, 99.0)):
        expected = parameters * width * speed / (bandwidth * 1e9)
        what = f"mbu({parameters}, {width}, {speed}, {bandwidth:.6g})"
        same_number(work.call("mbu", parameters, width, speed, bandwidth), expected, what)
