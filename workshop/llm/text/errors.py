"""What is wrong with a tokenizer, in a sentence."""


class TokenizerError(ValueError):
    """A tokenizer file that cannot be used; the message names it."""
