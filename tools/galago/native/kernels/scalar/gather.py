# SPDX-License-Identifier: MIT
"""Lays out the windows of a tile in scratch, two pixels in a word (pairs.py).

The word of pixels x and y is x + (y << 16). Of each four pixels the taps lie interleaved: tap 0 of both
pairs, tap 1 of both pairs … The windows of up to three pixels that are left over follow one after the other,
with a word for each tap. Outside the picture is the input's zero point.
"""

from collections.abc import Callable

from galago.native.kernels.scalar.function import Function

FRAME = (
    *("pad", "line", "width", "step", "top", "bottom", "start", "y", "gathered", "columns"),
    *("odd", "copied"),
)
"""Words that a function's frame needs for it, beside `windows`, `pixels` and `taps`."""


def gather(code: Function, done: Callable[[Function, int, int], None] | None = None) -> None:
    """Writes the windows of output rows first … last, `pixels` of them with `taps` taps, to `windows`.

    `done(code, target, stride)` emits what follows each window, which ends `stride` before `target`.
    """
    target, stride, at, limit, end, source, byte, t = code.general
    _locals(code)
    code.label("row")
    code.load(source, "record")
    code.word(t, "out_w", source)
    code.store(t, "columns")
    code.load(t, "top")
    code.word(at, "k_h", source)
    code.plus(t, t, at)
    code.store(t, "bottom")
    code.word(t, "p_l", source)
    code.word(at, "in_c", source)
    code.times(t, at)
    code.constant(at, 0)
    code.minus(t, at, t)
    code.store(t, "start")
    code.label("column")
    # The pixel's window: the first tap at `target`, the next `stride` bytes on.
    code.load(at, "gathered")
    code.low_bits(t, at, 2)
    code.minus(target, at, t)  # of its four, the first
    code.copy(end, target)
    code.increase(end, 4)
    code.load(limit, "pixels")
    code.constant(stride, 8)
    code.branch_if(limit, ">=", end, "four", near=True)
    code.plus(target, target, t)
    code.plus(target, target, t)
    code.constant(stride, 4)
    code.constant(t, 0)
    code.label("four")
    code.low_bits(byte, t, 1)
    code.store(byte, "odd")
    code.minus(t, t, byte)
    code.load(at, "taps")
    code.times(target, at)
    code.plus(target, target, t)
    code.plus(target, target, target)
    code.load(t, "windows")
    code.plus(target, target, t)
    code.load(t, "top")
    code.store(t, "y")

    code.label("line")
    code.load(at, "start")
    code.load(t, "width")
    code.plus(end, at, t)
    code.load(t, "y")
    code.load(source, "record")
    code.word(limit, "in_h", source)
    code.branch_if(t, "<u", limit, "beside", near=True)
    code.copy(limit, end)  # above or below the picture
    code.jump("before")
    code.label("beside")
    code.constant(limit, 0)
    code.branch_if(end, ">=", limit, "before", near=True)
    code.copy(limit, end)
    code.label("before")
    _outside(code, at, limit, target, stride, byte, t)
    code.branch_if(at, ">=", end, "done")
    code.load(limit, "line")
    code.branch_if(end, ">=", limit, "inside", near=True)
    code.copy(limit, end)
    code.label("inside")
    code.load(source, "record")
    code.word(byte, "input_rows", source)
    code.load(t, "y")
    code.modulo(t, byte)
    code.load(byte, "line")
    code.times(t, byte)
    code.word(byte, "input", source)
    code.plus(source, t, byte)
    code.load(t, "arena")
    code.plus(source, source, t)
    code.plus(t, source, limit)
    code.plus(source, source, at)
    code.branch_if(source, ">=", t, "copied")
    _copy(code, source, t, target, stride, byte, at)
    code.copy(at, limit)
    code.label("copied")
    _outside(code, at, end, target, stride, byte, t)
    code.label("done")
    code.advance("y", 1, t)
    code.load(at, "bottom")
    code.branch_if(t, "!=", at, "line")
    if done:
        done(code, target, stride)

    code.load(t, "start")
    code.load(at, "step")
    code.plus(t, t, at)
    code.store(t, "start")
    code.advance("gathered", 1, limit)
    code.advance("columns", -1, t)
    code.branch_if(t, "!=", None, "column")
    code.load(source, "record")
    code.word(at, "s_h", source)
    code.load(t, "top")
    code.plus(t, t, at)
    code.store(t, "top")
    code.load(t, "pixels")
    code.branch_if(limit, "<", t, "row")


def _locals(code: Function) -> None:
    """Fills the frame's words."""
    record, depth, t, u = code.general[:4]
    code.load(record, "record")
    code.word(depth, "in_c", record)
    for bytes_, elements in (("line", "in_w"), ("width", "k_w"), ("step", "s_w")):
        code.word(t, elements, record)
        code.times(t, depth)
        code.store(t, bytes_)
    code.word(t, "in_zero", record)
    code.store(t, "pad")
    code.load(t, "first")
    code.word(u, "s_h", record)
    code.times(t, u)
    code.word(u, "p_t", record)
    code.minus(t, t, u)
    code.store(t, "top")
    code.constant(t, 0)
    code.store(t, "gathered")


def _copy(code: Function, source: int, end: int, target: int, stride: int, byte: int, t: int) -> None:
    """Copies what is inside the picture, four bytes at a time as long as there are four."""
    code.store(end, "copied")
    code.minus(t, end, source)
    code.low_bits(byte, t, 2)
    code.minus(end, end, byte)
    for count in (4, 1):
        odd, done = code.fresh("odd"), code.fresh("done")
        code.branch_if(source, "==", end, done)
        code.load(t, "odd")
        code.branch_if(t, "!=", None, odd)
        for upper, again in ((False, code.fresh("copy")), (True, odd)):
            code.label(again)
            for i in range(count):
                code.load8s(byte, source, i)
                _put(code, byte, target, t, upper)
                code.plus(target, target, stride)
            code.increase(source, count)
            code.branch_if(source, "!=", end, again, near=True)
            if not upper:
                code.jump(done)
        code.label(done)
        if count > 1:
            code.load(end, "copied")


def _outside(code: Function, at: int, limit: int, target: int, stride: int, byte: int, t: int) -> None:
    """Writes the zero point from `at` on, up to a limit."""
    odd, done = code.fresh("odd"), code.fresh("outside")
    code.branch_if(at, ">=", limit, done, near=True)
    code.load(byte, "pad")
    code.load(t, "odd")
    code.branch_if(t, "!=", None, odd, near=True)
    for upper, again in ((False, code.fresh("again")), (True, odd)):
        code.label(again)
        _put(code, byte, target, t, upper)
        code.plus(target, target, stride)
        code.increase(at, 1)
        code.branch_if(at, "<", limit, again, near=True)
        if not upper:
            code.jump(done)
    code.label(done)


def _put(code: Function, value: int, target: int, t: int, upper: bool) -> None:
    """Writes a word with the first pixel of a pair, or adds the second to it."""
    if upper:
        code.load16(t, target, 2)
        code.plus(t, t, value)
        code.store16(t, target, 2)
    else:
        code.store32(value, target)
