"""Huge pages for weights on a CPU: fewer addresses to look up while memory is read.

Memory comes in pages of 4 kB, and a processor keeps the places of a few thousand of them at hand
(the TLB). Weights of 200 MB are 50,000 pages: reading them in order stops at each. Linux has pages
of 2 MB too and gives them to whoever asks (madvise); torch's allocator asks, for everything of
2 MB or more, if an environment variable says so before the first allocation.
"""

from __future__ import annotations

import os

VARIABLE = "THP_MEM_ALLOC_ENABLE"  # c10/core/impl/alloc_cpu.cpp of PyTorch


def ask() -> None:
    """Have torch ask for huge pages, unless the user has decided; before anything is allocated."""
    os.environ.setdefault(VARIABLE, "1")
