"""What is wrong with what a user asked for, or can mend."""

from __future__ import annotations


class ExpectedError(Exception):
    """An error that the user can mend: its message is one sentence for them.

    Attributes:
        advice: what to do next; None where the message says it.
    """

    advice: str | None = None


class UsageError(ExpectedError, ValueError):
    """Something asked for that cannot be: one sentence for the user, exit code 2."""
