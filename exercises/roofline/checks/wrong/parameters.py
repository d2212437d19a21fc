"""Parameters taken for bytes."""

# figures: wrong-parameters
HINT = "parameters are not bytes"
ANSWERS = {"predicted_compile": 330.322}
# end
