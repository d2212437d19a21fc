"""An if on the value of a tensor."""

HINT = "an `if` on what is in a tensor"

straight_decode = decode


def decode(model, caches, token, position):
    if position > 0:
        return straight_decode(model, caches, token, position)
    return straight_decode(model, caches, token, position.clone())
