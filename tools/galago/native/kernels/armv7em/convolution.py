# SPDX-License-Identifier: MIT
"""CONV_2D and FULLY_CONNECTED: blocks of 3 pixels x 2 channels, two taps at a time with SMLAD.

A call first expands the windows of its tile to int16 minus the zero point, so that padding contributes 0. Of
the four taps in a word, lanes 0 and 2 make one pair and lanes 1 and 3 the next. Three pixels are interleaved,
pair by pair, so that one LDM loads them. The weights of two channels at a time are expanded in the same way,
minus theirs, followed by a loop over all pixels:

    ldm  w!, {w0, w1}           the weights of two taps, of either channel
    ldm  x!, {x0, x1, x2}       two taps of three pixels
    smlad x 6                   12 MACs in 8 instructions

`steps` of these are unrolled. 1 x 1 windows are expanded where they lie; others are gathered as bytes first.
Scratch: table, weights of two channels, three gathered windows, the tile.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from math import gcd

from galago.native.assemblers.thumb import (
    EQ,
    GT,
    LR,
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
    R12,
    SP,
)
from galago.native.assemblers.thumb2 import Thumb2
from galago.native.kernels import ARENA, CHANNEL, FIRST, LAST, RECORD, STOP, WEIGHTS
from galago.native.kernels.armv7em import gather
from galago.native.kernels.armv7em.frame import (
    ENTRY,
    FRAME,
    Output,
    Stack,
    block,
    enter,
    field,
    leave,
    minus_weight_zero,
    minus_zero,
    modulo,
)
from galago.tflite.records import Record

_PIXELS = 3
_STEPS = 16  # unrolled at most
# In the loop over blocks. What is free behind a block's products takes the first words of the stack.
_SUMS_0, _SUMS_1 = (R8, R9, R10), (R11, R12, LR)
_X, _PAIR, _LOOP = R5, R6, R7
_MINUS_ZERO = R8  # of the weights, while they are expanded
_ZERO, _M_0, _F_0, _M_1, _F_1, _OUT, _STRIDE = R0, R1, R2, R3, R4, R6, R7


@dataclass(frozen=True)
class Convolution:
    """The properties of a layer that its function depends on."""

    steps: int
    loops: bool
    """Whether a window has more pairs of taps than are unrolled."""
    output: Output
    window: gather.Window | None
    """None for 1 x 1 in steps of 1."""

    @classmethod
    def of(cls, record: Record) -> "Convolution | None":
        """The properties of a layer, or None if no kernel computes it."""
        window = None
        if record.window != record.in_c or max(record.s_h, record.s_w) > 1:
            window = gather.Window(record.k_h, record.k_w * record.in_c, record.s_w * record.in_c)
        if (
            record.out_c < 2
            or record.window > 2047
            or not (record.in_c % 4 == 0 if window is None else window.fits)
        ):
            return None
        pairs = 2 * words(record)
        steps = max(n for n in range(1, _STEPS + 1) if pairs % n == 0)
        return cls(steps, steps < pairs, Output.of(record), window)

    @classmethod
    def shared(cls, functions: "Collection[Convolution]") -> "Convolution":
        """One function for the layers of several, whose outputs differ by `relu` at most, all 1 x 1."""
        steps = gcd(*(function.steps for function in functions))
        loops = any(function.loops or function.steps > steps for function in functions)
        relu = all(function.output.relu for function in functions)
        output = next(iter(functions)).output
        return cls(steps, loops, replace(output, relu=relu), None)

    @property
    def name(self) -> str:
        """The name of the function."""
        kind = "pointwise" if self.window is None else f"convolution_{self.window.rows}x{self.window.bytes}"
        step = "" if self.window is None else f"_{self.window.step}"
        return f"{kind}{step}_{self.steps}{'n' if self.loops else ''}{self.output.name}"

    def scratch(self, record: Record, rows: int) -> int:
        """Bytes of scratch for a tile of this many rows."""
        size = 4 * words(record)
        blocks = -(-rows * record.out_w // _PIXELS)
        gathered = 0 if self.window is None else _PIXELS * size
        return ENTRY * record.out_c + 4 * size + gathered + 2 * _PIXELS * size * blocks

    def code(self) -> bytes:
        """The machine code of the function."""
        code = Thumb2()
        enter(code, FRAME)
        self._set_up(code)
        block(code, R1, CHANNEL)
        code.cmp(R1, 0)
        code.bw_if(NE, "channels")
        if self.window is None:
            _expand_rows(code)
        else:
            gather.expand(code, self.window)
        code.label("channels")
        self._channels(code)
        leave(code, FRAME)
        return code.finish()

    def _set_up(self, code: Thumb2) -> None:
        """Fills the stack; leaves the block at r0."""
        record, arena = R1, R2
        block(code, record, RECORD)
        block(code, arena, ARENA)
        code.str_(record, SP, Stack.RECORD)
        if self.window is None:
            field(code, R3, record, "in_c")
            code.lsrs(R3, R3, 2)
        else:
            code.movs(R3, self.window.words)
        code.str_(R3, SP, Stack.WORDS)
        if self.loops:
            code.load(R4, self.steps)
            code.lsls(R5, R3, 1)
            code.udiv(R5, R5, R4)
            code.str_(R5, SP, Stack.LOOPS)
        field(code, R4, record, "scratch")
        code.adds_reg(R4, R4, arena)
        field(code, R5, record, "out_c")
        code.str_(R5, SP, Stack.STRIDE)
        block(code, R6, CHANNEL)
        block(code, R7, STOP)
        code.subs_reg(R7, R7, R6)
        code.str_(R7, SP, Stack.CHANNELS)
        code.load(R7, ENTRY)
        code.mla(R8, R6, R7, R4)
        code.str_(R8, SP, Stack.TABLE)
        code.mla(R4, R5, R7, R4)
        code.str_(R4, SP, Stack.W)
        code.add(R4, R4, R3, lsl=4)
        if self.window is not None:
            code.str_(R4, SP, Stack.BYTES)
            code.load(R7, 4 * _PIXELS)
            code.mla(R4, R3, R7, R4)
        code.str_(R4, SP, Stack.X)
        # The address of the first output.
        block(code, R3, FIRST)
        field(code, R4, record, "output_rows")
        modulo(code, R3, R4, R7)
        field(code, R4, record, "out_w")
        code.muls(R3, R4)
        code.mla(R3, R3, R5, R6)
        field(code, R7, record, "output")
        code.adds_reg(R3, R3, R7)
        code.adds_reg(R3, R3, arena)
        code.str_(R3, SP, Stack.OUT_0)
        block(code, R3, FIRST)
        block(code, R7, LAST)
        code.subs_reg(R7, R7, R3)
        code.muls(R7, R4)
        code.str_(R7, SP, Stack.PIXELS)
        block(code, R3, WEIGHTS)
        code.str_(R3, SP, Stack.SOURCE)
        field(code, R3, record, "out_zero")
        code.str_(R3, SP, Stack.ZERO)

    def _channels(self, code: Thumb2) -> None:
        """Loops over pairs of channels; if one is left over, the one before it is computed again."""
        code.label("pair")
        self._expand_weights(code)
        code.ldr(R0, SP, Stack.TABLE)
        code.ldm(R0, R1, R2, R3, R4, R5, R6)
        code.str_(R0, SP, Stack.TABLE)
        self.output.factors(code, R2, R5)
        code.strd(R1, R2, SP, Stack.M_0)
        code.strd(R4, R5, SP, Stack.M_1)
        code.strd(R3, R6, SP, Stack.BIAS_0)
        code.ldr(R0, SP, Stack.OUT_0)
        code.str_(R0, SP, Stack.OUT)
        code.adds(R0, R0, 2)
        code.str_(R0, SP, Stack.OUT_0)
        code.ldr(R0, SP, Stack.PIXELS)
        code.str_(R0, SP, Stack.LEFT)
        code.ldr(_X, SP, Stack.X)
        self._blocks(code)
        code.ldr(R0, SP, Stack.CHANNELS)
        code.subs(R0, R0, 2)
        code.str_(R0, SP, Stack.CHANNELS)
        code.cmp(R0, 1)
        code.bw_if(GT, "pair")
        code.bw_if(LT, "end")
        code.adds(R0, R0, 1)
        code.str_(R0, SP, Stack.CHANNELS)
        code.ldrd(R0, R1, SP, Stack.SOURCE)  # and the table
        self._window_bytes(code, R2)
        code.sub(R0, R0, R2)
        code.subs(R1, R1, ENTRY)
        code.strd(R0, R1, SP, Stack.SOURCE)
        code.ldr(R0, SP, Stack.OUT_0)
        code.subs(R0, R0, 1)
        code.str_(R0, SP, Stack.OUT_0)
        code.bw("pair")
        code.label("end")

    def _window_bytes(self, code: Thumb2, register: int) -> None:
        if self.window is None:
            code.ldr(register, SP, Stack.WORDS)
            code.lsls(register, register, 2)
        else:
            code.load(register, self.window.taps)

    def _expand_weights(self, code: Thumb2) -> None:
        """The weights of two channels as int16, pair by pair interleaved."""
        first, second, target, left = R0, R1, R2, R3
        code.ldr(R4, SP, Stack.RECORD)
        minus_weight_zero(code, R5, R4)
        code.mov(_MINUS_ZERO, R5)
        code.ldr(first, SP, Stack.SOURCE)
        self._window_bytes(code, R4)
        code.add(second, first, R4)
        code.add(R4, second, R4)
        code.str_(R4, SP, Stack.SOURCE)
        code.ldr(target, SP, Stack.W)
        rest = 0 if self.window is None else self.window.taps % 4
        if self.window is None:
            code.ldr(left, SP, Stack.WORDS)
        else:
            code.movs(left, self.window.taps // 4)
        code.label("weights")
        code.ldr(R6, first, after=4)
        code.ldr(R7, second, after=4)
        _pairs_of_weights(code, target)
        code.subs(left, left, 1)
        code.bne("weights")
        if rest:  # a word would reach past the last channel; the taps that it lacks become 0
            code.ldr(R5, SP, Stack.RECORD)
            field(code, R5, R5, "weight_offset")
            code.addw(R5, R5, -128)
            code.uxtb(R5, R5)
            for source, word in ((first, R6), (second, R7)):
                code.ldrb(word, source)
                for i in range(1, 4):
                    if i < rest:
                        code.ldrb(R4, source, i)
                    code.orr(word, word, R4 if i < rest else R5, lsl=8 * i)
            _pairs_of_weights(code, target)

    def _blocks(self, code: Thumb2) -> None:
        """Loops over all pixels of the tile, for two channels."""
        code.label("block")
        code.ldrd(_SUMS_0[2], _SUMS_1[2], SP, Stack.BIAS_0)
        code.ldr(_PAIR, SP, Stack.W)
        if self.loops:
            for sums in (_SUMS_0, _SUMS_1):
                code.mov(sums[0], sums[2])
                code.mov(sums[1], sums[2])
            code.ldr(_LOOP, SP, Stack.LOOPS)
            code.label("taps")
        for step in range(self.steps):
            code.ldm(_PAIR, R3, R4)
            code.ldm(_X, R0, R1, R2)
            for weights, sums in ((R3, _SUMS_0), (R4, _SUMS_1)):
                for pixel, sum_ in enumerate(sums):
                    start = sums[2] if step == 0 and not self.loops else sum_
                    code.smlad(sum_, pixel, weights, start)
        if self.loops:
            code.subs(_LOOP, _LOOP, 1)
            code.bw_if(NE, "taps")
        code.ldm(SP, _ZERO, _M_0, _F_0, _M_1, _F_1, _OUT, _STRIDE, stay=True)
        self.output.requantize(code, list(_SUMS_0), _M_0, _F_0, _ZERO)
        self.output.requantize(code, list(_SUMS_1), _M_1, _F_1, _ZERO)
        for even, odd in zip(_SUMS_0, _SUMS_1, strict=True):
            code.bfi(even, odd, 8, 24)
        code.ldr(R1, SP, Stack.LEFT)
        code.subs(R1, R1, _PIXELS)
        code.str_(R1, SP, Stack.LEFT)
        code.b_if(LT, "last")
        code.strh(_SUMS_0[0], _OUT)
        code.at("strh", _SUMS_0[1], _OUT, _STRIDE)
        code.at("strh", _SUMS_0[2], _OUT, _STRIDE, lsl=1)
        code.add(_OUT, _OUT, _STRIDE, lsl=1)
        code.add(_OUT, _OUT, _STRIDE)
        code.str_(_OUT, SP, Stack.OUT)
        code.bw_if(NE, "block")
        code.b("done")
        code.label("last")
        code.strh(_SUMS_0[0], _OUT)
        code.cmp(R1, 1 - _PIXELS)
        code.b_if(EQ, "done")
        code.at("strh", _SUMS_0[1], _OUT, _STRIDE)
        code.label("done")


def words(record: Record) -> int:
    """Words of four taps in a window."""
    return (record.window + 3) // 4


def _pairs_of_weights(code: Thumb2, target: int) -> None:
    """Words of weights of two channels in r6, r7 → four pairs."""
    code.sxtab16(R4, _MINUS_ZERO, R6)
    code.sxtab16(R5, _MINUS_ZERO, R7)
    code.sxtab16(R6, _MINUS_ZERO, R6, ror=8)
    code.sxtab16(R7, _MINUS_ZERO, R7, ror=8)
    code.stm(target, R4, R5, R6, R7)


def _expand_rows(code: Thumb2) -> None:
    """The tile's pixels into blocks; the last one repeats its last pixel. The kernel's words are at r0."""
    size, left = R12, LR
    code.ldr(R1, SP, Stack.RECORD)
    block(code, R2, ARENA)
    block(code, R0, FIRST)
    field(code, R3, R1, "input_rows")
    modulo(code, R0, R3, R4)
    field(code, R3, R1, "in_w")
    code.muls(R0, R3)
    field(code, R3, R1, "in_c")
    code.mov(size, R3)
    code.muls(R0, R3)
    field(code, R3, R1, "input")
    code.adds_reg(R0, R0, R3)
    code.adds_reg(R0, R0, R2)
    minus_zero(code, R4, R1)
    code.ldr(R3, SP, Stack.X)
    code.ldr(left, SP, Stack.PIXELS)
    code.label("expand")
    code.add(R1, R0, size)
    code.add(R2, R1, size)
    code.cmp(left, 2)
    code.it(EQ)
    code.mov(R2, R1)
    code.it(LT, True)
    code.mov(R1, R0)
    code.mov(R2, R0)
    gather.expand_pixels(code, "words")
    code.mov(R0, R2)
    code.subs(left, left, _PIXELS)
    code.b_if(GT, "expand")
