"""Keys and values of new tokens do not go into the cache."""

HINT = "do not see the new ones before them"


@torch.inference_mode()
def generate(model, prompt, new_tokens):
    read, length = len(prompt), len(prompt) + new_tokens
    cos, sin = table(model, length)
    shape = (len(model["layers"]), 2, model["kv_heads"], read + 1, model["size"])
    cache = torch.empty(shape)
    tokens = [step(model, torch.tensor(prompt), 0, (cos, sin), cache)]
    for place in range(read, length - 1):  # each in the one place behind the prompt
        turns = tuple(torch.cat([one[:read], one[place : place + 1]]) for one in (cos, sin))
        tokens.append(step(model, tokens[-1], read, turns, cache))
    return torch.cat(tokens).tolist()
