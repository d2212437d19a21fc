"""What is wrong with what a user asked for."""


class UsageError(ValueError):
    """Something asked for that cannot be: one sentence for the user, exit code 2."""
