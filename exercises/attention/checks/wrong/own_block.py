HINT = "keys that are asked for"
asked_for = attention


def attention(q, k, v, block, window=None):
    return asked_for(q, k, v, 128, window)
