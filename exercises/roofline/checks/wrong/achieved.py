"""The measured number again."""

# figures: wrong-achieved
HINT = "that was measured"
ANSWERS = {"predicted_baseline": 47.7247}
# end
