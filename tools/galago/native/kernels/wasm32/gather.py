# SPDX-License-Identifier: MIT
"""Brings inputs into the order in which products read them, as int16."""

from galago.native.assemblers.wasm32 import Wasm32
from galago.native.kernels.wasm32.function import Kernel


def spread() -> Wasm32:
    """Copies `rows` rows of `count` int8, `step` bytes apart, as int16 to rows `target_step` bytes apart."""
    code = Kernel("source", "target", "rows", "count", "step", "target_step")
    code.compute("eights", "shr_u", "count", 3)
    code.compute("ones", "and", "count", 7)
    with code.times("row", "rows"):
        code.copy("p", "source")
        code.copy("q", "target")
        with code.times("n", "eights"):
            code.get("q")
            code.get("p")
            code.op("v128.load8x8_s")
            code.op("v128.store")
            code.add("p", 8)
            code.add("q", 16)
        with code.times("n", "ones"):
            code.get("q")
            code.get("p")
            code.op("i32.load8_s")
            code.op("i32.store16")
            code.add("p", 1)
            code.add("q", 2)
        code.add("source", "step")
        code.add("target", "target_step")
    code.i32_const(0)
    return code


def gather() -> Wasm32:
    """Copies windows of `lines` lines of `chunks` times 8 int16 one after the other.

    In the source, lines of a window are `line` bytes apart, windows of a row `step` bytes; after a row the
    source moves by `back` bytes more. What a chunk holds beyond its line meets weights that are 0.
    """
    code = Kernel("source", "target", "rows", "columns", "lines", "chunks", "line", "step", "back")
    with code.times("row", "rows"):
        with code.times("column", "columns"):
            code.copy("start", "source")
            with code.times("y", "lines"):
                code.copy("p", "start")
                with code.times("n", "chunks"):
                    code.get("target")
                    code.get("p")
                    code.op("v128.load")
                    code.op("v128.store")
                    code.add("p", 16)
                    code.add("target", 16)
                code.add("start", "line")
            code.add("source", "step")
        code.add("source", "back")
    code.i32_const(0)
    return code
