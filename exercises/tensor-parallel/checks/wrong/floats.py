HINT = "quotient of floats"


def share(size, rank, ranks):
    return int(size / ranks * rank), int(size / ranks * (rank + 1))
