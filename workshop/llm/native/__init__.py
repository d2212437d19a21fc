"""C++ operators, compiled on this machine at first use by torch's own compiler set-up."""

import torch

# What products.cpp takes; here, since importing products.py takes half a second.
MOST_TOKENS = 8
DTYPES = (torch.bfloat16, torch.float32)  # of activations
