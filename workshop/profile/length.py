"""How long an answer has to be for the steps that are looked at. Imports no torch."""

from __future__ import annotations

from workshop.stages.settings import Settings

SKIPPED = 3  # steps after prefill that are not looked at


def new_tokens_needed(settings: Settings, steps: int) -> int:
    """Most tokens that prefill, the steps that are skipped and ``steps`` further ones make."""
    each = settings.decode_steps if settings.speculate == "none" else settings.draft_tokens + 1
    return 1 + (SKIPPED + steps) * each
