"""The line of a sample, with prefill in it, in place of the average."""

# figures: wrong-with-prefill
HINT = "prefill in it"
ANSWERS = {"measured_speculative": 427.703}
# end
