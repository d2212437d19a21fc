"""Landlock: a process gives up what it does not need of files, TCP and signals, for good.

Unprivileged, and without namespaces: it works on clusters where those are off. What is not on the
list is refused by the kernel, to the process and to all that it starts.
https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workshop.judge.places import PACKAGE, hidden, needed, shown, without

MACHINES = ("x86_64", "aarch64")  # where the system calls have these numbers
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
CREATE_RULESET_VERSION = 1
RULE_PATH_BENEATH = 1
PR_SET_NO_NEW_PRIVS = 38

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = (1 << bit for bit in range(4))
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
READ = EXECUTE | READ_FILE | READ_DIR
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV  # the others are of folders
EVERYTHING = (1 << 16) - 1
FILE_BITS = {1: 13, 2: 14, 3: 15, 4: 15}  # how many kinds of access a version knows; later: 16
TCP = 0b11  # bind and connect, from version 4 on
ABSTRACT_SOCKETS_AND_SIGNALS = 0b11  # to processes outside, from version 6 on

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
# Of /proc what tells of the machine, and nothing of processes.
OF_PROC = ("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys/vm/overcommit_memory",
           "/proc/filesystems")  # fmt: skip
# What gloo looks through for network cards.
INTERFACES = ("/sys/class/net", "/sys/bus/pci", "/sys/devices")


class LandlockError(OSError):
    """The kernel refused to restrict this process."""


class Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


@dataclass(frozen=True)
class Fence:
    """Restrictions that are ready to be applied: the kernel's own lists, by their descriptors.

    Attributes:
        closed: without TCP.
        loopback: with it.
    """

    version: int
    closed: int
    loopback: int


def version() -> int:
    """Of the kernel's interface; 0 where it has none."""
    if platform.machine() not in MACHINES:
        return 0
    return max(0, _call(CREATE_RULESET, None, 0, CREATE_RULESET_VERSION))


def fence(writable: Sequence[Path], known: int) -> Fence:
    """What a run may reach: Python and torch to read, and ``writable`` folders.

    Args:
        known: the version of the interface to build for.

    Raises:
        LandlockError: the kernel refuses.
    """
    every = (1 << FILE_BITS.get(known, 16)) - 1
    scoped = ABSTRACT_SOCKETS_AND_SIGNALS if known >= 6 else 0
    rules = [*readable(), *((place, EVERYTHING) for place in writable)]
    closed = _ruleset(Ruleset(every, TCP if known >= 4 else 0, scoped), rules)
    rules += [(Path(place), READ) for place in INTERFACES]
    return Fence(known, closed, _ruleset(Ruleset(every, 0, scoped), rules))


def readable() -> list[tuple[Path, int]]:
    """Places, and the access to them, that Python and torch need."""
    rules = [(Path(device), READ_FILE | WRITE_FILE) for device in DEVICES]
    rules += [(Path(place), READ) for place in OF_PROC]
    for place in dict.fromkeys(place.resolve() for place in needed()):
        kept_away = hidden(place)
        rules += [(one, READ) for one in without(place, kept_away)]
        if kept_away:  # importing lists folders; what is in their files stays hidden
            rules.append((place, READ_DIR))
    return [*rules, (PACKAGE, READ_DIR), *((place, READ) for place in shown())]


def put_up(fence: Fence, network: bool) -> None:
    """Restrict this process from now on; ``network``: TCP is left open. Raises LandlockError."""
    ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    failed = _call(RESTRICT_SELF, fence.loopback if network else fence.closed, 0)
    os.close(fence.loopback)
    os.close(fence.closed)
    if failed:
        raise LandlockError(ctypes.get_errno(), "not restricted")


def _ruleset(attributes: Ruleset, rules: Sequence[tuple[Path, int]]) -> int:
    made = _call(CREATE_RULESET, ctypes.byref(attributes), ctypes.sizeof(attributes), 0)
    if made < 0:
        raise LandlockError(ctypes.get_errno(), "no ruleset")
    for place, access in rules:
        try:
            parent = os.open(place, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue  # it is not there: nothing to allow
        allowed = access & attributes.files & (EVERYTHING if place.is_dir() else OF_FILES)
        rule = PathBeneath(allowed, parent)
        failed = _call(ADD_RULE, made, RULE_PATH_BENEATH, ctypes.byref(rule), 0)
        os.close(parent)
        if failed:
            raise LandlockError(ctypes.get_errno(), f"no rule for {place}")
    return made


def _call(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    plain = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    return int(libc.syscall(ctypes.c_long(number), *plain))
