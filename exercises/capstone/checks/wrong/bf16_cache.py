"""Keys and values are kept in bf16."""

HINT = "is the precision lowered"


def step(model, tokens, start, rope, cache, right=step):
    token = right(model, tokens, start, rope, cache)
    cache.copy_(cache.bfloat16())
    return token
