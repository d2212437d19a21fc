"""A stage that is not the furthest from its roof."""

# figures: wrong-by-difference
HINT = "a gap is a ratio"
ANSWERS = {"largest_gap": "speculative"}
# end
