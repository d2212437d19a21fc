"""What could be read over what is read."""

HINT = "the other way round"


def mbu(parameters, bytes_per_parameter, tokens_per_second, bandwidth):
    return bandwidth * 1e9 / (parameters * bytes_per_parameter * tokens_per_second)
