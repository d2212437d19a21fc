"""The napkin's checks: each formula on numbers drawn afresh."""

from workshop.learn.checking import Work, Wrong, check, number, same_number


@check(
    points=1,
    hints=(
        "How many bytes is one parameter of that many bits?",
        "8 bits are one byte; a parameter of 4 bits takes half a byte.",
        "parameters * bits / 8",
    ),
)
def bytes_of_the_weights(work: Work) -> None:
    for bits in (16, 8, 4):
        parameters = 2 * work.draw.integer(10**6, 10**10)
        expected = parameters * bits / 8
        actual = number(work.call("weight_bytes", parameters, bits), "weight_bytes")
        what = f"weight_bytes({parameters}, {bits})"
        if actual == parameters * bits:
            raise Wrong(f"{what} is off", expected, actual, "that is in bits: 8 of them are a byte")
        if bits == 4 and actual in (parameters, 0):
            hint = "4 bits are half a byte: divide last, and not by //"
            raise Wrong(f"{what} is off", expected, actual, hint)
        same_number(actual, expected, what)


@check(
    points=2,
    hints=(
        "What is kept for every earlier token?",
        "A key and a value, of head_dim numbers each, for each key/value head, in each layer.",
        "2 * layers * kv_heads * head_dim * tokens * batch * bytes_per_value",
    ),
)
def bytes_of_the_kv_cache(work: Work) -> None:
    draw = work.draw
    for _ in range(3):
        # No two of layers, batch and width are the same: what was left out has one cause.
        layers, heads, size = draw.integer(51, 90), draw.integer(3, 64), draw.integer(33, 256)
        tokens, batch, width = draw.integer(5, 9000), draw.integer(9, 50), draw.choice([1, 4])
        expected = 2 * layers * heads * size * tokens * batch * width
        actual = number(
            work.call("kv_cache_bytes", layers, heads, size, tokens, batch, width),
            "kv_cache_bytes",
        )
        what = f"kv_cache_bytes({layers}, {heads}, {size}, {tokens}, {batch}, {width})"
        causes = {
            expected / 2: "there are keys and values: two caches",
            expected * 2: "keys and values are two caches, not four",
            expected / layers: "every layer has its own",
            expected / batch: "every sequence of the batch has its own",
            expected / width: "numbers are not bytes: how many bytes has a value?",
            expected * 8: "that is in bits",
        }
        if actual != expected:
            raise Wrong(f"{what} is off", expected, actual, causes.get(actual))


@check(
    points=1,
    hints=(
        "What does a matrix product do with each weight, for one token?",
        "It multiplies it by an input and adds the product to a sum.",
        "2 * parameters",
    ),
)
def flops_of_a_token(work: Work) -> None:
    parameters = work.draw.integer(10**6, 10**11)
    actual = number(work.call("token_flops", parameters), "token_flops")
    if actual == parameters:
        hint = "a multiplication and an addition with each parameter are two operations"
        raise Wrong(f"token_flops({parameters}) is off", 2 * parameters, actual, hint)
    same_number(actual, 2 * parameters, f"token_flops({parameters})")


@check(
    points=1,
    hints=(
        "Bytes, over bytes per second.",
        "The bandwidth is in GB/s, the result in ms.",
        "bytes_read / (bandwidth * 1e9) * 1e3",
    ),
)
def least_time_of_a_step(work: Work) -> None:
    read, bandwidth = work.draw.number(1e6, 1e11), work.draw.number(20, 5000)
    expected = read / (bandwidth * 1e9) * 1e3
    actual = number(work.call("decode_floor_ms", read, bandwidth), "decode_floor_ms")
    for factor, hint in (
        (1e-3, "that is in seconds, and milliseconds are asked for"),
        (1e9, "the bandwidth is in GB/s: 1e9 bytes a second"),
        (1e6, "the bandwidth is in GB/s, and the result in milliseconds"),
        (1e9 / 2**30, "1 GB is 1e9 bytes here, not 2**30"),
    ):
        if abs(actual - expected * factor) < 1e-6 * expected * factor:
            raise Wrong("the least time of a step is off", expected, actual, hint)
    same_number(actual, expected, "the least time of a step (ms)")


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
    parameters, width = draw.integer(10**8, 10**10), draw.choice([0.5, 2.0, 4.0])
    expected, speed = draw.number(0.05, 0.95), draw.number(1.5, 300)
    bandwidth = parameters * width * speed / (expected * 1e9)
    actual = number(work.call("mbu", parameters, width, speed, bandwidth), "mbu")
    for factor, hint in (
        (100, "that is in percent; 0.5 is asked for where it is half"),
        (1 / width, "how many bytes has a parameter?"),
        (1e9, "the bandwidth is in GB/s"),
        (1 / speed**2, "tokens per second multiply the bytes: more tokens, more bytes read"),
    ):
        if abs(actual - expected * factor) < 1e-6 * expected * factor:
            raise Wrong("MBU is off", expected, actual, hint)
    same_number(actual, expected, "MBU")


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
    for _ in range(4):
        weights, each = draw.number(3, 30), draw.number(0.1, 2)
        count = draw.integer(1, 400)
        memory = weights + each * (count + draw.number(0.55, 0.9))
        actual = number(work.call("largest_batch", memory, weights, each), "largest_batch")
        what = f"largest_batch({memory:.3f}, {weights:.3f}, {each:.3f})"
        if actual == count + 1:
            raise Wrong(f"{what} is off", count, actual, "part of a sequence does not fit")
        if actual == int(memory // each) != count:
            raise Wrong(f"{what} is off", count, actual, "the weights are in the same memory")
        if actual != count:
            raise Wrong(f"{what} is off", count, actual)
    weights = draw.number(20, 30)
    actual = number(work.call("largest_batch", weights / 2, weights, 0.5), "largest_batch")
    if actual != 0:
        raise Wrong(
            "a model that does not fit leaves room for no sequence", 0, actual,
            "less than none cannot fit: stop at 0",
        )  # fmt: skip
