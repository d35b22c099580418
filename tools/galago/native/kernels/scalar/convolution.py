# SPDX-License-Identifier: MIT
"""CONV_2D and FULLY_CONNECTED: windows in scratch, then blocks of pixels and channels.

The sums of a block stay in registers in a loop over its taps: each weight is used for all pixels of the
block, each activation for all its channels; a multiplication serves two pixels (pairs.py). Scratch: the
table, then the windows (gather.py).
"""

from collections.abc import Callable

from galago.native.kernels.rounding import Rounding
from galago.native.kernels.scalar import pairs, window_sums
from galago.native.kernels.scalar.function import Function
from galago.native.kernels.scalar.gather import FRAME as GATHER
from galago.native.kernels.scalar.gather import gather
from galago.native.kernels.scalar.table import prepare
from galago.tflite.records import Record

FRAME = (
    *("windows", "window", "pixels", "pixel", "taps", "entry", "out", "out_c", "left", *GATHER),
    *("corrections", "correction", *pairs.FRAME),
)
"""Words of a function's frame.

Those for blocks are addresses: `weights` of the first channel, with `taps` bytes from one to the next;
`window` of the first pixel; `entry` in the prepared table; `out` of the first output byte, with `out_c` bytes
from one pixel to the next. If weights have a zero point, `correction` is the address of what to add to the
sums of the first pixel, with a word for each.
"""

Channel = Callable[[int], None]
"""Emits what comes before all blocks of this many channels."""

Block = Callable[[int, int], None]
"""Emits a block of this many channels and pixels, which advances `window` and `out` past its pixels."""


def scratch(record: Record) -> tuple[int, int]:
    """Bytes of scratch for one row at a time, and for the whole layer."""
    table, width = 12 * record.out_c, record.out_w
    return table + _windows(record, width), table + _windows(record, width * record.tile)


def _windows(record: Record, pixels: int) -> int:
    """Bytes of the windows of so many pixels, and of what weights' zero points take from their sums."""
    paired = pixels & ~3
    return record.window * (2 * paired + 4 * (pixels - paired)) + (4 * pixels if record.shifted else 0)


def build(
    code: Function,
    rounding: Rounding,
    channels: tuple[int, ...],
    block: Block,
    channel: Channel = lambda count: None,
) -> bytes:
    """The function for all convolutions with the same rounding; `channels` are block sizes, largest first."""
    code.enter()
    _locals(code, rounding.shifted)
    pairs.zero(code, rounding.shifted)
    t = code.general[0]
    code.load(t, "first")
    code.branch_if(t, "!=", None, "prepared")
    _prepare(code, rounding)
    code.label("prepared")
    code.load(t, "channel")
    code.branch_if(t, "!=", None, "gathered")
    gather(code, window_sums.add if rounding.shifted else None)
    pairs.flatten(code, "gathered")
    code.label("gathered")
    for count in channels:
        _channels(code, count, block, channel, rounding.shifted)
    code.leave()
    return code.finish()


def _locals(code: Function, shifted: bool) -> None:
    """Fills the frame's words."""
    record, t, u, v, base = code.general[:5]
    code.load(record, "record")
    code.word(t, "k_h", record)
    for name in ("k_w", "in_c"):
        code.word(u, name, record)
        code.times(t, u)
    code.store(t, "taps")
    pairs.lift(code, t, u, v, base)
    code.word(base, "scratch", record)
    code.load(t, "arena")
    code.plus(base, base, t)
    code.constant(u, 12)
    code.load(t, "channel")
    code.times(t, u)
    code.plus(t, t, base)
    code.store(t, "entry")
    code.word(t, "out_c", record)
    code.store(t, "out_c")
    code.times(u, t)
    code.plus(u, u, base)
    code.store(u, "windows")
    code.word(u, "out_w", record)
    code.times(t, u)  # bytes of an output row
    code.load(v, "last")
    code.load(base, "first")
    code.minus(v, v, base)
    code.times(u, v)
    code.store(u, "pixels")
    if shifted:
        window_sums.make_room(code, u, v)
    code.word(u, "output_rows", record)
    code.modulo(base, u)
    code.times(t, base)
    code.word(u, "output", record)
    code.plus(t, t, u)
    for name in ("arena", "channel"):
        code.load(u, name)
        code.plus(t, t, u)
    code.store(t, "out")


def _prepare(code: Function, rounding: Rounding) -> None:
    """Prepares the table's entries of the call's channels."""
    entry, weight, total, w, t, end, zero, eights = code.general
    code.load(zero, "zero")
    code.load(entry, "entry")
    code.load(weight, "weights")
    code.load(t, "stop")
    code.load(w, "channel")
    code.minus(t, t, w)
    code.store(t, "left")
    code.label("prepare")
    code.constant(total, 0)
    code.load(t, "taps")
    if rounding.shifted:
        window_sums.begin_weights(code, total, t, end)
    code.plus(end, weight, t)
    code.branch_if(zero, "==", None, "weighed")
    code.low_bits(t, t, 3)
    code.minus(eights, end, t)
    for count, last, again, done in ((8, eights, "weigh8", "weighed8"), (1, end, "weigh", "weighed")):
        code.branch_if(weight, "==", last, done, near=True)
        code.label(again)
        for tap in range(count):
            code.load8s(w, weight, tap)
            code.plus(total, total, w)
        code.increase(weight, count)
        code.branch_if(weight, "!=", last, again, near=True)
        code.label(done)
    prepare(code, rounding, entry, total, zero, t)
    code.load32(t, entry, 8)
    code.load(w, "lift")
    code.minus(t, t, w)
    code.store32(t, entry, 8)
    code.copy(weight, end)
    code.increase(entry, 12)
    code.advance("left", -1, t)
    code.branch_if(t, "!=", None, "prepare")


def _channels(code: Function, count: int, block: Block, channel: Channel, shifted: bool) -> None:
    """Loops over all pixels of the tile with `count` channels at once, while there are that many left."""
    t, u, v = code.general[:3]
    top, done = f"channels{count}", f"no_channels{count}"
    code.label(top)
    code.load(t, "channel")
    code.load(u, "stop")
    code.minus(u, u, t)
    code.constant(t, count)
    code.branch_if(u, "<", t, done)
    code.constant(t, 0)
    code.store(t, "pixel")
    code.move("window", "windows", t)
    pairs.ends(code, t, u)
    if shifted:
        code.move("correction", "corrections", t)
    channel(count)
    for pixels in (4, 1):
        again, passed = f"block{count}{pixels}", f"no_block{count}{pixels}"
        code.label(again)
        code.load(t, "pixel")
        code.increase(t, pixels)
        code.load(u, "pixels")
        code.branch_if(u, "<", t, passed)
        code.store(t, "pixel")
        block(count, pixels)
        if shifted:
            code.advance("correction", 4 * pixels, t)
        code.jump(again)
        code.label(passed)
    code.advance("channel", count, t)
    code.advance("entry", 12 * count, t)
    # `out` has passed all pixels: back to the first.
    code.load(t, "pixels")
    code.load(u, "out_c")
    code.times(t, u)
    code.load(v, "out")
    code.minus(v, v, t)
    code.increase(v, count)
    code.store(v, "out")
    code.load(t, "taps")
    code.load(u, "weights")
    for _ in range(count):
        code.plus(u, u, t)
    code.store(u, "weights")
    code.jump(top)
    code.label(done)
