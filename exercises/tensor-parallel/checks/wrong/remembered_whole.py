HINT = "more is kept elsewhere"
SEEN = []
right_part = column_part


def column_part(weight, rank, ranks):
    SEEN.append(weight)
    return right_part(weight, rank, ranks)
