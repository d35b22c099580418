# SPDX-License-Identifier: MIT
"""Generates the golden inputs of model.json on the board, as galago.models.pattern does on the host."""

from ..errors import GalagoError

_TOLERANCE = 100  # thousandths of a score: other decimals, never another class


def fill(pattern, tensor):
    """Fills an int8 buffer with a pattern.

    0 is black, 1 white, 2 a ramp, a number above 2 noise with this seed, a negative one a white half above
    the noise of its absolute value.
    """
    try:
        from ..tflite import patterns

        patterns.fill(tensor, len(tensor), pattern)
    except (ImportError, TypeError):  # no viper here, or an input that is no buffer
        _fill(pattern, tensor)


def _fill(pattern, tensor):
    x = abs(pattern)
    white = len(tensor) // 2 if pattern < 0 else 0
    for i in range(len(tensor)):
        if 0 <= pattern < 3:
            tensor[i] = 0x80 if pattern == 0 else 0x7F if pattern == 1 else i & 0xFF ^ 0x80
        else:
            x = 1664525 * x + 1013904223 & 0xFFFFFFFF
            tensor[i] = 0x7F if i < white else x >> 24 ^ 0x80


def check(name, backend, model):
    """Compares the best class of a golden picture with the score that the host's simulator computed.

    Used for runtimes whose compilers quantize in their own way. Raises GalagoError backend.wrong.
    """
    fill(model.runtime(name, "pattern"), backend.input)
    scores = backend.invoke()
    best, score = model.runtime(name, "best"), model.runtime(name, "score")
    actual = round(1000 * scores[best]) if len(scores) == backend.outputs else -1000
    if not abs(actual - score) <= _TOLERANCE:  # true for NaN too
        raise GalagoError(
            "backend.wrong",
            "%s scores class %d of a golden picture of %s with %d of 1000, expected %d: flash the model again"
            % (name, best, model.name, actual, score),
        )
