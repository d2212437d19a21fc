"""The largest difference of tokens/s."""

HINT = "a gap is a ratio"
ANSWERS = {"largest_gap": "speculative"}
