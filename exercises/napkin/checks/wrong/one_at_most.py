"""A utilisation that is cut off at 1."""

HINT = "more than 1"


def mbu(parameters, bytes_per_parameter, tokens_per_second, bandwidth):
    return min(1.0, parameters * bytes_per_parameter * tokens_per_second / (bandwidth * 1e9))
