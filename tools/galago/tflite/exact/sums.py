# SPDX-License-Identifier: MIT
"""What convolutions share: which input each position of a window sees, and the way from sums to outputs."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from galago.tflite.exact.layer import Int8, Layer
from galago.tflite.exact.rounding import rescaled, word
from galago.tflite.records import Record, factors

Place = tuple[slice, slice]


def shifted(
    record: Record, image: Int8, down: int, across: int
) -> Iterator[tuple[int, int, Place, NDArray[np.float64]]]:
    """For each position (ky, kx) of the window: outputs to which it contributes, and the pixels they see.

    Pixels are float64 [rows, columns, in_c] with the zero point subtracted; `down` and `across` are the
    dilation. Positions that only see padding are left out.
    """
    pixels = image.astype(np.float64) - record.in_zero
    for ky in range(record.k_h):
        rows = _seen(record.out_h, record.in_h, record.s_h, ky * down - record.p_t)
        for kx in range(record.k_w):
            columns = _seen(record.out_w, record.in_w, record.s_w, kx * across - record.p_l)
            if rows and columns:
                yield ky, kx, (rows[0], columns[0]), pixels[rows[1], columns[1]]


def _seen(outputs: int, size: int, stride: int, offset: int) -> tuple[slice, slice] | None:
    """Outputs i for which the input i * stride + offset exists, and these inputs."""
    first = max(0, -(offset // stride))
    last = min(outputs, (size - 1 - offset) // stride + 1)
    if first >= last:
        return None
    start = first * stride + offset
    return slice(first, last), slice(start, start + (last - first - 1) * stride + 1, stride)


def requantized(layer: Layer, sums: NDArray[np.float64]) -> Int8:
    """The outputs for sums [..., out_c] without their biases."""
    record = layer.record
    totals = sums.astype(np.int64)
    if record.bias:
        totals += np.frombuffer(layer.model, "<i4", record.out_c, record.bias)
    return layer.clamp(rescaled(word(totals), *factors(record, layer.model)))
