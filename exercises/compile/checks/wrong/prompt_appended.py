"""New tokens are appended to the prompt."""

import torch

HINT = "prompt belongs to the caller"


def generate(step, model, caches, prompt, count):
    words = len(prompt)
    for place in range(words + count - 1):
        logits = step(model, caches, prompt[place], torch.tensor([place]))
        if place >= words - 1:
            prompt.append(logits.argmax(-1))
    return torch.stack(prompt[words:], dim=1)
