"""Each guess as if it stood alone."""

HINT = "a^2"


def expected_tokens(acceptance, k):
    return 1 + k * acceptance
