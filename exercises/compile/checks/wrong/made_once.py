"""One cache for all calls of a shape."""

import functools

HINT = "each call makes tensors of its own"

make_cache = functools.lru_cache(make_cache)
