# Attention by two batched products over groups of heads; the scale is in q's weights.
import torch
import torch.nn.functional as F


@torch.inference_mode()
def prepare(weights, merged=prepare):
    size = weights["layers"][0]["q"].shape[0] // weights["heads"]
    layers = [layer | {"q": layer["q"] * size**-0.5} for layer in weights["layers"]]
    return merged({**weights, "layers": layers})


@torch.inference_mode()
def step(model, tokens, start, rope, cache):
    end, heads, groups = start + len(tokens), model["heads"], model["kv_heads"]
    cos, sin = rope[0][start:end], rope[1][start:end]
    x = model["embed"][tokens]
    rows, dim = x.shape
    hidden = torch.ones(rows, end, dtype=torch.bool).triu(start + 1) if rows > 1 else None
    for layer, kept in zip(model["layers"], cache, strict=True):
        normed = F.rms_norm(x, (dim,), layer["attention_norm"], model["eps"])
        qkv = (normed @ layer["qkv"].T).unflatten(1, (-1, model["size"])).transpose(0, 1)
        turned = qkv[: heads + groups]
        turned = turned * cos + turned.roll(model["size"] // 2, -1) * sin
        kept[0, :, start:end], kept[1, :, start:end] = turned[heads:], qkv[heads + groups :]
        q = turned[:heads].reshape(groups, -1, model["size"])
        scores = torch.bmm(q, kept[0, :, :end].mT)
        if hidden is not None:
            scores.view(heads, rows, end).masked_fill_(hidden, float("-inf"))
        attended = torch.bmm(scores.softmax(-1), kept[1, :, :end]).view(heads, rows, -1)
        x = torch.addmm(x, attended.transpose(0, 1).flatten(1), layer["o"].T)
        normed = F.rms_norm(x, (dim,), layer["mlp_norm"], model["eps"])
        gate, up = (normed @ layer["gate_up"].T).chunk(2, dim=1)
        x = torch.addmm(x, F.silu(gate).mul_(up), layer["down"].T)
    return (F.rms_norm(x[-1:], (dim,), model["norm"], model["eps"]) @ model["head"].T).argmax(-1)
