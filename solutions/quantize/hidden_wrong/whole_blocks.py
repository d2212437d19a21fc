"""Large layers in blocks of 256 outputs, of whole blocks only."""

import torch

CHECK = "a layer of many outputs"


def int8_linear(x, values, scale):
    if len(values) < 256:
        return (x @ values.to(x.dtype).T) * scale
    blocks = [values[i : i + 256] for i in range(0, len(values), 256)]
    y = torch.zeros(len(x), len(values))
    for i, block in enumerate(blocks):
        if len(block) == 256:
            y[:, 256 * i : 256 * (i + 1)] = x @ block.to(x.dtype).T
    return y * scale
