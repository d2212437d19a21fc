"""Python blamed where ranks wait."""

HINT = "Python calls once"
ANSWERS = {"cause": "calls"}
