"""Parameters taken for bytes."""

# figures: wrong-parameters
HINT = "parameters are not bytes"
ANSWERS = {"predicted_compile": 317.624}
# end
