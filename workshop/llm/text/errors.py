"""What is wrong with a tokenizer, in a sentence."""

from workshop.llm.errors import EngineError


class TokenizerError(EngineError, ValueError):
    """A tokenizer file that cannot be used; the message names it."""
