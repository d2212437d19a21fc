# numpy: its arrays and scalars come back; softmax before argmax; a lookup from the front.
import numpy as np


def accept_greedy(logits, proposed):
    own = logits.softmax(-1).numpy().argmax(axis=1)
    differs = np.flatnonzero(own[:-1] != proposed.numpy())
    return own[: (differs[0] if len(differs) else len(proposed)) + 1]


def residual(p, q):
    more = np.maximum(p.numpy() - q.numpy(), 0)
    return more / more.sum()


def accept(p, q, proposed, uniform, last_uniform):
    p, q, guesses = p.numpy(), q.numpy(), proposed.numpy()
    at = np.arange(len(guesses))
    refused = np.flatnonzero(uniform.numpy() * q[at, guesses] >= p[at, guesses])
    n = refused[0] if len(refused) else len(guesses)
    weights = np.maximum(p[n] - q[n], 0).astype(float) if len(refused) else p[-1].astype(float)
    token = np.searchsorted(np.cumsum(weights / weights.sum()), last_uniform, side="right")
    return np.append(guesses[:n], min(token, np.flatnonzero(weights)[-1]))


def expected_tokens(acceptance, k):
    return np.polyval(np.ones(k + 1), acceptance)


def lookup(text, k, ngram):
    found, longest = [], 0
    for end in range(1, len(text)):
        same = 0
        while same < min(ngram, end) and text[end - 1 - same] == text[-1 - same]:
            same += 1
        if same and same >= longest:
            found, longest = text[end : end + k], same
    return found
