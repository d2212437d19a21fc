# The norms' weights are multiplied into the matrices that follow them; all transposed beforehand.
import torch
import torch.nn.functional as F


@torch.inference_mode()
def prepare(weights, merged=prepare):
    model = merged(weights)
    layers = []
    for layer in model["layers"]:
        qkv = (layer["qkv"].double() * layer["attention_norm"].double()).float()
        gate_up = (layer["gate_up"].double() * layer["mlp_norm"].double()).float()
        layers.append(
            {
                "qkv": qkv.T.contiguous(), "gate_up": gate_up.T.contiguous(),
                "o": layer["o"].T.contiguous(), "down": layer["down"].T.contiguous(),
            }
        )  # fmt: skip
    head = (model["head"].double() * model["norm"].double()).float().T.contiguous()
    return {**model, "layers": layers, "head": head}


@torch.inference_mode()
def step(model, tokens, start, rope, cache):
    end, heads, groups = start + len(tokens), model["heads"], model["kv_heads"]
    cos, sin = rope[0][start:end], rope[1][start:end]
    eps, size = model["eps"], model["size"]
    x = model["embed"].index_select(0, tokens)
    dim = (x.shape[1],)
    for layer, kept in zip(model["layers"], cache, strict=True):
        qkv = torch.mm(F.rms_norm(x, dim, None, eps), layer["qkv"])
        qkv = qkv.view(len(tokens), -1, size).transpose(0, 1)
        turned = qkv[: heads + groups]
        turned = turned * cos + torch.roll(turned, size // 2, -1) * sin
        kept[0, :, start:end] = turned[heads:]
        kept[1, :, start:end] = qkv[heads + groups :]
        attended = F.scaled_dot_product_attention(
            turned[None, :heads], kept[:1, :, :end], kept[1:, :, :end],
            is_causal=len(tokens) > 1, enable_gqa=True,
        )  # fmt: skip
        x = torch.addmm(x, attended[0].transpose(0, 1).flatten(1), layer["o"])
        gate, up = torch.mm(F.rms_norm(x, dim, None, eps), layer["gate_up"]).chunk(2, dim=1)
        x = torch.addmm(x, F.silu(gate) * up, layer["down"])
    return torch.mm(F.rms_norm(x[-1:], dim, None, eps), model["head"]).argmax(-1)
