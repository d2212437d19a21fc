"""C++ operators, compiled on this machine at first use by torch's own compiler set-up."""

import torch

# What the C++ products take; here, since importing products.py takes half a second.
MOST_TOKENS = 8
DTYPES = (torch.bfloat16, torch.float32)  # of activations


def compiles() -> bool:
    """Whether this machine's compiler makes products.cpp; the first call finds out by doing it."""
    from workshop.llm.errors import BuildError
    from workshop.llm.native.build import load

    try:
        load("products")
    except BuildError:
        return False
    return True
