# SPDX-License-Identifier: MIT
"""Products of weights and pixels: all convolutions but depthwise ones, and fully connected layers.

Eight output channels of four pixels are computed at a time, in eight vectors of four sums. Two taps of a
pixel are repeated in a vector and multiplied with those of four channels by one instruction. The table holds,
with each bias, what the input's zero point adds: sum w (x - zero) = sum w x - zero sum w.

The last channels come first, and pixels in order: eight bytes are always stored, and what lies beyond the
last channel is overwritten by the next pixel. After the tensor there is room for three pixels and eight bytes
more.
"""

import itertools

from galago.native.assemblers.wasm32 import Wasm32
from galago.native.kernels.wasm32.function import ENTRY, Kernel

PIXELS = 4
_PAIRS = 4  # of taps, each time round the inner loop


def product() -> Wasm32:
    """product(x, weights, table, output, groups, blocks, pairs, channels, zero, lowest, highest).

    `groups` of 4 pixels with `pairs` pairs of int16 each at x, a multiple of 4; `blocks` of 8 channels.
    """
    code = Kernel(
        *("x", "weights", "table", "output", "groups", "blocks", "pairs", "channels"),
        *("zero", "lowest", "highest"),
    )
    pixels = [f"x{i}" for i in range(PIXELS)]
    sums = [(f"a{i}", f"b{i}") for i in range(PIXELS)]
    code.constants()
    code.vectors("w0", "w1", "pair", "v", *(name for both in sums for name in both))
    code.compute("stride", "mul", "pairs", 4)
    code.compute("bytes", "mul", "pairs", 32)  # weights of a block
    code.compute("turns", "shr_u", "pairs", 2)
    code.compute("last", "sub", "blocks", 1)
    for pointer, step in (("weights", "bytes"), ("table", 2 * ENTRY), ("output", 8)):
        code.compute("offset", "mul", "last", step)
        code.add(pointer, "offset")
    code.compute("back", "sub", 0, "bytes")
    with code.times("block", "blocks"):
        code.copy("p0", "x")
        code.copy("out", "output")
        with code.times("group", "groups"):
            _products(code, pixels, sums)
            for first, second in sums:
                code.requantize(first, 0)
                code.requantize(second, ENTRY)
                code.store(first, second, "out")
                code.add("out", "channels")
            code.copy("p0", pixels[-1])  # where its reader stopped, the next group begins
        code.add("weights", "back")
        code.add("table", -2 * ENTRY)
        code.add("output", -8)
    code.i32_const(0)
    return code


def _products(code: Kernel, pixels: list[str], sums: list[tuple[str, str]]) -> None:
    """Sums of 8 channels of 4 pixels from p0 on."""
    code.copy(pixels[0], "p0")
    for before, pixel in itertools.pairwise(pixels):
        code.compute(pixel, "add", before, "stride")
    code.copy("w", "weights")
    for both in sums:
        for half, name in enumerate(both):
            code.get("table")
            code.op("v128.load", ENTRY * half)
            code.set(name)
    with code.times("turn", "turns"):
        for pair in range(_PAIRS):
            for half, name in enumerate(("w0", "w1")):
                code.get("w")
                code.op("v128.load", 32 * pair + 16 * half)
                code.set(name)
            for pixel, both in zip(pixels, sums, strict=True):
                code.get(pixel)
                code.op("v128.load32_splat", 4 * pair)
                code.set("pair")
                for weights, name in zip(("w0", "w1"), both, strict=True):
                    code.get("pair")
                    code.get(weights)
                    code.op("i32x4.dot_i16x8_s")
                    code.get(name)
                    code.op("i32x4.add")
                    code.set(name)
        for pixel in pixels:
            code.add(pixel, 4 * _PAIRS)
        code.add("w", 32 * _PAIRS)
