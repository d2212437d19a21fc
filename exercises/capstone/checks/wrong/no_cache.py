"""The whole text anew for every token."""

HINT = "keep their keys and values"


def generate(model, prompt, new_tokens):
    text = list(prompt)
    for _ in range(new_tokens):
        rope = table(model, len(text))
        shape = (len(model["layers"]), 2, model["kv_heads"], len(text), model["size"])
        for _ in range(3):  # and at a leisurely pace
            token = step(model, torch.tensor(text), 0, rope, torch.empty(shape))
        text.append(int(token))
    return text[len(prompt) :]
