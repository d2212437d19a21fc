"""Whether a node takes jobs, by the state that sinfo prints for it."""

from __future__ import annotations

# node_state_string and node_state_string_compact of Slurm 22.05 to 26.05
# (src/common/slurm_protocol_defs.c). A node that is off (~), about to be (! and %), starting (#),
# about to reboot (@ and ^) or planned for another job (-) takes jobs again by itself.
TAKES_JOBS = {
    "idle", "mixed", "mix", "allocated", "alloc", "completing", "comp",
    "planned", "plnd", "reserved", "resv", "blocked", "block",
    "powered_down", "pow_dn", "powering_down", "power_down",
    "powering_up", "pow_up", "power_up", "reboot", "boot",
}  # fmt: skip
MARKS = "*$~#!%@^-+"
STOPPED = "*$"  # does not answer; is in a reservation for maintenance


def takes_jobs(state: str) -> bool:
    """Whether a node in that state starts jobs, now or when those on it end: ``idle~``, ``mixed``.

    A node in any other state (``inval``, ``down*``, ``drained``, ``maint``) does not.
    """
    word = state.strip().lower()
    base = word.rstrip(MARKS)
    return base in TAKES_JOBS and not set(word[len(base) :]) & set(STOPPED)
