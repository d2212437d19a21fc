"""A count of steps in Python: a graph for each of its values."""

HINT = "every value of it is another graph"

steps = 0
plain_decode = decode


def decode(model, caches, token, position):
    global steps
    steps += 1
    return plain_decode(model, caches, token, position) + 0 * steps
