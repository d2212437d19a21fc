"""A filter on system calls: what no exercise needs is refused with EPERM, for good.

It is a small program for the kernel's packet filter machine, which it runs at each call:
https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER_MODE = 38, 22, 2
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, MACHINE, FIRST_ARGUMENT = 0, 4, 16  # where they stand in what the filter is shown
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
X32 = 0x40000000  # x86_64 calls under other numbers
INTERNET = (2, 10, 16)  # AF_INET, AF_INET6, and AF_NETLINK, which lists interfaces
CLONE_THREAD = 0x00010000
NEW_NAMESPACES = 0x7E020000  # CLONE_NEW* of all kinds

AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# What reaches into other processes, the kernel, other namespaces, or memory that no limit counts.
# Name: number on x86_64, on aarch64 (asm/unistd_64.h, asm-generic/unistd.h); None: not there.
REFUSED: dict[str, tuple[int, int | None]] = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kcmp": (312, 272), "pidfd_getfd": (438, 438), "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "bpf": (321, 280), "perf_event_open": (298, 241), "fanotify_init": (300, 262),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "unshare": (272, 97), "setns": (308, 268), "chroot": (161, 51), "pivot_root": (155, 41),
    "mount": (165, 40), "umount2": (166, 39), "open_tree": (428, 428), "move_mount": (429, 429),
    "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
    "quotactl": (179, 60), "acct": (163, 89), "swapon": (167, 224), "swapoff": (168, 225),
    "reboot": (169, 142), "kexec_load": (246, 104), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "syslog": (103, 116),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "adjtimex": (159, 171),
    "clock_adjtime": (305, 266), "sethostname": (170, 161), "setdomainname": (171, 162),
    "iopl": (172, None), "ioperm": (173, None),
}  # fmt: skip
FORK, VFORK = 57, 58  # x86_64 alone has them; elsewhere they are calls of clone
CLONE = {"x86_64": 56, "aarch64": 220}
SOCKET = {"x86_64": 41, "aarch64": 198}
CLONE3 = 435


class Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("program", ctypes.c_char_p))


def works() -> bool:
    """Whether there is a filter for this processor."""
    return platform.machine() in AUDIT


def put_up(network: bool, processes: bool) -> None:
    """Filter this process, and those that it starts, from now on; raises OSError.

    Args:
        network: sockets of the internet's kind may be made.
        processes: it may start others, not threads alone.
    """
    program = compiled(platform.machine(), network, processes)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    attributes = Filter(len(program) // 8, program)
    if libc.prctl(PR_SET_SECCOMP, FILTER_MODE, ctypes.byref(attributes), 0, 0):
        raise OSError(ctypes.get_errno(), "no seccomp filter")


def compiled(machine: str, network: bool, processes: bool) -> bytes:
    """The program: instructions of eight bytes.

    Each question stands before its verdict, which is passed over where the answer is no.
    """
    column = list(AUDIT).index(machine)
    numbers = [pair[column] for pair in REFUSED.values()]
    if machine == "x86_64" and not processes:
        numbers += [FORK, VFORK]
    refuse = [_step(RETURN, REFUSE | errno.EPERM)]
    said = [_step(LOAD, MACHINE), _step(EQUAL, AUDIT[machine], yes=1), *refuse, _step(LOAD, NUMBER)]
    if machine == "x86_64":
        said += [_step(AT_LEAST, X32, no=1), *refuse]
    for number in numbers:
        if number is not None:
            said += [_step(EQUAL, number, no=1), *refuse]
    # Its flags are in memory, where a filter cannot look; without it, libc calls clone.
    said += [_step(EQUAL, CLONE3, no=1), _step(RETURN, REFUSE | errno.ENOSYS)]
    clone = [_step(LOAD, FIRST_ARGUMENT), _step(ANY_BIT, NEW_NAMESPACES, no=1), *refuse]
    clone += [] if processes else [_step(ANY_BIT, CLONE_THREAD, yes=1), *refuse]
    clone += [_step(RETURN, ALLOW)]
    socket = [_step(LOAD, FIRST_ARGUMENT)]
    for family in INTERNET if network else ():
        socket += [_step(EQUAL, family, no=1), _step(RETURN, ALLOW)]
    socket += refuse
    for number, verdict in ((CLONE[machine], clone), (SOCKET[machine], socket)):
        said += [_step(EQUAL, number, no=len(verdict)), *verdict]
    return b"".join([*said, _step(RETURN, ALLOW)])


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    """An instruction; of a question, how many of the next are passed over at each answer."""
    return struct.pack("=HBBI", code, yes, no, value)
