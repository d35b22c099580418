# SPDX-License-Identifier: MIT
"""Damaged pictures of every format: data = picture(dice)."""

from functools import cache
from io import BytesIO
from random import Random

import numpy as np
from PIL import Image

_KINDS = ("JPEG", "progressive JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM")


@cache
def _whole(kind: str) -> bytes:
    """A small picture of noise."""
    buffer = BytesIO()
    pixels = np.random.default_rng(1).integers(0, 256, (12, 14, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, kind.split()[-1], progressive=kind.startswith("progressive"))
    return buffer.getvalue()


def picture(dice: Random) -> bytes:
    """A picture with one to three wrong bytes, which may end too early; its first two bytes are right."""
    data = bytearray(_whole(dice.choice(_KINDS)))
    for _ in range(dice.randrange(1, 4)):
        data[dice.randrange(2, len(data))] = dice.randrange(256)
    if dice.random() < 0.2:
        del data[dice.randrange(2, len(data)) :]
    return bytes(data)
