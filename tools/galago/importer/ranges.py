# SPDX-License-Identifier: MIT
"""Which numbers a network expects for pixels, found from its input's quantization or given by the user.

lines = ranges.named("-1..1", channels=3)                   # real = factor * pixel + constant, per channel
name = ranges.of_quantization(0.0078, -1)                   # "-1..1", or None where it cannot be told
pairs = ranges.transform(lines, scale, zero_point)          # for model.json; None where int8 = pixel - 128
"""

import re

import numpy as np

from galago.errors import GalagoError
from galago.models import transform as integer

Line = tuple[float, float]
"""real = factor * pixel + constant."""

GALAGO = "(pixel - 128) / 128"
"""The range of models made by Galago, and of Google's quantized ones."""
IMAGENET = "imagenet"
"""Mean and standard deviation of ImageNet's colours, as PyTorch's networks have them."""
CANDIDATES = ("0..255", "0..1", "-1..1", IMAGENET)
"""The ranges that networks are trained on."""
ADVICE = "--input-range 0..255, 0..1, -1..1 or imagenet"

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_HALF_STEP = 0.501  # half a step, and floating-point noise


def named(name: str, channels: int) -> list[Line]:
    """The line of each channel for a range "LOW..HIGH" or "imagenet". Raises GalagoError config.invalid."""
    if name == GALAGO:
        return [(1 / 128, -1.0)] * channels
    if name == IMAGENET and channels == 3:
        return [(1 / (255 * d), -m / d) for m, d in zip(_MEAN, _DEVIATION, strict=True)]
    number = r"\s*([+-]?\d{1,6}(?:\.\d{1,9})?)\s*"
    match = re.fullmatch(rf"{number}\.\.{number}", name)
    if not match or float(match[1]) >= float(match[2]):
        raise GalagoError("config.invalid", f"expected {ADVICE}, got {name}")
    low, high = float(match[1]), float(match[2])
    return [((high - low) / 255, low)] * channels


def of_quantization(scale: float, zero_point: int) -> str | None:
    """The range that the quantization of an int8 input shows; None where it fits several or none."""
    low, high = (-128 - zero_point) * scale, (127 - zero_point) * scale
    if (scale, zero_point) == (1 / 128, 0):
        return GALAGO
    if low > -0.02 * high:
        return "0..1" if 0.3 < high < 1.3 else "0..255" if 100 < high < 260 else None
    if -1.3 < low < -0.6 < 0.6 < high < 1.3:
        return "-1..1"
    if -0.6 < low < -0.4 < 0.4 < high < 0.6:
        return "-0.5..0.5"
    if -2.3 < low < -1.5 < 1.5 < high < 2.8:
        return IMAGENET
    return None


def transform(lines: list[Line], scale: float, zero_point: int) -> list[list[int]] | None:
    """The pairs of model.json that quantize pixels; None where int8 = pixel - 128 is as near.

    Raises GalagoError model.quantization where the pixels would need more than 32 bits.
    """
    pixels = np.arange(256)
    exact = [((a * pixels + b) / scale + zero_point).clip(-128, 127) for a, b in lines]
    if max(np.abs(each - (pixels - 128)).max() for each in exact) <= _HALF_STEP:
        return None
    try:
        return [list(integer.affine(a / scale, b / scale + zero_point)) for a, b in lines]
    except ValueError as error:
        raise GalagoError(
            "model.quantization",
            f"the input's scale {scale:.6g} and zero point {zero_point} do not fit its range ({error}): "
            f"add {ADVICE}",
        ) from None
