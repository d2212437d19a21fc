"""The measured number again."""

# figures: wrong-achieved
HINT = "that was measured"
ANSWERS = {"predicted_baseline": 54.7326}
# end
