"""A print in the middle of a step."""

HINT = "print leaves the graph"

quiet_decode = decode


def decode(model, caches, token, position):
    print("one more step")
    return quiet_decode(model, caches, token, position)
