# SPDX-License-Identifier: MIT
"""An assembler for ARMv6-M (Cortex-M0+), and the base of the one for ARMv7E-M (thumb2.py).

    code = Thumb()                # ARMv6-M: 16-bit instructions; thumb2.Thumb2 adds the wide ones
    code.push(R4, LR)
    code.label("loop")
    code.subs(n, n, 1)
    code.bne("loop")
    code.pop(R4, PC)
    code.finish()

Methods are the manual's mnemonics with operands in its order. A number is an immediate unless the method's
name ends in `_reg`. What an encoding cannot hold is GalagoError native.operand.
"""

from collections.abc import Iterable

from galago.errors import GalagoError
from galago.native.assemblers.base import Assembler, signed, unsigned

R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10, R11, R12, SP, LR, PC = range(16)
EQ, NE, HS, LO, MI, PL, VS, VC, HI, LS, GE, LT, GT, LE = range(14)
_ALU = {  # two operands, both low registers: the first is also the result
    "ands": 0, "eors": 1, "lsls": 2, "lsrs": 3, "asrs": 4, "adcs": 5, "sbcs": 6, "rors": 7,
    "tst": 8, "rsbs": 9, "cmp": 10, "cmn": 11, "orrs": 12, "muls": 13, "bics": 14, "mvns": 15,
}  # fmt: skip


class Thumb(Assembler):
    """ARMv6-M. Instructions whose name ends in s set the flags."""

    alignment = 2

    # Moves and arithmetic.

    def movs(self, d: int, value: int) -> None:
        """d = an 8-bit number."""
        self.emit(0x2000 | low(d) << 8 | unsigned(value, 8), 2)

    def mov(self, d: int, m: int) -> None:
        """d = m, any registers, flags kept."""
        self.emit(0x4600 | d >> 3 << 7 | m << 3 | d & 7, 2)

    def adds(self, d: int, n: int, value: int) -> None:
        """d = n + a number: of 3 bits, or of 8 if d is n."""
        self._add_number(d, n, value, 0)

    def subs(self, d: int, n: int, value: int) -> None:
        """d = n - a number: of 3 bits, or of 8 if d is n."""
        self._add_number(d, n, value, 1)

    def _add_number(self, d: int, n: int, value: int, subtract: int) -> None:
        if d == n and value > 7:
            self.emit(0x3000 | subtract << 11 | low(d) << 8 | unsigned(value, 8), 2)
        else:
            self.emit(0x1C00 | subtract << 9 | unsigned(value, 3) << 6 | low(n) << 3 | low(d), 2)

    def adds_reg(self, d: int, n: int, m: int) -> None:
        """d = n + m."""
        self.emit(0x1800 | low(m) << 6 | low(n) << 3 | low(d), 2)

    def subs_reg(self, d: int, n: int, m: int) -> None:
        """d = n - m."""
        self.emit(0x1A00 | low(m) << 6 | low(n) << 3 | low(d), 2)

    def add_to(self, d: int, m: int) -> None:
        """d += m, any registers, flags kept (`add d, m`)."""
        self.emit(0x4400 | d >> 3 << 7 | m << 3 | d & 7, 2)

    def cmp(self, n: int, value: int) -> None:
        """Sets the flags of n minus an 8-bit number."""
        self.emit(0x2800 | low(n) << 8 | unsigned(value, 8), 2)

    def cmp_reg(self, n: int, m: int) -> None:
        """Sets the flags of n - m; any registers."""
        if max(n, m) < 8:
            self.alu("cmp", n, m)
        else:
            self.emit(0x4500 | n >> 3 << 7 | m << 3 | n & 7, 2)

    def alu(self, name: str, d: int, m: int) -> None:
        """d with m, by the names in _ALU: the first operand is also the result; rsbs is 0 - m, muls d * m.

        Of tst, cmp and cmn there are only flags.
        """
        self.emit(0x4000 | _ALU[name] << 6 | low(m) << 3 | low(d), 2)

    def muls(self, d: int, m: int) -> None:
        """d *= m."""
        self.alu("muls", d, m)

    def lsls(self, d: int, m: int, shift: int) -> None:
        """d = m << shift."""
        self.emit(unsigned(shift, 5) << 6 | low(m) << 3 | low(d), 2)

    def lsrs(self, d: int, m: int, shift: int) -> None:
        """d = m >> shift of unsigned m, shift 1 … 32."""
        self.emit(0x0800 | (unsigned(shift - 1, 5) + 1 & 31) << 6 | low(m) << 3 | low(d), 2)

    def asrs(self, d: int, m: int, shift: int) -> None:
        """d = m >> shift of signed m, shift 1 … 32."""
        self.emit(0x1000 | (unsigned(shift - 1, 5) + 1 & 31) << 6 | low(m) << 3 | low(d), 2)

    def sxth(self, d: int, m: int) -> None:
        """d = the lower half of m, signed."""
        self.emit(0xB200 | low(m) << 3 | low(d), 2)

    def sxtb(self, d: int, m: int) -> None:
        """d = the lowest byte of m, signed."""
        self.emit(0xB240 | low(m) << 3 | low(d), 2)

    def uxth(self, d: int, m: int) -> None:
        """d = the lower half of m, unsigned."""
        self.emit(0xB280 | low(m) << 3 | low(d), 2)

    def uxtb(self, d: int, m: int) -> None:
        """d = the lowest byte of m, unsigned."""
        self.emit(0xB2C0 | low(m) << 3 | low(d), 2)

    # Memory.

    def ldr(self, t: int, n: int, offset: int = 0) -> None:
        """t = the word at n + offset."""
        self._at(t, n, offset, 0x6800, 4)

    def str_(self, t: int, n: int, offset: int = 0) -> None:
        """The word at n + offset = t."""
        self._at(t, n, offset, 0x6000, 4)

    def ldrb(self, t: int, n: int, offset: int = 0) -> None:
        """t = the byte at n + offset, unsigned."""
        self._at(t, n, offset, 0x7800, 1)

    def strb(self, t: int, n: int, offset: int = 0) -> None:
        """The byte at n + offset = t."""
        self._at(t, n, offset, 0x7000, 1)

    def ldrh(self, t: int, n: int, offset: int = 0) -> None:
        """t = the half word at n + offset, unsigned."""
        self._at(t, n, offset, 0x8800, 2)

    def strh(self, t: int, n: int, offset: int = 0) -> None:
        """The half word at n + offset = t."""
        self._at(t, n, offset, 0x8000, 2)

    def _at(self, t: int, n: int, offset: int, opcode: int, size: int) -> None:
        if n == SP and size == 4:
            self.emit(0x9000 | opcode & 0x800 | low(t) << 8 | unsigned(offset, 8, 4), 2)
        else:
            self.emit(opcode | unsigned(offset, 5, size) << 6 | low(n) << 3 | low(t), 2)

    def indexed(self, name: str, t: int, n: int, m: int) -> None:
        """str, strh, strb, ldrsb, ldr, ldrh, ldrb, ldrsh: t with what is at n + m."""
        number = ("str", "strh", "strb", "ldrsb", "ldr", "ldrh", "ldrb", "ldrsh").index(name)
        self.emit(0x5000 | number << 9 | low(m) << 6 | low(n) << 3 | low(t), 2)

    def ldm(self, n: int, *registers: int) -> None:
        """Loads registers in ascending order from n on; n is advanced past them unless it is among them."""
        self.emit(0xC800 | low(n) << 8 | _set(registers, 8), 2)

    def stm(self, n: int, *registers: int) -> None:
        """Stores registers in ascending order from n on, and advances n past them."""
        self.emit(0xC000 | low(n) << 8 | _set(registers, 8), 2)

    def push(self, *registers: int) -> None:
        """Pushes low registers and LR."""
        self.emit(0xB400 | (LR in registers) << 8 | _set([r for r in registers if r != LR], 8), 2)

    def pop(self, *registers: int) -> None:
        """Pops low registers and PC."""
        self.emit(0xBC00 | (PC in registers) << 8 | _set([r for r in registers if r != PC], 8), 2)

    def add_sp(self, bytes_: int) -> None:
        """Adds a number, which may be negative, to the stack pointer."""
        self.emit(0xB000 | (bytes_ < 0) << 7 | unsigned(abs(bytes_), 7, 4), 2)

    def address_sp(self, d: int, offset: int) -> None:
        """d = SP + offset (`add d, sp, #offset`)."""
        self.emit(0xA800 | low(d) << 8 | unsigned(offset, 8, 4), 2)

    # Branches.

    def b(self, label: str) -> None:
        """Branches to a label up to 2 KB away."""
        self.branch(label, lambda distance: _bytes(0xE000 | signed(distance - 4 >> 1, 11)))

    def b_if(self, condition: int, label: str) -> None:
        """Branches to a label up to 256 bytes away if a condition holds: EQ, NE, HS …"""
        self.branch(label, lambda distance: _bytes(0xD000 | condition << 8 | signed(distance - 4 >> 1, 8)))

    def beq(self, label: str) -> None:
        """Branches if equal."""
        self.b_if(EQ, label)

    def bne(self, label: str) -> None:
        """Branches if not equal."""
        self.b_if(NE, label)

    def bx(self, m: int) -> None:
        """Branches to the address in m."""
        self.emit(0x4700 | m << 3, 2)

    def blx(self, m: int) -> None:
        """Calls the address in m; LR gets the return address."""
        self.emit(0x4780 | m << 3, 2)

    def bl(self, label: str) -> None:
        """Calls a label; LR gets the return address."""
        self.branch(label, lambda distance: _bl(distance - 4 >> 1))


def low(register: int) -> int:
    """A register that 16-bit instructions can name."""
    if not 0 <= register < 8:
        raise GalagoError("native.operand", f"expected r0 … r7, got r{register}")
    return register


def _set(registers: Iterable[int], limit: int) -> int:
    return sum(1 << (low(r) if limit == 8 else r) for r in set(registers))


def _bytes(half: int) -> bytes:
    return half.to_bytes(2, "little")


def _bl(halves: int) -> bytes:
    value = signed(halves, 24)
    sign = value >> 23
    j1, j2 = (~(value >> 22) ^ sign) & 1, (~(value >> 21) ^ sign) & 1
    return _bytes(0xF000 | sign << 10 | value >> 11 & 0x3FF) + _bytes(
        0xD000 | j1 << 13 | j2 << 11 | value & 0x7FF
    )
