"""Parameters taken for bytes."""

HINT = "parameters are not bytes"
ANSWERS = {"predicted_compile": 25320}
