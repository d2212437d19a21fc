"""Key/value heads dealt out in turn."""

HINT = "h // (heads // kv_heads)"


def prepare(weights, right=prepare):
    heads, kv_heads = weights["heads"], weights["kv_heads"]
    order = [
        kv * (heads // kv_heads) + i for i in range(heads // kv_heads) for kv in range(kv_heads)
    ]
    layers = []
    for layer in weights["layers"]:
        size = layer["q"].shape[0] // heads
        mixed = torch.empty_like(layer["q"]).unflatten(0, (heads, size))
        out = torch.empty_like(layer["o"]).unflatten(1, (heads, size))
        for head, place in enumerate(order):
            mixed[place] = layer["q"].unflatten(0, (heads, size))[head]
            out[:, place] = layer["o"].unflatten(1, (heads, size))[:, head]
        layers.append({**layer, "q": mixed.flatten(0, 1), "o": out.flatten(1)})
    return right({**weights, "layers": layers})
