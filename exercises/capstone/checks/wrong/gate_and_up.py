"""gate and up are exchanged."""

HINT = "gate and up are exchanged"


def prepare(weights, right=prepare):
    layers = [layer | {"gate": layer["up"], "up": layer["gate"]} for layer in weights["layers"]]
    return right({**weights, "layers": layers})
