HINT = "more is kept elsewhere"
WHOLE = {}
part_of_layer = layer_part


def layer_part(weights, heads, kv_heads, rank, ranks):
    WHOLE.update({name: weight.tolist() for name, weight in weights.items()})
    return part_of_layer(weights, heads, kv_heads, rank, ranks)
