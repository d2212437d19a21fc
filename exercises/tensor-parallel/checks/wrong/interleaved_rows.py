"""Every n-th row."""

HINT = "not one in every"


def column_part(weight, rank, ranks):
    return weight[rank::ranks].clone()
