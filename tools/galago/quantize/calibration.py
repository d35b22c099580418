# SPDX-License-Identifier: MIT
"""Calibration pictures: typical photos, from which the converter learns the range of each tensor.

pixels = calibration_pixels(dataset.picture_files("photos"), (96, 96, 3), "crop", warn=print)
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from galago import dataset, pictures
from galago.errors import GalagoError

CALIBRATION_PHOTOS = 400  # with 200, int8 is a little further from float; more than 400 do not help


def calibration_pixels(
    paths: list[Path],
    shape: tuple[int, int, int],
    resize: pictures.Resize,
    warn: Callable[[str], None],
    limit: int = CALIBRATION_PHOTOS,
) -> np.ndarray:
    """Reads at most `limit` of the photos, evenly spread, after one black and one white picture.

    Returns uint8 [n + 2, height, width, channels]; `warn` gets a line for each unreadable photo. Raises
    dataset.empty if none is readable.
    """
    height, width, channels = shape
    chosen = list(evenly_spread(paths, limit))
    resized = [pictures.resize(rgb, height, width, channels, resize) for _, rgb in dataset.read(chosen, warn)]
    if not resized:
        raise GalagoError(
            "dataset.empty", f"none of {len(chosen)} calibration pictures is readable: pass other photos"
        )
    return with_black_and_white(np.stack(resized))


def evenly_spread(items: Any, limit: int) -> Any:
    """Returns at most `limit` items of a list or array, evenly spread over it."""
    return items if len(items) <= limit else [items[i * len(items) // limit] for i in range(limit)]


def with_black_and_white(pixels: Any) -> np.ndarray:
    """Puts a black and a white picture before uint8 [n, height, width, channels].

    They make the converter choose the input scale 1/128 and the zero point 0 whatever the photos show.
    """
    ends = np.zeros((2, *pixels[0].shape), np.uint8)
    ends[1] = 255
    return np.concatenate([ends, np.asarray(pixels)])
