"""The prompt's last token is fed a second time."""

import torch

HINT = "fed already"


def generate(step, model, caches, prompt, count):
    for place, token in enumerate(prompt):
        step(model, caches, token, torch.tensor([place]))
    made = [prompt[-1]]
    for place in range(len(prompt), len(prompt) + count):
        logits = step(model, caches, made[-1], torch.tensor([min(place, model.length - 1)]))
        made.append(logits.argmax(-1))
    return torch.stack(made[1:], dim=1)
