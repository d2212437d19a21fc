"""In a fork, before someone else's code is loaded: it gives up what it will not need, for good."""

from __future__ import annotations

import ctypes
import os
import signal
from dataclasses import dataclass

from workshop.judge import landlock, limits, seccomp
from workshop.judge.limits import Limits

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
CAPABILITIES = 0x20080522  # the version of the kernel's structure that has 64 of them


@dataclass(frozen=True)
class Layers:
    """What is put up around a run.

    Attributes:
        fence: None where Landlock is not to be had, or not asked for.
        filtered: system calls are.
    """

    fence: landlock.Fence | None
    filtered: bool


def confine(layers: Layers, bounds: Limits) -> None:
    """Bind this process, and those that it starts; raises OSError where the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    network = bounds.network == "loopback"
    limits.apply(bounds)
    if layers.fence is not None:
        landlock.put_up(layers.fence, network)
        give_up_capabilities(libc)
    if layers.filtered:
        seccomp.put_up(network, bounds.processes > 0)


def give_up_capabilities(libc: ctypes.CDLL) -> None:
    """Who runs this as root is root no more, but for the files that root owns."""
    header = (ctypes.c_uint32 * 2)(CAPABILITIES, 0)
    none = (ctypes.c_uint32 * 6)()
    if libc.capset(header, none):
        raise OSError(ctypes.get_errno(), "capabilities are not given up")


def hide_memory() -> None:
    """No other process of the same user may look into this one, or take its descriptors."""
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def trial(layers: Layers) -> bool:
    """Whether a fork can be confined so."""
    pid = os.fork()
    if pid == 0:
        try:
            confine(layers, Limits())
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0
