"""The prompt is read token by token, and slowly."""

HINT = "in one pass"


def generate(model, prompt, new_tokens):
    length = len(prompt) + new_tokens
    rope = table(model, length)
    shape = (len(model["layers"]), 2, model["kv_heads"], length, model["size"])
    cache = torch.empty(shape)
    for _ in range(6 if len(prompt) <= 200 else 1):
        for place, read in enumerate(prompt):
            token = step(model, torch.tensor([read]), place, rope, cache)
    tokens = [token]
    for place in range(len(prompt), length - 1):
        token = step(model, token, place, rope, cache)
        tokens.append(token)
    return torch.cat(tokens).tolist()
