# SPDX-License-Identifier: MIT
"""DEPTHWISE_CONV_2D with 3 x 3 windows: a channel of an output row at a time.

The three input rows of a window are kept in scratch as unsigned bytes, x + 128, channel by channel, with
columns of the zero point on either side. Scratch holds the table, the nine weights of each channel, the state
of the rows, the sums of a channel's row if a function keeps them, and three rows of each channel.
"""

from collections.abc import Callable

from galago.native.kernels.rounding import Rounding
from galago.native.kernels.scalar import window_sums
from galago.native.kernels.scalar.function import Function
from galago.native.kernels.scalar.table import prepare
from galago.tflite.records import Record

_STATE = ("oldest", "middle", "newest", "next")  # offsets of a channel's rows, and the input row to come
_NEXT = 12  # bytes from the state to its last word
FRAME = (
    *("table", "packed", "state", "rows", "channels", "columns", "width", "y", "out", "left", "size"),
    *("sums", "entry", "weight", "channel_rows", "row_end", "source", "minus_zero"),
)
"""Words of a function's frame.

Those for the sums of a row: `table` and `packed`, the addresses of the first channel's entry and weights;
`state`, the address of the offsets of the three rows; `rows` of the first channel, and their `size` in
bytes; `sums`, a word for each output, if a function keeps them; `minus_zero` of the weights, if they have
one; `channels` and `width` of the output; `out`, the address of its first byte, with `channels` bytes from
one pixel to the next. The others may be overwritten.
"""


def scratch(record: Record, keeps_sums: bool = False) -> tuple[int, int]:
    """Bytes of scratch for one row at a time, and for the whole layer."""
    columns = (record.out_w - 1) * record.s_w + 3
    size = 12 * record.out_c + (9 * record.out_c + 3 & -4) + 4 * len(_STATE) + 3 * columns * record.out_c
    if keeps_sums:
        size += 4 * record.out_w
    return size, size


def build(code: Function, rounding: Rounding, stride: int, sums: Callable[[], None]) -> bytes:
    """The function for all layers of one stride with the same rounding; `sums` emits an output row."""
    code.enter()
    _locals(code, stride)
    if rounding.shifted:
        window_sums.minus_zero(code, code.general[0], code.general[1])
        code.store(code.general[0], "minus_zero")
    t, u, v, w = code.general[:4]
    code.move("y", "first", t)
    code.branch_if(t, "!=", None, "row")
    _prepare(code, rounding)
    _empty(code)
    for _ in range(3 - stride):
        _next_row(code)
    code.label("row")
    for _ in range(stride):
        _next_row(code)
    # The address of the output row.
    code.load(u, "record")
    code.word(v, "output_rows", u)
    code.load(w, "y")
    code.modulo(w, v)
    code.word(t, "out_w", u)
    code.times(t, w)
    code.load(w, "channels")
    code.times(t, w)
    code.word(v, "output", u)
    code.plus(t, t, v)
    code.load(u, "arena")
    code.plus(t, t, u)
    code.store(t, "out")
    sums()
    code.advance("y", 1, t)
    code.load(u, "last")
    code.branch_if(t, "<", u, "row")
    code.leave()
    return code.finish()


def _locals(code: Function, stride: int) -> None:
    """Fills the frame's words."""
    record, at, channels, t, u = code.general[:5]
    code.load(record, "record")
    code.word(channels, "out_c", record)
    code.store(channels, "channels")
    code.word(t, "out_w", record)
    code.store(t, "width")
    code.increase(t, -1)
    code.constant(u, stride)
    code.times(t, u)
    code.increase(t, 3)
    code.store(t, "columns")
    code.constant(u, 3)
    code.times(t, u)
    code.store(t, "size")
    code.word(at, "scratch", record)
    code.load(t, "arena")
    code.plus(at, at, t)
    code.store(at, "table")
    code.constant(t, 12)
    code.times(t, channels)
    code.plus(at, at, t)
    code.store(at, "packed")
    code.constant(t, 9)
    code.times(t, channels)
    code.increase(t, 3)
    code.low_bits(u, t, 2)
    code.minus(t, t, u)
    code.plus(at, at, t)
    code.store(at, "state")
    code.increase(at, 4 * len(_STATE))
    if code.keeps_sums:
        code.store(at, "sums")
        code.load(t, "width")
        for _ in range(4):
            code.plus(at, at, t)
    code.store(at, "rows")


def _prepare(code: Function, rounding: Rounding) -> None:
    """Packs the weights and prepares the table."""
    weight, packed, entry, total, w, t, zero, channels = code.general
    code.load(t, "record")
    code.word(zero, "in_zero", t)
    code.increase(zero, 64)
    code.increase(zero, 64)
    code.load(weight, "weights")
    code.load(packed, "packed")
    code.load(entry, "table")
    code.load(channels, "channels")
    code.store(channels, "left")
    code.label("prepare")
    code.constant(total, 0)
    if rounding.shifted:
        code.constant(t, 9)
        window_sums.begin_weights(code, total, t, w)
    code.copy(t, weight)
    for tap in range(9):
        code.load8s(w, t)
        code.plus(total, total, w)
        code.store8(w, packed, tap)
        code.plus(t, t, channels)
    prepare(code, rounding, entry, total, zero, t)
    code.increase(weight, 1)
    code.increase(packed, 9)
    code.increase(entry, 12)
    code.advance("left", -1, t)
    code.branch_if(t, "!=", None, "prepare")


def _empty(code: Function) -> None:
    """Fills the rows with the zero point."""
    state, record, at, end, columns, t = code.general[:6]
    code.load(state, "state")
    code.load(columns, "columns")
    code.constant(t, 0)
    for offset in (0, 4, 8):
        code.store32(t, state, offset)
        code.plus(t, t, columns)
    code.load(record, "record")
    code.word(t, "p_t", record)
    code.constant(at, 0)
    code.minus(t, at, t)
    code.store32(t, state, _NEXT)
    code.load(at, "rows")
    code.load(end, "size")
    code.load(t, "channels")
    code.times(end, t)
    code.plus(end, end, at)
    code.word(t, "in_zero", record)
    code.increase(t, -128)
    code.label("empty")
    code.store8(t, at)
    code.increase(at, 1)
    code.branch_if(at, "!=", end, "empty", near=True)


def _next_row(code: Function) -> None:
    """Replaces the oldest row of all channels by the picture's next, or by the zero point below it."""
    target, state, y, t, u, inside, depth, record = code.general
    done, picture, below = code.fresh("copied"), code.fresh("picture"), code.fresh("below")
    code.load(state, "state")
    code.load32(target, state)
    code.load32(t, state, 4)
    code.store32(t, state)
    code.load32(t, state, 8)
    code.store32(t, state, 4)
    code.store32(target, state, 8)
    code.load32(y, state, _NEXT)
    code.copy(t, y)
    code.increase(t, 1)
    code.store32(t, state, _NEXT)
    code.branch_if(y, "<", None, done)  # above the picture: the row still holds the zero point
    code.load(record, "record")
    code.load(t, "rows")
    code.plus(target, target, t)
    code.word(t, "p_l", record)
    code.plus(target, target, t)
    # Columns inside the picture.
    code.load(inside, "columns")
    code.minus(inside, inside, t)
    code.word(t, "in_w", record)
    code.branch_if(t, ">=", inside, picture, near=True)
    code.copy(inside, t)
    code.label(picture)
    code.load(depth, "channels")
    code.store(depth, "left")
    code.word(u, "in_h", record)
    code.branch_if(y, ">=", u, below)
    code.times(t, depth)
    code.word(u, "input_rows", record)
    code.modulo(y, u)
    code.times(y, t)
    code.word(t, "input", record)
    code.plus(y, y, t)
    code.load(t, "arena")
    code.plus(y, y, t)
    code.store(y, "source")
    _copy(code)
    code.jump(done)
    code.label(below)
    _below(code)
    code.label(done)


def _copy(code: Function) -> None:
    """Copies a row from `source` to `target`, channel by channel."""
    target, source, byte, at, end, inside, depth, _ = code.general
    channel, column = code.fresh("channel"), code.fresh("column")
    code.label(channel)
    code.load(source, "source")
    code.copy(at, target)
    code.plus(end, target, inside)
    code.label(column)
    code.load8(byte, source)
    code.plus(source, source, depth)
    code.increase(byte, -128)
    code.store8(byte, at)
    code.increase(at, 1)
    code.branch_if(at, "!=", end, column, near=True)
    _next_channel(code, channel)


def _below(code: Function) -> None:
    """Fills a row with the zero point."""
    target, _, byte, at, end, inside, _, record = code.general
    channel, column = code.fresh("channel"), code.fresh("column")
    code.label(channel)
    code.word(byte, "in_zero", record)
    code.increase(byte, -128)
    code.copy(at, target)
    code.plus(end, target, inside)
    code.label(column)
    code.store8(byte, at)
    code.increase(at, 1)
    code.branch_if(at, "!=", end, column, near=True)
    _next_channel(code, channel)


def _next_channel(code: Function, label: str) -> None:
    """Moves `source` by a byte and `target` by a channel's rows; again, if a channel is left."""
    target, t = code.general[0], code.general[1]
    code.load(t, "size")
    code.plus(target, target, t)
    code.advance("source", 1, t)
    code.advance("left", -1, t)
    code.branch_if(t, "!=", None, label)
