"""The line of a sample, with prefill in it, in place of the average."""

HINT = "prefill in it"
ANSWERS = {"measured_speculative": 1735.2}
