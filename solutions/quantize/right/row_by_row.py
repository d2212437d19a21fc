# Loops over rows, outputs and bytes; floor(x + 0.5) rounds; a group is a slice.
import torch


def quantize_rows(weight):
    rows = [whole_steps(row.float(), 127) for row in weight]
    return torch.stack([values for values, _ in rows]), torch.stack([scale for _, scale in rows])


def whole_steps(row, steps):
    largest = row.abs().max()
    scale = largest / steps if largest > 0 else torch.tensor(1.0)
    return torch.floor(row / scale + 0.5).clamp(-steps, steps).to(torch.int8), scale


def dequantize_rows(values, scale):
    return torch.diag(scale) @ values.float()


def int8_linear(x, values, scale):
    columns = [(x @ row.to(x.dtype)) * one for row, one in zip(values, scale, strict=True)]
    return torch.stack(columns, dim=1)


def quantize_groups(weight, group):
    values, scale = [], []
    for row in weight:
        pieces = [whole_steps(piece, 7) for piece in row.split(group)]
        values.append(torch.cat([piece for piece, _ in pieces]))
        scale.append(torch.stack([one for _, one in pieces]))
    return torch.stack(values), torch.stack(scale)


def pack(values):
    packed = torch.zeros(values.shape[0], values.shape[1] // 2, dtype=torch.uint8)
    for i in range(packed.shape[1]):
        packed[:, i] = (values[:, 2 * i] + 8).to(torch.uint8) | (
            (values[:, 2 * i + 1] + 8).to(torch.uint8) << 4
        )
    return packed


def unpack(packed):
    values = torch.empty(packed.shape[0], 2 * packed.shape[1], dtype=torch.int8)
    values[:, 0::2] = packed.remainder(16).to(torch.int8) - 8
    values[:, 1::2] = packed.div(16, rounding_mode="floor").to(torch.int8) - 8
    return values
