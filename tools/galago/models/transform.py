# SPDX-License-Identifier: MIT
"""From pixels to the int8 input of a model: an integer rule that host and board compute alike.

    int8 = clamp((pixel * multiplier + offset) >> 16, -128, 127)        # one pair for each channel

    transform.table(contract["input"])             # uint8 [channels, 256]; None where int8 = pixel - 128
    transform.fitted(values)                       # the pairs that give exactly these values

`model.json` has the pairs as `input.transform`. Models made by Galago have none: int8 = pixel - 128. On the
board, mobilenet.image.transform makes the same table.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_SHIFT = 16
_STEEPEST = 1 << 22  # 255 times it, plus the largest offset, 2**30, is less than 2**31
_LARGEST_OFFSET = 1 << 30

_PIXELS = np.arange(256)


def table(picture: dict[str, Any]) -> npt.NDArray[np.int8] | None:
    """The int8 values of all pixels for the `input` of a contract, [channels, 256]; None for pixel - 128."""
    if "transform" not in picture:
        return None
    return np.stack([values(*pair) for pair in picture["transform"]])


def values(multiplier: int, offset: int) -> npt.NDArray[np.int8]:
    """The int8 values, [256], that one pair gives to the pixels 0 to 255."""
    return ((_PIXELS * multiplier + offset) >> _SHIFT).clip(-128, 127).astype(np.int8)


def apply(pixels: npt.NDArray[np.uint8], table: npt.NDArray[np.int8] | None) -> npt.NDArray[np.int8]:
    """The input for pixels, uint8 [..., channels], as int8 of the same shape; `table` is that of `table`."""
    if table is None:
        return (pixels ^ 128).view(np.int8)
    return np.stack([row[pixels[..., channel]] for channel, row in enumerate(table)], axis=-1)


def affine(factor: float, constant: float) -> tuple[int, int]:
    """The pair for int8 = factor * pixel + constant, rounded half up. `factor` is in steps per pixel value.

    Raises ValueError if the factor is not positive, or too steep or too far off for 32-bit arithmetic.
    """
    multiplier = round(factor * (1 << _SHIFT))
    # Two more units lift values that are a half, up to floating-point noise, over the edge.
    offset = round((constant + 0.5) * (1 << _SHIFT)) + 2
    if not 1 <= multiplier <= _STEEPEST or abs(offset) > _LARGEST_OFFSET:
        raise ValueError(f"{factor} steps per pixel value from {constant}")
    return multiplier, offset


def fitted(wanted: Sequence[int] | npt.NDArray[np.integer]) -> tuple[int, int]:
    """A pair that gives exactly the wanted int8 values of the pixels 0 to 255.

    Raises ValueError where no straight line does.
    """
    wanted = np.asarray(wanted, np.int64)
    if np.any(np.diff(wanted) < 0) or wanted.min() < -128 or wanted.max() > 127:
        raise ValueError("the values do not rise with the pixels")

    def offsets(multiplier: int) -> tuple[int, int]:
        """The smallest and the largest offset that fit; they cross where none does."""
        low = (wanted << _SHIFT) - _PIXELS * multiplier
        high = low + (1 << _SHIFT) - 1
        return (
            int(low[wanted > -128].max(initial=-_LARGEST_OFFSET)),
            int(high[wanted < 127].min(initial=_LARGEST_OFFSET)),
        )

    def room(multiplier: int) -> int:
        low, high = offsets(multiplier)
        return high - low

    # The room is a concave function of the multiplier, so halving finds its largest value.
    first, last = 1, _STEEPEST
    while first < last:
        middle = (first + last) // 2
        if room(middle) < room(middle + 1):
            first = middle + 1
        else:
            last = middle
    low, high = offsets(first)
    if low > high:
        raise ValueError("the values are not those of a straight line")
    return first, (low + high) // 2
