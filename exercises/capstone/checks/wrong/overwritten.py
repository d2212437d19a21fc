"""The first new token is written over the last of the prompt."""

HINT = "written over the last"


def generate(model, prompt, new_tokens):
    with torch.inference_mode():
        length = len(prompt) + new_tokens
        cos, sin = table(model, length)
        read = len(prompt)
        cache = torch.empty(len(model["layers"]), 2, model["kv_heads"], length, model["size"])
        token = step(model, torch.tensor(prompt), 0, (cos, sin), cache)
        tokens = [token]
        late = (
            (torch.cat([cos[:1], cos[2:]]), torch.cat([sin[:1], sin[2:]]))
            if read == 1
            else (
                torch.cat([cos[: read - 1], cos[read:]]),
                torch.cat([sin[: read - 1], sin[read:]]),
            )
        )
        for place in range(read - 1, length - 2):
            token = step(model, token, place, late, cache) if place else again(model, token, late)
            tokens.append(token)
        return torch.cat(tokens).tolist()


def again(model, token, rope):
    cache = torch.empty(len(model["layers"]), 2, model["kv_heads"], 1, model["size"])
    return step(model, token, 0, rope, cache)
