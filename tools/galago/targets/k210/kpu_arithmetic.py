# SPDX-License-Identifier: MIT
"""The KPU's arithmetic, bit by bit, in numpy: convolution, batch norm, activation, pooling.

    result = run(conv, x, "up")             # uint8 [channels, height, width] in and out

Two host models of the chip by its vendor disagree on the last step of the activation, and it is not known
which of them silicon follows. ROUNDINGS names both; kmodels of Galago's compiler give the same bytes with
either.
"""

from typing import Literal

import numpy as np

from galago.errors import GalagoError
from galago.targets.k210.kpu_conv import KpuConv
from galago.targets.k210.registers import POOL_STRIDES, SIGNED_BITS, ActivationTable, BatchNorm

Rounding = Literal["up", "even"]
ROUNDINGS: tuple[Rounding, ...] = ("up", "even")
"""up: halves are rounded up, and a segment begins at its start (nncase 0.1, which defined version 3);
even: halves are rounded to even, and a segment begins after its start (nncase 0.2 to 1.x)."""
_BLOCK = 1 << 15  # values processed at a time, which fit a processor's cache


def run(conv: KpuConv, x: np.ndarray, rounding: Rounding = "up") -> np.ndarray:
    """Runs a layer on a map, uint8 [channels, height, width].

    Raises GalagoError model.range if a sum leaves 36 bits: what the chip does then is not known.
    """
    pool = conv.registers.pool_type
    early = pool if pool in _CORNERS else 0  # pools that drop pixels do so before the computation
    sums = _bounded(_convolve(conv, x, early), "convolution")
    result = np.empty(sums.shape, np.uint8)
    channels = max(1, _BLOCK // sums[0].size)
    for start in range(0, len(sums), channels):
        part = slice(start, start + channels)
        values = _bounded(_normalize(sums[part], conv.batch_norm, part), "batch norm")
        result[part] = _activate(values, conv.activation, rounding)
    return _pool(result, 0 if early else pool)


def _convolve(conv: KpuConv, x: np.ndarray, corner: int) -> np.ndarray:
    """Returns A = sum(x w) + (arg_x sum(x) >> shr_x) + (arg_w sum(w) >> shr_w) + arg_add * inputs, int64."""
    r = conv.registers
    taps = _taps(conv, x, corner)
    height, width = taps.shape[2:]
    weights = conv.weights.reshape(*conv.weights.shape[:2], -1)
    if r.depth_wise_layer:
        products = np.zeros(taps.shape[1:], np.int32)
        for tap, row in zip(taps, weights[:, 0].T.astype(np.int32), strict=True):
            products += tap * row[:, np.newaxis, np.newaxis]
        sum_x, inputs = taps.sum(0, np.int64), 1
    else:
        columns = taps.reshape(-1, height * width).astype(np.float64)  # integers below 2**53 are exact
        rows = weights.transpose(0, 2, 1).reshape(len(weights), -1).astype(np.float64)
        products = (rows @ columns).reshape(-1, height, width)
        sum_x, inputs = columns.sum(0).astype(np.int64).reshape(height, width), r.i_ch_num
    sum_w = weights.sum((1, 2), np.int64)
    constant = (r.arg_w * sum_w >> r.shr_w) + r.arg_add * inputs
    return products.astype(np.int64) + (r.arg_x * sum_x >> r.shr_x) + constant[:, np.newaxis, np.newaxis]


def _taps(conv: KpuConv, x: np.ndarray, corner: int) -> np.ndarray:
    """Returns the pixels under each tap of the kernel, uint8 [taps, channels, height, width]."""
    top, left = _CORNERS.get(corner, (0, 0))
    step = POOL_STRIDES[corner]
    height, width = (n // step * step for n in x.shape[1:])
    if conv.registers.kernel == 1:
        return x[np.newaxis, :, top:height:step, left:width:step]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)), constant_values=conv.registers.pad_value)
    return np.stack(
        [
            padded[:, dy + top : dy + height : step, dx + left : dx + width : step]
            for dy in range(3)
            for dx in range(3)
        ]
    )


def _normalize(sums: np.ndarray, batch_norm: BatchNorm, part: slice) -> np.ndarray:
    """Returns V = (A * mul >> shift) + add of some channels, int64."""
    words = batch_norm.mul, batch_norm.add, batch_norm.shift
    mul, add, shift = (one[part, np.newaxis, np.newaxis] for one in words)
    return (sums * mul >> shift) + add


def _activate(values: np.ndarray, table: ActivationTable, rounding: Rounding) -> np.ndarray:
    """Returns Y = clamp(R((V - start) * mul, shift) + bias, 0, 255), uint8."""
    flat = values.ravel()
    side = "right" if rounding == "up" else "left"
    low, high = np.searchsorted(table.start, (flat.min(), flat.max()), side).clip(1) - 1
    begun = np.greater_equal if rounding == "up" else np.greater
    count = np.full(flat.shape, low, np.int8)  # one byte per value: this takes most of the time
    for start in table.start[low + 1 : high + 1]:
        count += begun(flat, start)
    segment = count.astype(np.intp)
    shift = table.shift[segment]
    scaled = (flat - table.start[segment]) * table.mul[segment]
    rounded = round_up(scaled, shift) if rounding == "up" else round_even(scaled, shift)
    return (rounded + table.bias[segment]).clip(0, 255).astype(np.uint8).reshape(values.shape)


def round_up(value: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Returns value / 2**shift, halves up; below 0 as nncase 0.1: all but one bit, halved, odd ones - 1."""
    if value.min(initial=0) >= 0:
        return value + (1 << shift >> 1) >> shift
    kept = value >> np.maximum(shift - 1, 0)
    rounded = np.where(value < 0, (kept >> 1) - (kept & 1), (kept + 1) >> 1)
    return np.where(shift == 0, value, rounded)


def round_even(value: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Returns value / 2**shift, halves to even; below 0 as nncase 0.2: -1 where a positive value gets 1."""
    floor = value >> shift
    rest = value - (floor << shift)
    half = np.where(
        shift == 0, 1, 1 << np.maximum(shift - 1, 0)
    )  # with shift 0 the rest is 0, below any half
    gains = (rest > half) | ((rest == half) & (floor & 1 == 1))
    return floor + np.where(value < 0, -1, 1) * gains


_CORNERS = {5: (0, 0), 6: (0, 1), 7: (0, 0)}  # pools that keep one pixel of the window: its row and column


def _pool(y: np.ndarray, kind: int) -> np.ndarray:
    """Applies the pools that compute: max and truncated mean over 2x2 or 4x4, or over 2x2 at each pixel."""
    if kind == 0:
        return y
    step = POOL_STRIDES[kind]
    if step == 1:  # 8 mean, repeating the edge; 9 max, with nothing beyond the edge
        y = np.pad(y, ((0, 0), (0, 1), (0, 1)), mode="edge" if kind == 8 else "constant")
        windows = np.stack([y[:, :-1, :-1], y[:, :-1, 1:], y[:, 1:, :-1], y[:, 1:, 1:]])
        return windows.max(0) if kind == 9 else (windows.sum(0, np.uint16) >> 2).astype(np.uint8)
    height, width = y.shape[1] // step, y.shape[2] // step
    windows = y[:, : height * step, : width * step].reshape(-1, height, step, width, step)
    if kind in (1, 3):
        return windows.max((2, 4))
    return (windows.sum((2, 4), np.uint16) // step**2).astype(np.uint8)


def _bounded(values: np.ndarray, what: str) -> np.ndarray:
    limit = 1 << SIGNED_BITS - 1
    low, high = int(values.min()), int(values.max())
    if not -limit <= low <= high < limit:
        raise GalagoError(
            "model.range",
            f"{what}: values from {low:,} to {high:,} leave the KPU's {SIGNED_BITS} bits: compile it again",
        )
    return values
