# SPDX-License-Identifier: MIT
"""Synthetic pictures, for use where there are no photos.

pixels = drawn(3, (96, 96, 3))      # uint8, the same for every call
"""

import numpy as np
from PIL import Image, ImageDraw


def drawn(number: int, shape: tuple[int, int, int]) -> np.ndarray:
    """Returns picture `number` of `shape` (height, width, 1 or 3), uint8: discs that cover each other.

    This is the "dead leaves" model of natural images.
    """
    random = np.random.default_rng(number)
    height, width, channels = shape
    image = Image.new("RGB", (width, height), tuple(random.integers(0, 256, 3).tolist()))
    draw = ImageDraw.Draw(image)
    largest = max(height, width) / 2
    for _ in range(150):
        # Radii follow the inverse cube law, which makes the pictures scale-invariant.
        radius = 2 / np.sqrt(random.uniform((2 / largest) ** 2, 1))
        x, y = random.uniform(0, width), random.uniform(0, height)
        colour = tuple(np.clip(random.normal(random.uniform(40, 215), 40, 3), 0, 255).astype(int).tolist())
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    if channels == 1:
        image = image.convert("L")
    noise = random.normal(0, random.uniform(1, 12), shape)
    return np.clip(np.asarray(image).reshape(shape) + noise, 0, 255).astype(np.uint8)
