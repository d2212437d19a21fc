"""What goes wrong with a sandbox."""

from __future__ import annotations


class SandboxError(Exception):
    """One sentence for the user: what is wrong, and what to do next."""
