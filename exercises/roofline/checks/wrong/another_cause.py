"""A cause that takes little of the time."""

# figures: wrong-another-cause
HINT = "unexplained: "
ANSWERS = {"cause": "kernels"}
# end
