"""What every error of the engine that its user can mend has in common. Imports nothing heavy."""

from __future__ import annotations


class EngineError(Exception):
    """A model, a shape or a machine that the engine cannot use; the message says what is wrong."""


class BuildError(EngineError):
    """A source that does not compile on this machine; the message has the compiler's reason."""
