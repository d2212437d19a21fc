"""A stage that is not the furthest from its roof."""

# figures: wrong-by-difference
HINT = "the nearest to its roof"
ANSWERS = {"largest_gap": "compile"}
# end
