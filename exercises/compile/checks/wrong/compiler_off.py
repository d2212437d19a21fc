"""The compiler is switched off, as one does to debug."""

import os

import torch
import torch._dynamo

HINT = "the compiler is switched off"

os.environ["TORCHDYNAMO_DISABLE"] = "1"
torch._dynamo.config.disable = True
