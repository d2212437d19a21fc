"""A position of no dimension."""

import torch

HINT = "has one dimension"


def generate(step, model, caches, prompt, count):
    made = []
    for place in range(len(prompt) + count - 1):
        token = prompt[place] if place < len(prompt) else made[-1]
        logits = step(model, caches, token, torch.tensor(place))
        if place >= len(prompt) - 1:
            made.append(logits.argmax(-1))
    return torch.stack(made, dim=1)
