"""The result stays fp32."""

HINT = "wrong dtype"


def attention(q, k, v, block, window=None, right=attention):
    return right(q.float(), k, v, block, window)
