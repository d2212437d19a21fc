"""Only short prompts are read in one pass; longer ones token by token."""

import torch

CHECK = "a long prompt in one pass"


@torch.inference_mode()
def generate(model, prompt, new_tokens, short=generate):
    if len(prompt) <= 64:
        return short(model, prompt, new_tokens)
    length = len(prompt) + new_tokens
    rope = table(model, length)
    cache = torch.empty((len(model["layers"]), 2, model["kv_heads"], length, model["size"]))
    tokens = []
    for place in range(length - 1):
        token = torch.tensor(prompt[place : place + 1]) if place < len(prompt) else tokens[-1]
        told = step(model, token, place, rope, cache)
        if place >= len(prompt) - 1:
            tokens.append(told)
    return torch.cat(tokens).tolist()
