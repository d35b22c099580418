# SPDX-License-Identifier: MIT
"""Golden inputs, which a board computes by itself, and what runtimes must answer to them.

picture = golden.pattern(3, (96, 96, 3))        # int8, noise
expected = golden.proof(3, scores)              # for a runtime with its own arithmetic
"""

import numpy as np


def pattern(number: int, shape: tuple[int, ...]) -> np.ndarray:
    """The golden input with this number, int8 of the given shape.

    0 is black, 1 white, 2 a ramp, and 3 or more are noise. A negative number, -3 or less, is the noise of its
    absolute value below a white half, for functions that depend on direction. A board computes the same
    bytes without a file: black is -128, white is 127, and byte i of the ramp is (i mod 256) - 128. Noise
    starts with x = number; each byte first advances x = (1664525 x + 1013904223) mod 2^32 (Numerical Recipes,
    2nd edition, 7.1), and is (x >> 24) - 128.
    """
    count = int(np.prod(shape))
    if number == 0:
        values = np.full(count, -128)
    elif number == 1:
        values = np.full(count, 127)
    elif number == 2:
        values = np.arange(count) % 256 - 128
    else:
        values, x = np.empty(count, np.int64), abs(number)
        for i in range(count):
            x = (1664525 * x + 1013904223) & 0xFFFFFFFF
            values[i] = (x >> 24) - 128
        if number < 0:
            values[: count // 2] = 127
    return values.astype(np.int8).reshape(shape)


def proof(number: int, scores: np.ndarray) -> dict[str, int]:
    """The answer that a runtime with its own arithmetic must give to `pattern(number)`.

    `scores` are float [classes]; the best of them is given in thousandths. The board compares it in
    mobilenet.backends.golden.check.
    """
    best = int(scores.argmax())
    score = round(1000 * float(scores[best]))
    return {"classes": len(scores), "pattern": number, "best": best, "score": score}
