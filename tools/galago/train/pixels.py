# SPDX-License-Identifier: MIT
"""Batches of pictures as NumPy arrays: scaled, varied in colour, mixed in pairs, and given to a network.

y = predict(network, pixels)                        # uint8 [n, h, w, c] → float32 [n, outputs]
x = to_float(pixels)                                # uint8 → float32 (pixel - 128) / 128
x = jitter(pixels, random, 0.1)                     # the same, mirrored and in other colours
x, y = mixup(x, y, 0.1, random)
"""

from typing import Any

import numpy as np

_BATCH = 64


def to_float(pixels: np.ndarray) -> np.ndarray:
    """Returns (pixel - 128) / 128 in float32, which is what every network here takes."""
    return (pixels.astype(np.float32) - 128) / 128


def predict(network: Any, pixels: np.ndarray) -> Any:
    """Returns a network's output for uint8 [n, h, w, c], float32 [n, outputs], or the list of its outputs.

    Pictures become floats batch by batch: all at once they would take eight times their size.
    """
    starts = range(0, len(pixels), _BATCH)
    batches = [network.predict_on_batch(to_float(pixels[start : start + _BATCH])) for start in starts]
    if isinstance(batches[0], list | tuple):
        return [np.concatenate(parts) for parts in zip(*batches, strict=True)]
    return np.concatenate(batches)


def jitter(pixels: np.ndarray, random: np.random.Generator, strength: float) -> np.ndarray:
    """Varies pictures uint8 [n, h, w, c] as another camera might; returns float32 (pixel - 128) / 128.

    Half of them are mirrored. `strength` bounds the relative change of saturation, brightness and contrast,
    and twice the relative change of each colour's gain.
    """
    count = len(pixels)

    def factor(*shape: int) -> np.ndarray:
        return random.uniform(1 - strength, 1 + strength, (count, *shape)).astype(np.float32)

    x = pixels.astype(np.float32)
    mirrored = random.random(count) < 0.5
    x[mirrored] = x[mirrored, :, ::-1]
    grey = x.mean(axis=3, keepdims=True)
    x = grey + (x - grey) * factor(1, 1, 1)
    mean = x.mean(axis=(1, 2, 3), keepdims=True)
    x = mean * factor(1, 1, 1) + (x - mean) * factor(1, 1, 1)
    x *= 1 + (factor(1, 1, 3) - 1) / 2
    return (np.clip(x, 0, 255) - 128) / 128


def mixup(
    x: np.ndarray, y: np.ndarray, alpha: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Mixes each picture [n, h, w, c] and its targets [n, classes] with another of the batch.

    The shares are drawn from Beta(alpha, alpha); alpha 0 leaves the batch as it is (Zhang et al. 2018).
    """
    if not alpha:
        return x, y
    share = random.beta(alpha, alpha, len(x)).astype(np.float32)
    partner = random.permutation(len(x))
    x = x * share[:, None, None, None] + x[partner] * (1 - share[:, None, None, None])
    y = y * share[:, None] + y[partner] * (1 - share[:, None])
    return x, y
