"""Compiling blamed, which had ended before."""

# figures: wrong-blamed-on-compiling
HINT = "says recompiles: 0"
ANSWERS = {"cause": "recompiles"}
# end
