# SPDX-License-Identifier: MIT
"""An assembler for the part of RV32IMC that kernels use; instructions with a short form are compressed.

from galago.native.assemblers.riscv import A0, A1, Rv32

code = Rv32()
code.mul(A0, A0, A1)
code.ret()
code.finish()
"""

from galago.native.assemblers.base import Assembler, signed, unsigned

# Registers by their names in the calling convention.
ZERO, RA, SP, GP, TP, T0, T1, T2, S0, S1 = range(10)
A0, A1, A2, A3, A4, A5, A6, A7 = range(10, 18)
S2, S3, S4, S5, S6, S7, S8, S9, S10, S11, T3, T4, T5, T6 = range(18, 32)

_SHORT = range(S0, A5 + 1)  # what the three-bit fields of compressed instructions can name


class Rv32(Assembler):
    """RV32IMC. Operands are in the order of the assembly language, offsets and immediates in bytes."""

    alignment = 2

    # Arithmetic: rd, rs1, rs2.

    def add(self, rd: int, a: int, b: int) -> None:
        """Adds."""
        if rd == b:
            a, b = b, a
        if rd == a and rd and b:
            self._short(0x9002 | rd << 7 | b << 2)
        else:
            self._register(0, 0, rd, a, b)

    def sub(self, rd: int, a: int, b: int) -> None:
        """Subtracts b from a."""
        if rd == a and rd in _SHORT and b in _SHORT:
            self._short(0x8C01 | (rd - 8) << 7 | (b - 8) << 2)
        else:
            self._register(0x20, 0, rd, a, b)

    def and_(self, rd: int, a: int, b: int) -> None:
        """Bitwise and."""
        self._logical(0x60, 7, rd, a, b)

    def or_(self, rd: int, a: int, b: int) -> None:
        """Bitwise or."""
        self._logical(0x40, 6, rd, a, b)

    def xor(self, rd: int, a: int, b: int) -> None:
        """Exclusive or."""
        self._logical(0x20, 4, rd, a, b)

    def sll(self, rd: int, a: int, b: int) -> None:
        """Shifts a left by the lowest five bits of b."""
        self._register(0, 1, rd, a, b)

    def sra(self, rd: int, a: int, b: int) -> None:
        """Shifts a right by the lowest five bits of b, filling with the sign."""
        self._register(0x20, 5, rd, a, b)

    def srl(self, rd: int, a: int, b: int) -> None:
        """Shifts a right by the lowest five bits of b, filling with zeros."""
        self._register(0, 5, rd, a, b)

    def mul(self, rd: int, a: int, b: int) -> None:
        """Multiplies: the lower 32 bits."""
        self._register(1, 0, rd, a, b)

    def mulhsu(self, rd: int, a: int, b: int) -> None:
        """Multiplies signed a with unsigned b: the upper 32 bits."""
        self._register(1, 2, rd, a, b)

    def div(self, rd: int, a: int, b: int) -> None:
        """Divides signed numbers, rounded towards 0."""
        self._register(1, 4, rd, a, b)

    def divu(self, rd: int, a: int, b: int) -> None:
        """Divides unsigned numbers."""
        self._register(1, 5, rd, a, b)

    def remu(self, rd: int, a: int, b: int) -> None:
        """The remainder of unsigned numbers."""
        self._register(1, 7, rd, a, b)

    # With an immediate: rd, rs1, immediate.

    def addi(self, rd: int, a: int, immediate: int) -> None:
        """Adds a constant, -2048 … 2047."""
        if rd == a and rd and immediate and -32 <= immediate < 32:
            self._short(0x0001 | (immediate >> 5 & 1) << 12 | rd << 7 | (immediate & 31) << 2)
        elif not a and rd and -32 <= immediate < 32:
            self._short(0x4001 | (immediate >> 5 & 1) << 12 | rd << 7 | (immediate & 31) << 2)
        else:
            self._immediate(0x13, 0, rd, a, immediate)

    def li(self, rd: int, value: int) -> None:
        """Loads a 32-bit constant in one or two instructions."""
        value = (value & 0xFFFF_FFFF ^ 0x8000_0000) - 0x8000_0000
        if -2048 <= value < 2048:
            self.addi(rd, ZERO, value)
            return
        upper = value + 0x800 >> 12
        self.lui(rd, upper)
        if value - (upper << 12):
            self.addi(rd, rd, value - (upper << 12))

    def lui(self, rd: int, upper: int) -> None:
        """Loads upper << 12."""
        self.emit((upper & 0xFFFFF) << 12 | rd << 7 | 0x37, 4)

    def mv(self, rd: int, a: int) -> None:
        """Copies a register."""
        self._short(0x8002 | rd << 7 | a << 2)

    def andi(self, rd: int, a: int, immediate: int) -> None:
        """Bitwise and with a constant, -2048 … 2047."""
        self._immediate(0x13, 7, rd, a, immediate)

    def ori(self, rd: int, a: int, immediate: int) -> None:
        """Bitwise or with a constant, -2048 … 2047."""
        self._immediate(0x13, 6, rd, a, immediate)

    def xori(self, rd: int, a: int, immediate: int) -> None:
        """Exclusive or with a constant, -2048 … 2047."""
        self._immediate(0x13, 4, rd, a, immediate)

    def slli(self, rd: int, a: int, count: int) -> None:
        """Shifts left."""
        if rd == a and rd and count:
            self._short(0x0002 | rd << 7 | unsigned(count, 5) << 2)
        else:
            self._immediate(0x13, 1, rd, a, unsigned(count, 5))

    def srli(self, rd: int, a: int, count: int) -> None:
        """Shifts right, filling with zeros."""
        if rd == a and rd in _SHORT and count:
            self._short(0x8001 | (rd - 8) << 7 | unsigned(count, 5) << 2)
        else:
            self._immediate(0x13, 5, rd, a, unsigned(count, 5))

    def srai(self, rd: int, a: int, count: int) -> None:
        """Shifts right, filling with the sign."""
        if rd == a and rd in _SHORT and count:
            self._short(0x8401 | (rd - 8) << 7 | unsigned(count, 5) << 2)
        else:
            self._immediate(0x13, 5, rd, a, unsigned(count, 5) | 0x400)

    # Memory: register, offset, base.

    def lb(self, rd: int, offset: int, base: int) -> None:
        """Loads a signed byte."""
        self._immediate(0x03, 0, rd, base, offset)

    def lbu(self, rd: int, offset: int, base: int) -> None:
        """Loads an unsigned byte."""
        self._immediate(0x03, 4, rd, base, offset)

    def lh(self, rd: int, offset: int, base: int) -> None:
        """Loads a signed half-word."""
        self._immediate(0x03, 1, rd, base, offset)

    def lhu(self, rd: int, offset: int, base: int) -> None:
        """Loads an unsigned half-word."""
        self._immediate(0x03, 5, rd, base, offset)

    def lw(self, rd: int, offset: int, base: int) -> None:
        """Loads a word."""
        if base == SP and rd and not offset & 3 and 0 <= offset < 256:
            self._short(
                0x4002 | (offset >> 5 & 1) << 12 | rd << 7 | (offset >> 2 & 7) << 4 | (offset >> 6) << 2
            )
        elif rd in _SHORT and base in _SHORT and not offset & 3 and 0 <= offset < 128:
            self._short(0x4000 | self._word(rd, offset, base))
        else:
            self._immediate(0x03, 2, rd, base, offset)

    def sb(self, source: int, offset: int, base: int) -> None:
        """Stores a byte."""
        self._store(0, source, offset, base)

    def sh(self, source: int, offset: int, base: int) -> None:
        """Stores a half-word."""
        self._store(1, source, offset, base)

    def sw(self, source: int, offset: int, base: int) -> None:
        """Stores a word."""
        if base == SP and not offset & 3 and 0 <= offset < 256:
            self._short(0xC002 | (offset >> 2 & 15) << 9 | (offset >> 6) << 7 | source << 2)
        elif source in _SHORT and base in _SHORT and not offset & 3 and 0 <= offset < 128:
            self._short(0xC000 | self._word(source, offset, base))
        else:
            self._store(2, source, offset, base)

    # Control: branches reach ±4 KiB, jumps ±1 MiB.

    def beq(self, a: int, b: int, label: str) -> None:
        """Branches where a = b."""
        self._branch(0, a, b, label)

    def bne(self, a: int, b: int, label: str) -> None:
        """Branches where a ≠ b."""
        self._branch(1, a, b, label)

    def blt(self, a: int, b: int, label: str) -> None:
        """Branches where a < b, signed."""
        self._branch(4, a, b, label)

    def bge(self, a: int, b: int, label: str) -> None:
        """Branches where a ≥ b, signed."""
        self._branch(5, a, b, label)

    def bltu(self, a: int, b: int, label: str) -> None:
        """Branches where a < b, unsigned."""
        self._branch(6, a, b, label)

    def bgeu(self, a: int, b: int, label: str) -> None:
        """Branches where a ≥ b, unsigned."""
        self._branch(7, a, b, label)

    def beqz(self, a: int, label: str) -> None:
        """Branches where a is 0."""
        self.beq(a, ZERO, label)

    def bnez(self, a: int, label: str) -> None:
        """Branches where a is not 0."""
        self.bne(a, ZERO, label)

    def j(self, label: str) -> None:
        """Jumps."""
        self.branch(label, lambda offset: _jal(ZERO, offset))

    def jr(self, a: int) -> None:
        """Jumps to an address."""
        self._short(0x8002 | a << 7)

    def jalr(self, a: int) -> None:
        """Calls an address."""
        self._short(0x9002 | a << 7)

    def la(self, rd: int, label: str) -> None:
        """The address of a label, in two instructions."""
        self.branch(label, lambda offset: _auipc(rd, offset))

    def ret(self) -> None:
        """Returns."""
        self.jr(RA)

    # Formats.

    def _short(self, half: int) -> None:
        self.emit(half, 2)

    def _register(self, seven: int, three: int, rd: int, a: int, b: int) -> None:
        self.emit(seven << 25 | b << 20 | a << 15 | three << 12 | rd << 7 | 0x33, 4)

    def _logical(self, short: int, three: int, rd: int, a: int, b: int) -> None:
        if rd == b:
            a, b = b, a
        if rd == a and rd in _SHORT and b in _SHORT:
            self._short(0x8C01 | (rd - 8) << 7 | short | (b - 8) << 2)
        else:
            self._register(0, three, rd, a, b)

    def _immediate(self, opcode: int, three: int, rd: int, a: int, immediate: int) -> None:
        self.emit(signed(immediate, 12) << 20 | a << 15 | three << 12 | rd << 7 | opcode, 4)

    def _store(self, three: int, source: int, offset: int, base: int) -> None:
        offset = signed(offset, 12)
        self.emit(offset >> 5 << 25 | source << 20 | base << 15 | three << 12 | (offset & 31) << 7 | 0x23, 4)

    @staticmethod
    def _word(register: int, offset: int, base: int) -> int:
        """The fields of c.lw and c.sw."""
        fields = (offset >> 3 & 7) << 10 | (offset >> 2 & 1) << 6 | (offset >> 6) << 5
        return fields | (base - 8) << 7 | (register - 8) << 2

    def _branch(self, three: int, a: int, b: int, label: str) -> None:
        def encode(offset: int) -> bytes:
            o = signed(offset, 13, 2)
            upper = (o >> 12) << 31 | (o >> 5 & 63) << 25
            lower = (o >> 1 & 15) << 8 | (o >> 11 & 1) << 7
            return (upper | b << 20 | a << 15 | three << 12 | lower | 0x63).to_bytes(4, "little")

        self.branch(label, encode)


def _jal(rd: int, offset: int) -> bytes:
    o = signed(offset, 21, 2)
    fields = (o >> 20) << 31 | (o >> 1 & 0x3FF) << 21 | (o >> 11 & 1) << 20 | (o >> 12 & 0xFF) << 12
    return (fields | rd << 7 | 0x6F).to_bytes(4, "little")


def _auipc(rd: int, offset: int) -> bytes:
    upper = offset + 0x800 >> 12
    lower = offset - (upper << 12)
    return ((upper & 0xFFFFF) << 12 | rd << 7 | 0x17).to_bytes(4, "little") + (
        (lower & 0xFFF) << 20 | rd << 15 | rd << 7 | 0x13
    ).to_bytes(4, "little")
