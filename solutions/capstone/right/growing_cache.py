# A cache that grows by cat, one tensor a layer; tokens are numbers of Python between steps.
import torch
import torch.nn.functional as F


@torch.inference_mode()
def generate(model, prompt, new_tokens):
    rope = table(model, len(prompt) + new_tokens)
    caches = [None] * len(model["layers"])
    text, tokens = list(prompt), []
    for _ in range(new_tokens):
        tokens.append(int(step(model, text, len(prompt) + len(tokens) - len(text), rope, caches)))
        text = tokens[-1:]
    return tokens


def step(model, text, start, rope, caches):
    cos, sin = rope[0][start : start + len(text)], rope[1][start : start + len(text)]
    heads, kv_heads, size = model["heads"], model["kv_heads"], model["size"]
    x = model["embed"][text]
    dim = (x.shape[1],)
    for i, layer in enumerate(model["layers"]):
        normed = F.rms_norm(x, dim, layer["attention_norm"], model["eps"])
        qkv = F.linear(normed, layer["qkv"]).view(len(text), -1, size).transpose(0, 1)
        turned, v = qkv[: heads + kv_heads], qkv[heads + kv_heads :]
        turned = torch.addcmul(turned * cos, turned.roll(size // 2, -1), sin)
        both = torch.stack([turned[heads:], v])
        caches[i] = both if caches[i] is None else torch.cat([caches[i], both], dim=2)
        keys, values = caches[i].unsqueeze(1)
        attended = F.scaled_dot_product_attention(
            turned[None, :heads], keys, values, is_causal=start == 0, enable_gqa=True
        )
        x = x + F.linear(attended[0].transpose(0, 1).flatten(1), layer["o"])
        normed = F.rms_norm(x, dim, layer["mlp_norm"], model["eps"])
        gate, up = F.linear(normed, layer["gate_up"]).chunk(2, dim=1)
        x = x + F.linear(F.silu(gate) * up, layer["down"])
    return F.linear(F.rms_norm(x[-1], dim, model["norm"], model["eps"]), model["head"]).argmax()
