"""The measured number again."""

# figures: wrong-achieved
HINT = "that was measured"
ANSWERS = {"predicted_baseline": 63.3204}
# end
