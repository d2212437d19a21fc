"""Every rank keeps everything."""

HINT = "that is the whole weight"


def column_part(weight, rank, ranks):
    return weight.clone()
