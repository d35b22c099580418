# SPDX-License-Identifier: MIT
"""CONV_2D and FULLY_CONNECTED: four pixels x two channels at a time, 16 taps of each with one vmlav.

A call first copies the windows of its tile (windows.py): four pixels make a quad, whose vectors of 16 taps
are interleaved. Then it computes two channels after the other, of all quads:

    vldrb  w0, [channel], #16       16 taps of either channel
    vldrb  w1, [next], #16
    vldrb  x, [quad], #16           of each pixel
    vmlav  sum, x, w0               and twice 16 MACs
    vmlav  sum, x, w1

128 MACs in 14 instructions. The sums make two vectors, whose words are the channels of pixels 0 and 1, and of
2 and 3. A window whose rows are no multiple of 16 bytes ends each with a vector of fewer; a predicate makes
its other weights 0. Weights are read where they are.
Scratch: table, windows of the tile, padded rows of the input (windows.py).
"""

from dataclasses import dataclass

from galago.native.assemblers.helium import Q0, Q1, Q2, Q3, Q4, Q5, Q6, Q7, Helium
from galago.native.assemblers.thumb import (
    EQ,
    GT,
    LE,
    LT,
    NE,
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R9,
    R10,
    R11,
    SP,
)
from galago.native.kernels import ARENA, CHANNEL, FIRST, LAST, RECORD, STOP, WEIGHTS
from galago.native.kernels.helium import windows
from galago.native.kernels.helium.frame import (
    BIAS,
    ENTRY,
    SUMS,
    VECTOR,
    Output,
    block,
    enter,
    field,
    leave,
    modulo,
)
from galago.native.kernels.helium.windows import FRAME, QUAD, Stack, Window
from galago.tflite.records import Record

_UNROLLED = 16  # vectors at most
_REACH = 127  # of an offset, in bytes
_MOST_CHANNELS = (1 << 14) - 1  # the offsets of a quad's outputs are halves
_X, _W_0, _W_1, _OUT, _QUADS, _LOOPS = R1, R3, R5, R7, R9, R11
_SUMS_0, _SUMS_1 = SUMS[:QUAD], SUMS[QUAD:]
_WEIGHTS_0, _WEIGHTS_1 = Q2, Q3
_BIASES, _MULTIPLIERS, _SHIFTS, _OFFSETS = Q4, Q5, Q6, Q7


@dataclass(frozen=True)
class Convolution:
    """The properties of a layer that its function depends on."""

    window: Window
    output: Output

    @classmethod
    def of(cls, record: Record) -> "Convolution | None":
        """The properties of a layer, or None if no kernel computes it."""
        window = Window.of(record)
        if not 2 <= record.out_c <= _MOST_CHANNELS or not window.fits:
            return None
        return cls(window, Output.of(record))

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.window.name + self.output.name

    def scratch(self, record: Record, rows: int) -> int:
        """Bytes of scratch for a tile of this many rows."""
        return ENTRY * record.out_c + self.window.scratch(record, rows)

    def code(self) -> bytes:
        """The machine code of the function."""
        code = Helium()
        enter(code, FRAME)
        self._set_up(code)
        block(code, R1, CHANNEL)
        code.cmp(R1, 0)
        code.bw_if(NE, "copied")
        windows.copy(code, self.window)
        code.label("copied")
        code.ldr(R0, SP, Stack.FIRST)
        code.cmp(R0, 0)
        code.bw_if(NE, "corrected")
        self._correct(code)
        code.label("corrected")
        if self.window.tail:
            code.movs(R0, self.window.tail)
            code.vctp(R0)
        self._channels(code)
        leave(code, FRAME)
        return code.finish()

    def _set_up(self, code: Helium) -> None:
        """Fills the stack; leaves the block at r0."""
        record, arena, channels = R1, R2, R5
        block(code, record, RECORD)
        block(code, arena, ARENA)
        code.str_(record, SP, Stack.RECORD)
        field(code, R4, record, "scratch")
        code.adds_reg(R4, R4, arena)
        field(code, channels, record, "out_c")
        block(code, R6, CHANNEL)
        block(code, R7, STOP)
        code.subs_reg(R7, R7, R6)
        code.str_(R7, SP, Stack.CHANNELS)
        code.load(R7, ENTRY)
        code.mla(R8, R6, R7, R4)
        code.str_(R8, SP, Stack.TABLE)
        code.mla(R4, channels, R7, R4)
        windows.place(code, self.window)
        # The address of the first output.
        block(code, R6, CHANNEL)
        block(code, R3, FIRST)
        code.str_(R3, SP, Stack.FIRST)
        block(code, R8, LAST)
        code.str_(R8, SP, Stack.LAST)
        code.sub(R8, R8, R3)
        field(code, R4, record, "output_rows")
        modulo(code, R3, R4, R7)
        field(code, R4, record, "out_w")
        code.mul(R8, R8, R4)  # pixels
        code.muls(R3, R4)
        code.mla(R3, R3, channels, R6)
        field(code, R7, record, "output")
        code.adds_reg(R3, R3, R7)
        code.adds_reg(R3, R3, arena)
        code.str_(R3, SP, Stack.OUT)
        block(code, R3, WEIGHTS)
        code.str_(R3, SP, Stack.WEIGHTS)
        field(code, R3, record, "out_zero")
        code.lsls(R4, channels, 2)
        code.strd(R3, R4, SP, Stack.ZERO)
        # Where the outputs of a quad are, and those of the last one, which may have fewer pixels.
        code.combine("mov", R3, 0, R8, "lsr", 2)
        code.number("and", R4, R8, QUAD - 1)
        code.strd(R3, R4, SP, Stack.QUADS)
        code.lsls(R6, channels, 1)
        code.add(R7, R6, channels)
        _offsets(code, Stack.OFFSETS, channels, R6, R7)
        code.cmp(R4, 2)
        code.it(LT)
        code.movs(channels, 0)
        code.it(LE)
        code.mov(R6, channels)
        _offsets(code, Stack.LAST_OFFSETS, channels, R6, R6)

    def _correct(self, code: Helium) -> None:
        """Biases minus the input's zero point times the sum of the weights, of the channels of this call."""
        sum_, at, bias, weights, entry, size, zero, left = R0, R1, R2, R3, R4, R5, R6, R7
        code.ldr(R1, SP, Stack.RECORD)
        field(code, zero, R1, "in_zero")
        code.ldr(weights, SP, Stack.WEIGHTS)
        code.ldr(entry, SP, Stack.TABLE)
        code.ldr(left, SP, Stack.CHANNELS)
        code.load(size, self.window.size)
        code.label("correct")
        code.movs(sum_, 0)
        code.mov(at, weights)
        code.wlstp(size, "summed")
        code.label("sum")
        code.vldrb(Q0, at, after=VECTOR)
        code.vaddva(sum_, Q0)
        code.letp("sum")
        code.label("summed")
        code.add(weights, weights, size)
        code.ldr(bias, entry, BIAS)
        code.mls(bias, sum_, zero, bias)
        code.str_(bias, entry, BIAS)
        code.adds(entry, entry, ENTRY)
        code.subs(left, left, 1)
        code.bne("correct")

    def _channels(self, code: Helium) -> None:
        """Loops over pairs of channels; if one is left over, the one before it is computed again."""
        code.label("pair")
        self._begin_pair(code)
        code.label("quads")
        code.cmp(_QUADS, 0)
        code.bw_if(EQ, "quads done")
        code.label("quad")
        self._products(code)
        self._store(code)
        code.subs(_QUADS, _QUADS, 1)
        code.bw_if(NE, "quad")
        code.label("quads done")
        code.ldr(R0, SP, Stack.LEFT)
        code.cbz(R0, "pair done")
        code.str_(_QUADS, SP, Stack.LEFT)
        code.vldrw(_OFFSETS, SP, Stack.LAST_OFFSETS)
        code.load(_QUADS, 1)
        code.bw("quads")
        code.label("pair done")
        code.ldr(R0, SP, Stack.OUT)
        code.adds(R0, R0, 2)
        code.str_(R0, SP, Stack.OUT)
        code.ldr(R0, SP, Stack.NEXT)
        code.load(R1, self.window.size)
        code.adds_reg(R0, R0, R1)
        code.str_(R0, SP, Stack.WEIGHTS)
        code.ldr(R2, SP, Stack.CHANNELS)
        code.subs(R2, R2, 2)
        code.str_(R2, SP, Stack.CHANNELS)
        code.cmp(R2, 1)
        code.bw_if(GT, "pair")
        code.b_if(LT, "end")
        code.adds(R2, R2, 1)
        code.str_(R2, SP, Stack.CHANNELS)
        code.subs_reg(R0, R0, R1)
        code.str_(R0, SP, Stack.WEIGHTS)
        for word, by in ((Stack.OUT, 1), (Stack.TABLE, ENTRY)):
            code.ldr(R0, SP, word)
            code.subs(R0, R0, by)
            code.str_(R0, SP, word)
        code.bw("pair")
        code.label("end")

    def _begin_pair(self, code: Helium) -> None:
        """Loads what the table holds for two channels, and what all quads share."""
        code.ldr(R1, SP, Stack.TABLE)
        code.ldm(R1, R0, R2, R4, R6, R8, R10)
        code.str_(R1, SP, Stack.TABLE)
        for vector, even, odd in ((_MULTIPLIERS, R0, R6), (_SHIFTS, R2, R8), (_BIASES, R4, R10)):
            code.vmov_pair(vector, 0, even, even)
            code.vmov_pair(vector, 1, odd, odd)
        code.ldr(_W_0, SP, Stack.WEIGHTS)
        code.load(_W_1, self.window.size)
        code.add(_W_1, _W_0, _W_1)
        code.str_(_W_1, SP, Stack.NEXT)
        if self._resident:
            self._weights(code, self.window.size, 0, 0)
        code.ldrd(_X, _OUT, SP, Stack.X)
        code.ldrd(_QUADS, R0, SP, Stack.QUADS)
        code.str_(R0, SP, Stack.LEFT)
        code.vldrw(_OFFSETS, SP, Stack.OFFSETS)

    def _products(self, code: Helium) -> None:
        """The sums of a quad."""
        loops, taps, rest = self._order
        offset = 0 if loops == 1 and sum(taps[:-1]) <= _REACH else None
        started = loops > 1
        if started:
            for sum_ in SUMS:
                code.load(sum_, 0)
            code.load(_LOOPS, loops)
            code.label("taps")
        for number, size in enumerate(taps + rest):
            if started and number == len(taps):
                code.subs(_LOOPS, _LOOPS, 1)
                code.bw_if(NE, "taps")
            if not self._resident:
                self._weights(code, size, offset, size)
            for pixel in range(QUAD):
                x = Q0 + pixel % 2
                code.vldrb(x, _X, after=VECTOR)
                for sums, weights in ((_SUMS_0, _WEIGHTS_0), (_SUMS_1, _WEIGHTS_1)):
                    code.vmlav(sums[pixel], x, weights, add=started or number > 0)
            if offset is not None:
                offset += size
        if started and not rest:
            code.subs(_LOOPS, _LOOPS, 1)
            code.bw_if(NE, "taps")
        if offset is None:
            code.ldrd(_W_0, _W_1, SP, Stack.WEIGHTS)

    @property
    def _resident(self) -> bool:
        """Whether the weights of two channels stay in registers. Without a ReLU these are needed."""
        return self.window.vectors == 1 and self.output.relu

    @property
    def _order(self) -> tuple[int, list[int], list[int]]:
        """Rounds of the loop over taps, the bytes of the vectors of a round, and of those after the loop."""
        window = self.window
        rows = 1 if not window.tail else window.rows
        whole, tail = divmod(window.size // rows, VECTOR)
        taps = [VECTOR] * whole + [tail] * (tail > 0)
        if rows * len(taps) <= _UNROLLED:
            return 1, rows * taps, []
        if rows > 1:
            return rows, taps, []
        steps = max(n for n in range(1, _UNROLLED + 1) if whole % n == 0)
        return whole // steps, taps[:steps], taps[whole:]

    def _weights(self, code: Helium, size: int, offset: int | None, after: int) -> None:
        """A vector of each channel, of `size` bytes, at an offset or, without one, with a step."""
        if size < VECTOR:
            code.vpst(2)
        for vector, weights in ((_WEIGHTS_0, _W_0), (_WEIGHTS_1, _W_1)):
            if offset is None:
                code.vldrb(vector, weights, after=after)
            else:
                code.vldrb(vector, weights, offset)

    def _store(self, code: Helium) -> None:
        """The outputs of a quad."""
        for vector, pixel in ((Q0, 0), (Q1, 2)):
            for channel, sums in enumerate((_SUMS_0, _SUMS_1)):
                code.vmov_pair(vector, channel, sums[pixel], sums[pixel + 1])
        for vector in (Q0, Q1):
            code.vadd(vector, vector, _BIASES)
        for vector in (Q0, Q1):
            code.vqrdmulh(vector, vector, _MULTIPLIERS)
        for vector in (Q0, Q1):
            self.output.away(code, vector, _SHIFTS, _WEIGHTS_0)
        for vector in (Q0, Q1):
            code.vrshl(vector, vector, _SHIFTS)
        code.ldrd(R0, R2, SP, Stack.ZERO)
        self.output.narrow(code, Q0, Q1, R0, Q1, R4)
        code.vstrb_scatter(Q0, _OUT, _OFFSETS)
        code.add(_OUT, _OUT, R2)


def _offsets(code: Helium, place: int, one: int, two: int, three: int) -> None:
    """Stores the offsets of a quad's outputs: pixels 0, 2 and 1, 3 of either channel. Uses r9, r10."""
    for at, lower, upper in ((0, None, two), (8, one, three)):
        if lower is None:
            code.lsl(R9, upper, 16)
        else:
            code.pkhbt(R9, lower, upper, lsl=16)
        code.number("add", R10, R9, 0x10001)
        code.strd(R9, R10, SP, place + at)
