# SPDX-License-Identifier: MIT
"""What the firmware of an emulated K230 does with pictures: decoding, and crop and resize on its AI2D.

Canaan's manual names the methods, not their rounding: on a real board, bytes may differ in the last bit.
"""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from galago.emulator.host_calls import StandInError


def decode(data: bytes = b"") -> tuple[tuple[int, int], bytes]:
    """Decode a BMP, PGM, PPM or JPEG. Returns (width, height) and rows of RGB pixels.

    Raises StandInError OSError for anything else.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("BMP", "PPM", "JPEG")) as picture:
            rgb = picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise StandInError("OSError", "Image format is not supported") from error
    return rgb.size, rgb.tobytes()


def resize(
    source: Sequence[int], window: Sequence[int], target: Sequence[int], data: bytes
) -> tuple[None, bytes]:
    """Crop rows of RGB pixels and resize them with bilinear interpolation between the centres of pixels.

    `source` and `target` are (height, width), `window` is left, top, width and height. Formula: TensorFlow's
    RESIZE_BILINEAR with half_pixel_centers.
    """
    left, top, width, height = window
    pixels = np.frombuffer(data, np.uint8).reshape(*source, 3)[top : top + height, left : left + width]
    rows = _interpolated(pixels.astype(np.float64), target[0])
    both = _interpolated(rows.transpose(1, 0, 2), target[1]).transpose(1, 0, 2)
    return None, np.floor(both + 0.5).astype(np.uint8).tobytes()


def _interpolated(values: np.ndarray, count: int) -> np.ndarray:
    """Returns `count` values along the first axis."""
    places = np.clip((np.arange(count) + 0.5) * len(values) / count - 0.5, 0, len(values) - 1)
    low = places.astype(int)
    high = np.minimum(low + 1, len(values) - 1)
    part = (places - low).reshape(-1, 1, 1)
    return values[low] * (1 - part) + values[high] * part
