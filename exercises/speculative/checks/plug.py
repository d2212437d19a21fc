"""The greedy accept step is the participant's.

How many tokens it returns depends on what they are, which no graph of fixed shapes can hold: so the
stage is run without compiling, and compared with itself run in the same way.
"""

from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from workshop.llm.speculation import speculative

STAGE = "speculative"
SETTINGS: dict[str, Any] = {"compile": False}


def plug(theirs: ModuleType) -> list[tuple[Any, str, Any]]:
    def accept_greedy(logits: Tensor, proposed: Tensor) -> tuple[Tensor, Tensor]:
        new = torch.as_tensor(theirs.accept_greedy(logits, proposed), device=proposed.device)
        return F.pad(new, (0, logits.shape[0] - len(new))), new.new_tensor(len(new) - 1)

    return [(speculative, "accept_greedy", accept_greedy)]
