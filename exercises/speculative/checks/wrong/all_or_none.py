"""All k or none: 1 + k a^k."""

HINT = "some guesses may be kept"


def expected_tokens(acceptance, k):
    return 1 + k * acceptance**k
