# numpy throughout: its arrays and scalars come back.
import numpy as np


def quantize_rows(weight):
    weight = weight.float().numpy()
    largest = np.abs(weight).max(axis=1)
    scale = np.where(largest > 0, largest / np.float32(127), np.float32(1))
    return np.rint(weight / scale[:, None]).clip(-127, 127).astype(np.int8), scale


def dequantize_rows(values, scale):
    return np.multiply(values.numpy(), scale.numpy().reshape(-1, 1), dtype=np.float32)


def int8_linear(x, values, scale):
    return np.matmul(x.numpy(), values.numpy().astype(np.float32).T) * scale.numpy()


def stored_bytes(outputs, inputs, bits, group):
    return np.int64(outputs) * inputs * (np.float64(bits) / 8 + 2 / group)


def quantize_groups(weight, group):
    groups = weight.numpy().reshape(weight.shape[0], -1, group)
    largest = np.abs(groups).max(axis=2)
    scale = np.where(largest > 0, largest / np.float32(7), np.float32(1))
    values = np.rint(groups / scale[:, :, None]).astype(np.int8)
    return values.reshape(weight.shape), scale


def pack(values):
    nibbles = (values.numpy() ^ -8).astype(np.uint8) & 15  # the sign bit flipped: 8 added
    return nibbles[:, 0::2] | nibbles[:, 1::2] << 4


def unpack(packed):
    packed = packed.numpy()
    both = np.stack([packed & 15, packed >> 4], axis=-1).reshape(len(packed), -1)
    return both.astype(np.int8) - np.int8(8)
