# SPDX-License-Identifier: MIT
"""DEPTHWISE_CONV_2D with 3 x 3 windows on RV32IMC: a channel of an output row at a time.

The three input rows that a window spans lie in scratch as unsigned bytes, x + 128, channel by channel, with
columns of the zero point beside them. Nine weights stay in registers while a row passes by, and an activation
serves all outputs of a turn that it takes part in. Scratch: the table; the weights, nine of each channel
together; the state of the rows; of each channel three rows.
"""

from galago.native.kernels.rounding import Rounding
from galago.native.kernels.rv32imc.function import REGISTERS, Function, Requantize
from galago.native.records import Record
from galago.native.riscv import ZERO

_UNROLLED = 3  # outputs of one turn of the inner loop
_RUNNING = ("entry", "weight", "channel", "stop")  # pointers of the channel at hand, and where they end
_STATE = (
    "oldest",
    "middle",
    "newest",
    "next",
)  # offsets of a channel's rows, and the input row that comes next


def scratch(record: Record) -> tuple[int, int]:
    """Bytes of scratch row by row, and where the layer runs whole."""
    columns = (record.out_w - 1) * record.s_w + 3
    size = 12 * record.out_c + (9 * record.out_c + 3 & -4) + 4 * len(_STATE) + 3 * columns * record.out_c
    return size, size


def build(rounding: Rounding, stride: int) -> bytes:
    """The function for all layers of one stride that round alike."""
    code = Function("table", "packed", "state", "rows", "channels", "columns", "width", "y", "out", *_RUNNING)
    code.enter()
    _locals(code, stride)
    t, u, v, w = REGISTERS[:4]
    code.load(t, "first")
    code.store(t, "y")
    code.bnez(t, "row")
    _prepare(code, rounding)
    _empty(code)
    for _ in range(3 - stride):
        _next_row(code)
    code.label("row")
    for _ in range(stride):
        _next_row(code)
    # Where the output row begins.
    code.load(u, "record")
    code.word(t, "out_w", u)
    code.word(v, "output_rows", u)
    code.load(w, "channels")
    code.mul(t, t, w)
    code.load(w, "y")
    code.remu(v, w, v)
    code.addi(w, w, 1)
    code.store(w, "y")
    code.mul(t, t, v)
    code.word(v, "output", u)
    code.add(t, t, v)
    code.load(u, "arena")
    code.add(t, t, u)
    code.store(t, "out")
    _channels(code, rounding, stride)
    code.load(t, "y")
    code.load(u, "last")
    code.blt(t, u, "row")
    code.leave()
    return code.finish()


def _locals(code: Function, stride: int) -> None:
    """Fills the frame's words."""
    record, at, channels, t, u = REGISTERS[:5]
    code.load(record, "record")
    code.word(channels, "out_c", record)
    code.store(channels, "channels")
    code.word(t, "out_w", record)
    code.store(t, "width")
    code.addi(t, t, -1)
    code.li(u, stride)
    code.mul(t, t, u)
    code.addi(t, t, 3)
    code.store(t, "columns")
    code.word(at, "scratch", record)
    code.load(t, "arena")
    code.add(at, at, t)
    code.store(at, "table")
    code.li(t, 12)
    code.mul(t, t, channels)
    code.add(at, at, t)
    code.store(at, "packed")
    code.li(t, 9)
    code.mul(t, t, channels)
    code.addi(t, t, 3)
    code.andi(t, t, -4)
    code.add(at, at, t)
    code.store(at, "state")
    code.addi(at, at, 4 * len(_STATE))
    code.store(at, "rows")


def _prepare(code: Function, rounding: Rounding) -> None:
    """Packs the weights and prepares the table."""
    weight, packed, entry, total, w, t, zero, channels, left = REGISTERS[:9]
    requantize = Requantize(code, rounding, REGISTERS[9:16])
    code.load(t, "record")
    code.word(zero, "in_zero", t)
    code.addi(zero, zero, 128)
    code.load(weight, "weights")
    code.load(packed, "packed")
    code.load(entry, "table")
    code.load(channels, "channels")
    code.mv(left, channels)
    code.label("prepare")
    code.li(total, 0)
    code.mv(t, weight)
    for tap in range(9):
        code.lb(w, 0, t)
        code.add(total, total, w)
        code.sb(w, tap, packed)
        code.add(t, t, channels)
    requantize.prepare(entry, total, zero, t)
    code.addi(weight, weight, 1)
    code.addi(packed, packed, 9)
    code.addi(entry, entry, 12)
    code.addi(left, left, -1)
    code.bnez(left, "prepare")


def _empty(code: Function) -> None:
    """Begins with rows of the zero point."""
    state, record, at, end, columns, t = REGISTERS[:6]
    code.load(state, "state")
    code.load(columns, "columns")
    code.sw(ZERO, 0, state)
    code.sw(columns, 4, state)
    code.add(t, columns, columns)
    code.sw(t, 8, state)
    code.load(record, "record")
    code.word(t, "p_t", record)
    code.sub(t, ZERO, t)
    code.sw(t, 12, state)
    code.load(at, "rows")
    code.load(end, "channels")
    code.mul(end, end, columns)
    code.add(t, end, end)
    code.add(end, end, t)
    code.add(end, end, at)
    code.word(t, "in_zero", record)
    code.addi(t, t, 128)
    code.label("empty")
    code.sb(t, 0, at)
    code.addi(at, at, 1)
    code.bne(at, end, "empty")


def _next_row(code: Function) -> None:
    """Replaces the oldest row of all channels by the picture's next, or by the zero point below it."""
    source, target, byte, step, t, state, y, u = REGISTERS[:8]
    depth, columns, left, channels, record, start, inside = REGISTERS[8:15]
    done, channel, column = code.fresh("copied"), code.fresh("channel"), code.fresh("column")
    picture, below = code.fresh("picture"), code.fresh("below")
    code.load(state, "state")
    code.lw(target, 0, state)
    code.lw(t, 4, state)
    code.lw(u, 8, state)
    code.lw(y, 12, state)
    code.sw(t, 0, state)
    code.sw(u, 4, state)
    code.sw(target, 8, state)
    code.addi(t, y, 1)
    code.sw(t, 12, state)
    code.blt(y, ZERO, done)  # above the picture: the rows are of the zero point yet
    code.load(record, "record")
    code.load(columns, "columns")
    code.load(depth, "channels")
    code.word(left, "p_l", record)
    code.load(t, "rows")
    code.add(target, target, t)
    code.add(target, target, left)
    # Columns inside the picture.
    code.sub(inside, columns, left)
    code.word(t, "in_w", record)
    code.bge(t, inside, picture)
    code.mv(inside, t)
    code.label(picture)
    code.mul(step, t, depth)  # bytes of an input row
    code.add(t, columns, columns)
    code.add(columns, columns, t)  # bytes of a channel's rows
    code.mv(channels, depth)
    code.word(t, "in_h", record)
    code.bge(y, t, below)
    code.word(u, "input_rows", record)
    code.remu(y, y, u)
    code.mul(y, y, step)
    code.word(start, "input", record)
    code.add(start, start, y)
    code.load(t, "arena")
    code.add(start, start, t)
    code.label(channel)
    code.mv(source, start)
    code.mv(t, target)
    code.add(u, target, inside)
    code.label(column)
    code.lbu(byte, 0, source)
    code.add(source, source, depth)
    code.xori(byte, byte, 0x80)
    code.sb(byte, 0, t)
    code.addi(t, t, 1)
    code.bne(t, u, column)
    code.addi(start, start, 1)
    code.add(target, target, columns)
    code.addi(channels, channels, -1)
    code.bnez(channels, channel)
    code.j(done)
    code.label(below)
    code.word(byte, "in_zero", record)
    code.addi(byte, byte, 128)
    empty = code.fresh("empty")
    code.label(empty)
    code.mv(t, target)
    code.add(u, target, inside)
    zero = code.fresh("zero")
    code.label(zero)
    code.sb(byte, 0, t)
    code.addi(t, t, 1)
    code.bne(t, u, zero)
    code.add(target, target, columns)
    code.addi(channels, channels, -1)
    code.bnez(channels, empty)
    code.label(done)


def _channels(code: Function, rounding: Rounding, stride: int) -> None:
    """One output row, its first byte at the frame's `out`."""
    x, *weights = REGISTERS[:10]
    rows, sums = REGISTERS[10:13], REGISTERS[13 : 13 + _UNROLLED]
    out, end, bias, depth, product = REGISTERS[16:21]
    requantize = Requantize(code, rounding, REGISTERS[21:28])
    t = x
    requantize.bounds()
    for name, start in (("entry", "table"), ("weight", "packed"), ("channel", "rows")):
        code.load(t, start)
        code.store(t, name)
    code.load(depth, "channels")
    code.load(t, "out")
    code.add(t, t, depth)
    code.store(t, "stop")
    code.label("channel")
    code.load(t, "entry")
    requantize.channel(t)
    code.lw(bias, 8, t)
    code.addi(t, t, 12)
    code.store(t, "entry")
    code.load(t, "state")
    for i, row in enumerate(rows):
        code.lw(row, 4 * i, t)
    code.load(t, "channel")
    for row in rows:
        code.add(row, row, t)
    code.load(end, "columns")
    code.add(t, t, end)
    code.add(end, end, end)
    code.add(t, t, end)
    code.store(t, "channel")
    code.load(t, "weight")
    for tap, weight in enumerate(weights):
        code.lb(weight, tap, t)
    code.addi(t, t, 9)
    code.store(t, "weight")
    code.load(out, "out")
    code.load(end, "width")
    code.addi(t, out, 1)
    code.store(t, "out")

    def turn(outputs: int) -> None:
        _sums(code, stride, rows, weights, sums[:outputs], x, product)
        for row in rows:
            code.addi(row, row, outputs * stride)
        for total in sums[:outputs]:
            code.add(total, total, bias)
            requantize.store(total, 0, out)
            code.add(out, out, depth)

    code.addi(end, end, -_UNROLLED)
    code.blt(end, ZERO, "few")
    code.label("turn")
    turn(_UNROLLED)
    code.addi(end, end, -_UNROLLED)
    code.bge(end, ZERO, "turn")
    code.label("few")
    code.addi(end, end, _UNROLLED)
    code.beqz(end, "done")
    code.label("one")
    turn(1)
    code.addi(end, end, -1)
    code.bnez(end, "one")
    code.label("done")
    code.load(t, "out")
    code.load(end, "stop")
    code.bne(t, end, "channel")


def _sums(code: Function, stride: int, rows, weights, sums, x: int, product: int) -> None:
    """The sums of some outputs of one channel, side by side."""
    for column in range((len(sums) - 1) * stride + 3):
        for ky in range(3):
            users = [n for n in range(len(sums)) if 0 <= column - n * stride < 3]
            if users:
                code.lbu(x, column, rows[ky])
            for n in users:
                kx = column - n * stride
                if kx == ky == 0:
                    code.mul(sums[n], x, weights[0])
                else:
                    code.mul(product, x, weights[3 * ky + kx])
                    code.add(sums[n], sums[n], product)
