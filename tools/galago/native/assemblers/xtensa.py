# SPDX-License-Identifier: MIT
"""An assembler for Xtensa with register windows, as every ESP32 has them: LX6 (ESP32), LX7 (S2, S3).

    from galago.native.assemblers.xtensa import A2, A3, Xtensa

    code = Xtensa()
    code.entry(32)
    code.mull(A2, A2, A3)
    code.retw()
    code.finish()

Options in use: windowed registers, code density, 32-bit multiplication with its upper half, sign extension,
minimum and maximum. Not in use, because the S2 lacks them: zero-overhead loops and MAC16.
"""

from galago.native.assemblers.base import Assembler, signed, unsigned

A0, SP, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14, A15 = range(16)

# Constants that bnei, blti and their like can hold, by the number in the instruction.
_CONSTANTS = (-1, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 32, 64, 128, 256)
_UNSIGNED = (32768, 65536, *_CONSTANTS[2:])  # for bltui, bgeui


class Xtensa(Assembler):
    """Xtensa. Operands are in the order of the assembly language, offsets in bytes."""

    # Arithmetic: result, operands.

    def add(self, r: int, s: int, t: int) -> None:
        """Adds."""
        self.emit(r << 12 | s << 8 | t << 4 | 0xA, 2)  # add.n

    def sub(self, r: int, s: int, t: int) -> None:
        """Subtracts t from s."""
        self._rrr(0xC, 0, r, s, t)

    def and_(self, r: int, s: int, t: int) -> None:
        """Bitwise and."""
        self._rrr(1, 0, r, s, t)

    def or_(self, r: int, s: int, t: int) -> None:
        """Bitwise or."""
        self._rrr(2, 0, r, s, t)

    def xor(self, r: int, s: int, t: int) -> None:
        """Bitwise exclusive or."""
        self._rrr(3, 0, r, s, t)

    def neg(self, r: int, t: int) -> None:
        """Negates."""
        self._rrr(6, 0, r, 0, t)

    def addx2(self, r: int, s: int, t: int) -> None:
        """Twice s, plus t."""
        self._rrr(9, 0, r, s, t)

    def addx4(self, r: int, s: int, t: int) -> None:
        """Four times s, plus t."""
        self._rrr(0xA, 0, r, s, t)

    def addx8(self, r: int, s: int, t: int) -> None:
        """Eight times s, plus t."""
        self._rrr(0xB, 0, r, s, t)

    def mull(self, r: int, s: int, t: int) -> None:
        """Multiplies: the lower 32 bits."""
        self._rrr(8, 2, r, s, t)

    def mul16u(self, r: int, s: int, t: int) -> None:
        """Multiplies the lower halves, unsigned."""
        self._rrr(0xC, 1, r, s, t)

    def quou(self, r: int, s: int, t: int) -> None:
        """Divides unsigned numbers."""
        self._rrr(0xC, 2, r, s, t)

    def quos(self, r: int, s: int, t: int) -> None:
        """Divides signed numbers, towards 0."""
        self._rrr(0xD, 2, r, s, t)

    def remu(self, r: int, s: int, t: int) -> None:
        """The remainder of unsigned numbers."""
        self._rrr(0xE, 2, r, s, t)

    def min_(self, r: int, s: int, t: int) -> None:
        """The lesser of signed numbers."""
        self._rrr(4, 3, r, s, t)

    def max_(self, r: int, s: int, t: int) -> None:
        """The greater of signed numbers."""
        self._rrr(5, 3, r, s, t)

    def sext(self, r: int, s: int, bit: int) -> None:
        """Extends the sign in a bit, 7 … 22."""
        self._rrr(2, 3, r, s, unsigned(bit - 7, 4))

    def extui(self, r: int, t: int, first: int, bits: int) -> None:
        """Takes 1 … 16 bits from `first` on, unsigned."""
        first = unsigned(first, 5)
        self._rrr(unsigned(bits - 1, 4), 4 | first >> 4, r, first & 15, t)

    # Shifts: by a constant, or by the register SAR that ssr and ssl set.

    def slli(self, r: int, s: int, count: int) -> None:
        """Shifts left by 1 … 31."""
        rest = 32 - unsigned(count, 5)
        unsigned(rest, 5)
        self._rrr(rest >> 4, 1, r, s, rest & 15)

    def srli(self, r: int, t: int, count: int) -> None:
        """Shifts right by 0 … 15, filling with zeros."""
        self._rrr(4, 1, r, unsigned(count, 4), t)

    def srai(self, r: int, t: int, count: int) -> None:
        """Shifts right by 0 … 31, filling with the sign."""
        count = unsigned(count, 5)
        self._rrr(2 | count >> 4, 1, r, count & 15, t)

    def ssr(self, s: int) -> None:
        """Sets the count of right shifts: the lowest five bits of s."""
        self._rrr(4, 0, 0, s, 0)

    def ssl(self, s: int) -> None:
        """Sets the count of left shifts: the lowest five bits of s."""
        self._rrr(4, 0, 1, s, 0)

    def sll(self, r: int, s: int) -> None:
        """Shifts left by what ssl set."""
        self._rrr(0xA, 1, r, s, 0)

    def srl(self, r: int, t: int) -> None:
        """Shifts right by SAR, filling with zeros."""
        self._rrr(9, 1, r, 0, t)

    def sra(self, r: int, t: int) -> None:
        """Shifts right by SAR, filling with the sign."""
        self._rrr(0xB, 1, r, 0, t)

    # Constants and copies.

    def movi(self, t: int, value: int) -> None:
        """Loads -2048 … 2047."""
        if -32 <= value < 96:
            self.emit((value & 15) << 12 | t << 8 | (value >> 4 & 7) << 4 | 0xC, 2)  # movi.n
        else:
            value = signed(value, 12)
            self._rri8(0xA, t, value >> 8, value & 255)

    def mov(self, t: int, s: int) -> None:
        """Copies a register."""
        self.emit(s << 8 | t << 4 | 0xD, 2)  # mov.n

    def addi(self, t: int, s: int, value: int) -> None:
        """Adds -128 … 127."""
        if value == -1 or 1 <= value <= 15:
            self.emit(t << 12 | s << 8 | (value & 15 if value > 0 else 0) << 4 | 0xB, 2)  # addi.n
        else:
            self._rri8(0xC, t, s, signed(value, 8))

    def addmi(self, t: int, s: int, value: int) -> None:
        """Adds a multiple of 256, -32768 … 32512."""
        self._rri8(0xD, t, s, signed(value, 16, 256) >> 8)

    # Memory: register, base, offset.

    def l8ui(self, t: int, s: int, offset: int) -> None:
        """Loads an unsigned byte, offset 0 … 255."""
        self._rri8(0, t, s, unsigned(offset, 8))

    def l16ui(self, t: int, s: int, offset: int) -> None:
        """Loads an unsigned half-word, offset 0 … 510."""
        self._rri8(1, t, s, unsigned(offset, 8, 2))

    def l16si(self, t: int, s: int, offset: int) -> None:
        """Loads a signed half-word, offset 0 … 510."""
        self._rri8(9, t, s, unsigned(offset, 8, 2))

    def l32i(self, t: int, s: int, offset: int) -> None:
        """Loads a word, offset 0 … 1020."""
        if not offset & 3 and 0 <= offset < 64:
            self.emit(offset >> 2 << 12 | s << 8 | t << 4 | 8, 2)  # l32i.n
        else:
            self._rri8(2, t, s, unsigned(offset, 8, 4))

    def s8i(self, t: int, s: int, offset: int) -> None:
        """Stores a byte, offset 0 … 255."""
        self._rri8(4, t, s, unsigned(offset, 8))

    def s16i(self, t: int, s: int, offset: int) -> None:
        """Stores a half-word, offset 0 … 510."""
        self._rri8(5, t, s, unsigned(offset, 8, 2))

    def s32i(self, t: int, s: int, offset: int) -> None:
        """Stores a word, offset 0 … 1020."""
        if not offset & 3 and 0 <= offset < 64:
            self.emit(offset >> 2 << 12 | s << 8 | t << 4 | 9, 2)  # s32i.n
        else:
            self._rri8(6, t, s, unsigned(offset, 8, 4))

    # Control: comparisons with a register or constant reach ±128 bytes, with 0 ±2 KiB, jumps ±128 KiB.

    def beq(self, s: int, t: int, label: str) -> None:
        """Branches where s = t."""
        self._compare(1, s, t, label)

    def bne(self, s: int, t: int, label: str) -> None:
        """Branches where s ≠ t."""
        self._compare(9, s, t, label)

    def blt(self, s: int, t: int, label: str) -> None:
        """Branches where s < t, signed."""
        self._compare(2, s, t, label)

    def bge(self, s: int, t: int, label: str) -> None:
        """Branches where s ≥ t, signed."""
        self._compare(10, s, t, label)

    def bltu(self, s: int, t: int, label: str) -> None:
        """Branches where s < t, unsigned."""
        self._compare(3, s, t, label)

    def bgeu(self, s: int, t: int, label: str) -> None:
        """Branches where s ≥ t, unsigned."""
        self._compare(11, s, t, label)

    def beqi(self, s: int, constant: int, label: str) -> None:
        """Branches where s is a constant, one of few."""
        self._immediate(0x26, s, _CONSTANTS.index(constant), label)

    def bnei(self, s: int, constant: int, label: str) -> None:
        """Branches where s is not a constant, one of few."""
        self._immediate(0x66, s, _CONSTANTS.index(constant), label)

    def blti(self, s: int, constant: int, label: str) -> None:
        """Branches where s is less than a constant, one of few, signed."""
        self._immediate(0xA6, s, _CONSTANTS.index(constant), label)

    def bgei(self, s: int, constant: int, label: str) -> None:
        """Branches where s is not less than a constant, one of few, signed."""
        self._immediate(0xE6, s, _CONSTANTS.index(constant), label)

    def bltui(self, s: int, constant: int, label: str) -> None:
        """Branches where s is less than a constant, one of few, unsigned."""
        self._immediate(0xB6, s, _UNSIGNED.index(constant), label)

    def bgeui(self, s: int, constant: int, label: str) -> None:
        """Branches where s is not less than a constant, one of few, unsigned."""
        self._immediate(0xF6, s, _UNSIGNED.index(constant), label)

    def beqz(self, s: int, label: str) -> None:
        """Branches where s is 0."""
        self._zero(0, s, label)

    def bnez(self, s: int, label: str) -> None:
        """Branches where s is not 0."""
        self._zero(1, s, label)

    def bltz(self, s: int, label: str) -> None:
        """Branches where s is negative."""
        self._zero(2, s, label)

    def bgez(self, s: int, label: str) -> None:
        """Branches where s is not negative."""
        self._zero(3, s, label)

    def j(self, label: str) -> None:
        """Jumps."""
        self.branch(label, lambda offset: _word(signed(offset - 4, 18) << 6 | 6))

    def entry(self, frame: int) -> None:
        """Begins a function with a frame of this many bytes: a multiple of 8, at least 16."""
        self.emit(unsigned(frame, 12, 8) << 12 | SP << 8 | 0x36, 3)

    def retw(self) -> None:
        """Returns."""
        self.emit(0xF01D, 2)  # retw.n

    def address(self, t: int, label: str) -> None:
        """Loads the address of a label within 32 KiB, by way of a0, which the return address may be in."""
        after = self.fresh("after")
        at = self.here
        self.branch(after, lambda offset: _word((offset + at % 4 - 4 >> 2 & 0x3FFFF) << 6 | 5))  # call0
        self.code += bytes(-self.here % 4)
        self.label(after)
        # a0 is now the address of what follows the call, which took three bytes.
        more = self.here - at - 3

        def add(offset: int) -> bytes:
            low = (offset + more + 128) % 256 - 128
            high = signed(offset + more - low, 16, 256) >> 8
            far = high << 16 | 0xD << 12 | A0 << 8 | t << 4 | 2
            return _word(far) + _word(signed(low, 8) << 16 | 0xC << 12 | t << 8 | t << 4 | 2)

        self.branch(label, add)  # addmi, addi

    def callx8(self, s: int) -> None:
        """Calls an address; a10 … a15 become a2 … a7 there, and a2 becomes a10 here."""
        self.emit(s << 8 | 0xE0, 3)

    def syscall(self) -> None:
        """Calls the operating system."""
        self.emit(0x005000, 3)

    # Formats.

    def _rrr(self, two: int, one: int, r: int, s: int, t: int) -> None:
        self.emit(two << 20 | one << 16 | r << 12 | s << 8 | t << 4, 3)

    def _rri8(self, r: int, t: int, s: int, immediate: int) -> None:
        self.emit(immediate << 16 | r << 12 | s << 8 | t << 4 | 2, 3)

    def _immediate(self, opcode: int, s: int, number: int, label: str) -> None:
        self.branch(label, lambda o: _word(signed(o - 4, 8) << 16 | number << 12 | s << 8 | opcode))

    def _compare(self, r: int, s: int, t: int, label: str) -> None:
        self.branch(label, lambda o: _word(signed(o - 4, 8) << 16 | r << 12 | s << 8 | t << 4 | 7))

    def _zero(self, m: int, s: int, label: str) -> None:
        self.branch(label, lambda o: _word(signed(o - 4, 12) << 12 | s << 8 | m << 6 | 0x16))


def _word(value: int) -> bytes:
    return value.to_bytes(3, "little")
