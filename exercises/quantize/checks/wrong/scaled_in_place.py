"""The converted weight is multiplied by its scale in place."""

HINT = "never made"


def int8_linear(x, values, scale):
    weight = values.float()
    weight.mul_(scale.unsqueeze(1))
    return x @ weight.T
