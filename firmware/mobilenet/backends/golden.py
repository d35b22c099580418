# SPDX-License-Identifier: MIT
"""The golden inputs of model.json, made on the board: galago.models.pattern is the other half."""

from ..errors import GalagoError

_WRONG = 100  # thousandths that a score may be off: other decimals, never another class


def fill(pattern, tensor):
    """Fills an int8 buffer: 0 black, 1 white, 2 a ramp, from 3 on noise with that number as its seed, below 0
    the same under a white half."""
    if 0 <= pattern < 3:
        for i in range(len(tensor)):
            tensor[i] = (0x80, 0x7F, i & 0xFF ^ 0x80)[pattern]
        return
    x = abs(pattern)
    white = len(tensor) // 2 if pattern < 0 else 0
    for i in range(len(tensor)):
        x = 1664525 * x + 1013904223 & 0xFFFFFFFF
        tensor[i] = 0x7F if i < white else x >> 24 ^ 0x80


def prove(name, backend, model):
    """Compares the best class of a golden picture with what the host's simulator says of it.

    For runtimes whose compilers quantize in their own way. Raises GalagoError backend.wrong.
    """
    fill(model.runtime(name, "pattern"), backend.input)
    scores = backend.invoke()
    best, score = model.runtime(name, "best"), model.runtime(name, "score")
    got = round(1000 * scores[best]) if len(scores) == backend.outputs else -1000
    if not abs(got - score) <= _WRONG:  # also where it is no number
        raise GalagoError(
            "backend.wrong",
            "%s gives class %d of a golden picture of %s %d of 1000, wanted %d: flash the model again"
            % (name, best, model.name, got, score),
        )
