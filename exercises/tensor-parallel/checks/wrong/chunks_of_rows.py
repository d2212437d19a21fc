"""torch.chunk: the first ranks get more, and the last what is left."""

HINT = "torch.chunk gives the first ones more"


def column_part(weight, rank, ranks):
    return weight.chunk(ranks)[rank].clone()
