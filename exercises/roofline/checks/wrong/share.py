"""What is lost, in percent."""

HINT = "in percent"


def unexplained_ms(predicted, measured):
    return 100 * (predicted - measured) / predicted
