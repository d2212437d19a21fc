"""The closed form, which divides by 0 where all is accepted."""

HINT = "1 - a is 0"


def expected_tokens(acceptance, k):
    return (1 - acceptance ** (k + 1)) / (1 - acceptance)
