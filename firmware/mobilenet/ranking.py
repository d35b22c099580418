# SPDX-License-Identifier: MIT
"""The best classes of a model's scores, with their probabilities (galago.models.scores on the host).

    top = rank(scores, backend.confidence, model.activation, model.labels, 3)
    # [("cat", 3, 0.91), …], best first

`value` returns the number that a score stands for: a probability, or, if the activation is "logits", what a
softmax turns into one. A single score of a model with two labels stands for the second.
"""

from math import exp

from micropython import const

_LARGEST = const(80)  # exp(80) is still a single-precision float


def rank(scores, value, activation, labels, top):
    """Returns a list of (label, index, confidence) of the `top` best classes, best first."""
    if len(scores) == 1 and len(labels) == 2:
        return _of_two(value(scores[0]), activation, labels)[:top]
    # Selects one class at a time: `top` is small, and only the winners are allocated.
    ranked = []
    taken = set()
    for _ in range(min(top, len(scores))):
        best = -1
        for index, score in enumerate(scores):
            if index not in taken and (best < 0 or score > scores[best]):
                best = index
        if activation == "logits" and not taken:
            largest = value(scores[best])
            total = 0.0
            for score in scores:
                total += exp(value(score) - largest)
        taken.add(best)
        confidence = value(scores[best])
        if activation == "logits":
            confidence = exp(confidence - largest) / total
        ranked.append((labels[best], best, confidence))
    return ranked


def _of_two(value, activation, labels):
    if activation == "logits":
        value = 1 / (1 + exp(min(-value, _LARGEST)))
    ranked = [(labels[0], 0, 1 - value), (labels[1], 1, value)]
    return ranked if value <= 0.5 else ranked[::-1]
