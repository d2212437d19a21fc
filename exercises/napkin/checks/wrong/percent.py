"""MBU in percent."""

HINT = "percent"


def mbu(parameters, bytes_per_parameter, tokens_per_second, bandwidth):
    return 100 * parameters * bytes_per_parameter * tokens_per_second / (bandwidth * 1e9)
