"""The measured number again."""

HINT = "that was measured"
ANSWERS = {"predicted_baseline": 263.8}
