# SPDX-License-Identifier: MIT
"""Depthwise convolutions: eight channels at a time, whose weights stay in vectors while all pixels pass.

The input is a padded plane of int16. As in product.py, the last channels come first, since eight bytes are
always stored.
"""

from galago.native.assemblers.wasm32 import Wasm32
from galago.native.kernels.wasm32.function import ENTRY, Kernel


def depthwise(height: int, width: int) -> Wasm32:
    """depthwise(x, weights, table, output, rows, columns, blocks, channels, line, step, back, zero, …).

    `line` bytes are between the lines of the plane, `step` between windows of a row; after a row, the plane
    is read `back` bytes further on. The last two parameters are lowest and highest, of the activation.
    """
    code = Kernel(
        *("x", "weights", "table", "output", "rows", "columns", "blocks", "channels", "line", "step", "back"),
        *("zero", "lowest", "highest"),
    )
    taps = [f"w{i}" for i in range(height * width)]
    code.constants()
    code.vectors("a", "b", "first", "second", "pixels", "v", *taps)
    code.compute("pixel", "mul", "channels", 2)
    code.compute("last", "sub", "blocks", 1)
    for pointer, step in (("weights", 16 * len(taps)), ("table", 2 * ENTRY), ("output", 8), ("x", 16)):
        code.compute("offset", "mul", "last", step)
        code.add(pointer, "offset")
    with code.times("block", "blocks"):
        for index, name in enumerate(taps):
            code.get("weights")
            code.op("v128.load", 16 * index)
            code.set(name)
        for half, name in enumerate(("first", "second")):
            code.get("table")
            code.op("v128.load", ENTRY * half)
            code.set(name)
        code.copy("start", "x")
        code.copy("out", "output")
        with code.times("row", "rows"):
            with code.times("column", "columns"):
                _window(code, taps, width)
                code.requantize("a", 0)
                code.requantize("b", ENTRY)
                code.store("a", "b", "out")
                code.add("start", "step")
                code.add("out", "channels")
            code.add("start", "back")
        code.add("weights", -16 * len(taps))
        code.add("table", -2 * ENTRY)
        code.add("output", -8)
        code.add("x", -16)
    code.i32_const(0)
    return code


def _window(code: Kernel, taps: list[str], width: int) -> None:
    """Sums of the window at `start`."""
    code.copy("a", "first")
    code.copy("b", "second")
    code.copy("y", "start")
    for index, weights in enumerate(taps):
        if index % width == 0:
            if index:
                code.add("y", "line")
            code.copy("p", "y")
        else:
            code.add("p", "pixel")
        code.get("p")
        code.op("v128.load")
        code.set("pixels")
        for half, sums in (("low", "a"), ("high", "b")):
            code.get("pixels")
            code.get(weights)
            code.op(f"i32x4.extmul_{half}_i16x8_s")
            code.get(sums)
            code.op("i32x4.add")
            code.set(sums)
