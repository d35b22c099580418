# SPDX-License-Identifier: MIT
"""An assembler for ARMv7E-M, which is Thumb-2 with the DSP instructions: Cortex-M4, M7, M33, M55.

    code = Thumb2()
    code.ldr(w, weights, after=4)           # ldr w, [weights], #4
    code.sxtb16(even, w)
    code.sxtb16(odd, w, ror=8)
    code.smlad(sum_, even, x, sum_)

It extends thumb.Thumb. The short form of an instruction is used where it has the same effect.
"""

from galago.errors import GalagoError
from galago.native.assemblers.base import signed, unsigned
from galago.native.assemblers.thumb import LR, PC, SP, Thumb, low

_NONE = 15  # in place of a register: there is none
_LSL, _ASR = 0, 2
_LOADS = {  # the opcode with an immediate of 12 bits
    "str": 0xF8C0, "ldr": 0xF8D0, "strb": 0xF880, "ldrb": 0xF890, "strh": 0xF8A0, "ldrh": 0xF8B0,
    "ldrsb": 0xF990, "ldrsh": 0xF9B0,
}  # fmt: skip
_SHORT = {  # and, of short forms, that and the size
    "str": (0x6000, 4), "ldr": (0x6800, 4), "strb": (0x7000, 1), "ldrb": (0x7800, 1), "strh": (0x8000, 2),
    "ldrh": (0x8800, 2),
}  # fmt: skip
_DATA = {  # the number of an operation on a register and a number, or a shifted register
    "and": 0, "bic": 1, "orr": 2, "orn": 3, "eor": 4, "add": 8, "sub": 13, "rsb": 14,
}  # fmt: skip
_FLAGS = {"tst": "and", "cmp": "sub", "cmn": "add"}  # the operations without a result
_MOVES = {"mov": "orr", "mvn": "orn"}  # and those without a first operand
_SHIFTS = {"lsl": 0, "lsr": 1, "asr": 2}


class Thumb2(Thumb):
    """ARMv7E-M. Only instructions whose name ends in s, and compares, set the flags."""

    def _wide(self, upper: int, lower: int) -> None:
        self.emit(upper, 2)
        self.emit(lower, 2)

    # Arithmetic.

    def number(self, name: str, d: int, n: int, value: int) -> None:
        """d = n with a number that `spread` encodes: and, bic, orr, orn, eor, add, sub, rsb.

        Of tst, cmp and cmn there are only flags, and d is not used; mov and mvn do not use n.
        """
        number, flags, d, n = _operation(name, d, n)
        code = spread(value)
        if code is None:
            raise GalagoError("native.operand", f"expected 8 bits, shifted or repeated, got {value:#x}")
        self._wide(
            0xF000 | code >> 11 << 10 | number << 5 | flags << 4 | n,
            (code >> 8 & 7) << 12 | d << 8 | code & 0xFF,
        )

    def combine(self, name: str, d: int, n: int, m: int, shift: str = "lsl", by: int = 0) -> None:
        """d = n with m, shifted by lsl, lsr or asr; the names are those of `number`."""
        number, flags, d, n = _operation(name, d, n)
        by = unsigned(by, 5)
        self._wide(
            0xEA00 | number << 5 | flags << 4 | n,
            by >> 2 << 12 | d << 8 | (by & 3) << 6 | _SHIFTS[shift] << 4 | m,
        )

    def movw(self, d: int, value: int) -> None:
        """d = a 16-bit number."""
        value = unsigned(value, 16)
        self._wide(
            0xF240 | (value >> 11 & 1) << 10 | value >> 12, (value >> 8 & 7) << 12 | d << 8 | value & 0xFF
        )

    def movt(self, d: int, value: int) -> None:
        """The upper half of d = a 16-bit number."""
        value = unsigned(value, 16)
        self._wide(
            0xF2C0 | (value >> 11 & 1) << 10 | value >> 12, (value >> 8 & 7) << 12 | d << 8 | value & 0xFF
        )

    def load(self, d: int, value: int) -> None:
        """d = any 32-bit number, in one or two instructions."""
        value &= 0xFFFF_FFFF
        if value >= 0xFFFF_FF00:
            self._wide(0xF06F, d << 8 | ~value & 0xFF)  # mvn
            return
        self.movw(d, value & 0xFFFF)
        if value >> 16:
            self.movt(d, value >> 16)

    def add(self, d: int, n: int, m: int, lsl: int = 0, asr: int = 0) -> None:
        """d = n + shifted m."""
        if d == n and not lsl and not asr:
            self.add_to(d, m)
        else:
            self._shifted(8, d, n, m, lsl, asr)

    def sub(self, d: int, n: int, m: int, lsl: int = 0, asr: int = 0) -> None:
        """d = n - shifted m."""
        self._shifted(13, d, n, m, lsl, asr)

    def orr(self, d: int, n: int, m: int, lsl: int = 0, asr: int = 0) -> None:
        """d = n | shifted m."""
        self._shifted(2, d, n, m, lsl, asr)

    def lsl(self, d: int, m: int, shift: int) -> None:
        """d = m << shift."""
        self._shifted(2, d, _NONE, m, shift, 0)

    def asr(self, d: int, m: int, shift: int) -> None:
        """d = m >> shift of signed m."""
        self._shifted(2, d, _NONE, m, 0, shift)

    def pkhbt(self, d: int, n: int, m: int, lsl: int = 0) -> None:
        """d = the lower half of n and the upper half of shifted m."""
        self._shifted(6, d, n, m, lsl, 0)

    def pkhtb(self, d: int, n: int, m: int, asr: int) -> None:
        """d = the upper half of n and the lower half of m >> asr."""
        self._shifted(6, d, n, m, 0, asr)

    def _shifted(self, number: int, d: int, n: int, m: int, lsl: int, asr: int) -> None:
        shift, kind = (asr, _ASR) if asr else (lsl, _LSL)
        shift = unsigned(shift, 5)
        self._wide(0xEA00 | number << 5 | n, shift >> 2 << 12 | d << 8 | (shift & 3) << 6 | kind << 4 | m)

    def lsl_reg(self, d: int, n: int, m: int) -> None:
        """d = n << m."""
        self._wide(0xFA00 | n, 0xF000 | d << 8 | m)

    def asr_reg(self, d: int, n: int, m: int) -> None:
        """d = n >> m of signed n."""
        self._wide(0xFA40 | n, 0xF000 | d << 8 | m)

    def lsr_reg(self, d: int, n: int, m: int) -> None:
        """d = n >> m of unsigned n."""
        self._wide(0xFA20 | n, 0xF000 | d << 8 | m)

    def addw(self, d: int, n: int, value: int) -> None:
        """d = n + a number, -4095 … 4095."""
        size = unsigned(abs(value), 12)
        self._wide(
            (0xF200 if value >= 0 else 0xF2A0) | size >> 11 << 10 | n,
            (size >> 8 & 7) << 12 | d << 8 | size & 0xFF,
        )

    def subs(self, d: int, n: int, value: int) -> None:
        """d = n - a number: of 8 bits, for any registers."""
        if max(d, n) < 8 and (d == n or value < 8):
            super().subs(d, n, value)
        else:
            self._wide(0xF1B0 | n, d << 8 | unsigned(value, 8))

    def cmp(self, n: int, value: int) -> None:
        """Flags of n - a number, -255 … 255."""
        if n < 8 and value >= 0:
            super().cmp(n, value)
        elif value >= 0:
            self._wide(0xF1B0 | n, 0x0F00 | unsigned(value, 8))
        else:
            self._wide(0xF110 | n, 0x0F00 | unsigned(-value, 8))

    def tst(self, n: int, value: int) -> None:
        """Flags of n & an 8-bit number."""
        self._wide(0xF010 | n, 0x0F00 | unsigned(value, 8))

    def mul(self, d: int, n: int, m: int) -> None:
        """d = n * m."""
        self._multiply(0, 0, d, n, m, _NONE)

    def mla(self, d: int, n: int, m: int, a: int) -> None:
        """d = a + n * m."""
        self._multiply(0, 0, d, n, m, a)

    def mls(self, d: int, n: int, m: int, a: int) -> None:
        """d = a - n * m."""
        self._multiply(0, 1, d, n, m, a)

    def smlad(self, d: int, n: int, m: int, a: int) -> None:
        """d = a + lower n * lower m + upper n * upper m, signed halves."""
        self._multiply(2, 0, d, n, m, a)

    def smlabb(self, d: int, n: int, m: int, a: int) -> None:
        """d = a + lower n * lower m."""
        self._multiply(1, 0, d, n, m, a)

    def smlabt(self, d: int, n: int, m: int, a: int) -> None:
        """d = a + lower n * upper m."""
        self._multiply(1, 1, d, n, m, a)

    def smmlar(self, d: int, n: int, m: int, a: int) -> None:
        """d = a + n * m / 2**32, rounded half up."""
        self._multiply(5, 1, d, n, m, a)

    def smmlsr(self, d: int, n: int, m: int, a: int) -> None:
        """d = a - n * m / 2**32, rounded half up."""
        self._multiply(6, 1, d, n, m, a)

    def smmulr(self, d: int, n: int, m: int) -> None:
        """d = n * m / 2**32, rounded half up."""
        self._multiply(5, 1, d, n, m, _NONE)

    def _multiply(self, first: int, second: int, d: int, n: int, m: int, a: int) -> None:
        self._wide(0xFB00 | first << 4 | n, a << 12 | d << 8 | second << 4 | m)

    def umull(self, lower: int, upper: int, n: int, m: int) -> None:
        """upper:lower = n * m, unsigned."""
        self._wide(0xFBA0 | n, lower << 12 | upper << 8 | m)

    def udiv(self, d: int, n: int, m: int) -> None:
        """d = n / m, unsigned."""
        self._wide(0xFBB0 | n, 0xF0F0 | d << 8 | m)

    def sdiv(self, d: int, n: int, m: int) -> None:
        """d = n / m, signed, rounded towards 0."""
        self._wide(0xFB90 | n, 0xF0F0 | d << 8 | m)

    def extend(self, name: str, d: int, m: int) -> None:
        """d = the lowest bits of m, by sxtb, sxth, uxtb or uxth; any registers."""
        number = ("sxth", "uxth", "sxtb", "uxtb").index(name)
        self._wide(0xFA0F | (number >> 1 << 2 | number & 1) << 4, 0xF080 | d << 8 | m)

    def usat(self, d: int, bits: int, n: int) -> None:
        """d = n clamped to 0 … 2**bits - 1."""
        self._wide(0xF380 | n, d << 8 | unsigned(bits, 5))

    def sxtb16(self, d: int, m: int, ror: int = 0) -> None:
        """d = bytes 0 and 2 of m, rotated, as signed halves."""
        self._wide(0xFA2F, 0xF080 | d << 8 | ror // 8 << 4 | m)

    def sxtab16(self, d: int, n: int, m: int, ror: int = 0) -> None:
        """d = halves of n + bytes 0 and 2 of m, rotated."""
        self._wide(0xFA20 | n, 0xF080 | d << 8 | ror // 8 << 4 | m)

    def sxtab(self, d: int, n: int, m: int, ror: int = 0) -> None:
        """d = n + byte 0 of m, rotated."""
        self._wide(0xFA40 | n, 0xF080 | d << 8 | ror // 8 << 4 | m)

    def ssat8(self, d: int, n: int) -> None:
        """d = n clamped to -128 … 127 (`ssat d, #8, n`)."""
        self._wide(0xF300 | n, d << 8 | 7)

    def ubfx(self, d: int, n: int, at: int, width: int) -> None:
        """d = `width` bits of n from bit `at` on."""
        self._wide(0xF3C0 | n, at >> 2 << 12 | d << 8 | (at & 3) << 6 | width - 1)

    def bfi(self, d: int, n: int, at: int, width: int) -> None:
        """`width` bits of d from bit `at` on = the lowest of n."""
        self._wide(0xF360 | n, at >> 2 << 12 | d << 8 | (at & 3) << 6 | at + width - 1)

    def clz(self, d: int, m: int) -> None:
        """d = zeros above the highest 1 of m."""
        self._wide(0xFAB0 | m, 0xF080 | d << 8 | m)

    def it(self, condition: int, *more: bool) -> None:
        """Makes the next instruction conditional; `more` says for each one after it whether it is too."""
        mask = 0
        for holds in more:
            mask = mask << 1 | (condition & 1 if holds else ~condition & 1)
        mask = mask << 4 - len(more) | 1 << 3 - len(more)
        self.emit(0xBF00 | condition << 4 | mask, 2)

    # Memory: at n + offset; with `after`, at n, which then moves.

    def ldr(self, t: int, n: int, offset: int = 0, after: int = 0) -> None:
        """A word."""
        self._transfer("ldr", t, n, offset, after)

    def str_(self, t: int, n: int, offset: int = 0, after: int = 0) -> None:
        """A word."""
        self._transfer("str", t, n, offset, after)

    def ldrb(self, t: int, n: int, offset: int = 0, after: int = 0) -> None:
        """A byte, unsigned."""
        self._transfer("ldrb", t, n, offset, after)

    def ldrsb(self, t: int, n: int, offset: int = 0, after: int = 0) -> None:
        """A byte, signed."""
        self._transfer("ldrsb", t, n, offset, after)

    def ldrsh(self, t: int, n: int, offset: int = 0, after: int = 0) -> None:
        """A half word, signed."""
        self._transfer("ldrsh", t, n, offset, after)

    def strb(self, t: int, n: int, offset: int = 0, after: int = 0) -> None:
        """A byte."""
        self._transfer("strb", t, n, offset, after)

    def ldrh(self, t: int, n: int, offset: int = 0, after: int = 0) -> None:
        """A half word, unsigned."""
        self._transfer("ldrh", t, n, offset, after)

    def strh(self, t: int, n: int, offset: int = 0, after: int = 0) -> None:
        """A half word."""
        self._transfer("strh", t, n, offset, after)

    def _transfer(self, name: str, t: int, n: int, offset: int, after: int) -> None:
        opcode, size = _SHORT.get(name, (0, 1))
        most = 1020 if n == SP and size == 4 else 31 * size if n < 8 else -1
        if after:
            self._wide(_LOADS[name] - 0x80 | n, t << 12 | 0x900 | (after > 0) << 9 | unsigned(abs(after), 8))
        elif offset < 0:
            self._wide(_LOADS[name] - 0x80 | n, t << 12 | 0xC00 | unsigned(-offset, 8))
        elif opcode and t < 8 and offset <= most and not offset % size:
            self._at(t, n, offset, opcode, size)
        else:
            self._wide(_LOADS[name] | n, t << 12 | unsigned(offset, 12))

    def at(self, name: str, t: int, n: int, m: int, lsl: int = 0) -> None:
        """ldr, ldrb, ldrsb, ldrsh, str, strb, strh: t with what is at n + (m << lsl)."""
        self._wide(_LOADS[name] - 0x80 | n, t << 12 | unsigned(lsl, 2) << 4 | m)

    def ldrd(self, t: int, u: int, n: int, offset: int = 0, after: int = 0) -> None:
        """Transfers two words."""
        self._double(1, t, u, n, offset, after)

    def strd(self, t: int, u: int, n: int, offset: int = 0, after: int = 0) -> None:
        """Transfers two words."""
        self._double(0, t, u, n, offset, after)

    def _double(self, loads: int, t: int, u: int, n: int, offset: int, after: int) -> None:
        moves = after or offset
        kind = 0x0820 if after else 0x0900  # with write-back after, or indexed
        self._wide(
            0xE040 | kind | (moves >= 0) << 7 | loads << 4 | n, t << 12 | u << 8 | unsigned(abs(moves), 8, 4)
        )

    def ldm(self, n: int, *registers: int, stay: bool = False) -> None:
        """Loads registers in ascending order from n on; n is advanced past them unless it is to `stay`."""
        if not stay and max(n, *registers) < 8 and n not in registers:
            super().ldm(n, *registers)
        else:
            self._wide(0xE890 | (not stay) << 5 | n, _list(registers))

    def stm(self, n: int, *registers: int, stay: bool = False) -> None:
        """Stores registers in ascending order from n on; n is advanced past them unless it is to `stay`."""
        if not stay and max(n, *registers) < 8 and n not in registers:
            super().stm(n, *registers)
        else:
            self._wide(0xE880 | (not stay) << 5 | n, _list(registers))

    def push(self, *registers: int) -> None:
        """Pushes any registers but SP and PC."""
        if all(r < 8 or r == LR for r in registers):
            super().push(*registers)
        else:
            self._wide(0xE92D, _list(registers))

    def pop(self, *registers: int) -> None:
        """Pops any registers but SP."""
        if all(r < 8 or r == PC for r in registers):
            super().pop(*registers)
        else:
            self._wide(0xE8BD, _list(registers))

    # Branches that reach further.

    def bw(self, label: str) -> None:
        """Branches to a label at any distance (`b.w`)."""
        self.branch(label, lambda distance: _branch(distance - 4 >> 1))

    def bw_if(self, condition: int, label: str) -> None:
        """Branches to a label at any distance if a condition holds."""
        self.branch(label, lambda distance: _conditional(condition, distance - 4 >> 1))

    def cbz(self, n: int, label: str) -> None:
        """Branches to a label up to 126 bytes ahead if n is 0."""
        self.branch(label, lambda distance: _cbz(0xB100 | low(n), distance - 4 >> 1))

    def cbnz(self, n: int, label: str) -> None:
        """Branches to a label up to 126 bytes ahead if n is not 0."""
        self.branch(label, lambda distance: _cbz(0xB900 | low(n), distance - 4 >> 1))


def spread(value: int) -> int | None:
    """How an instruction encodes a number of 8 bits, shifted or repeated, in 12 bits; None if it cannot."""
    value &= 0xFFFF_FFFF
    low = value & 0xFF
    for code, repeated in enumerate((low, low * 0x10001, (value >> 8 & 0xFF) * 0x1000100, low * 0x1010101)):
        if value == repeated:
            return code << 8 | (value >> 8 & 0xFF if code == 2 else low)
    shift = 32 - value.bit_length()  # the top bit of the eight goes to bit 31 - shift
    if value == (value >> 24 - shift & 0xFF) << 24 - shift:
        return shift + 8 << 7 | value >> 24 - shift & 0x7F
    return None


def _operation(name: str, d: int, n: int) -> tuple[int, int, int, int]:
    """Number and flags bit of an operation, and its registers."""
    if name in _FLAGS:
        return _DATA[_FLAGS[name]], 1, _NONE, n
    if name in _MOVES:
        return _DATA[_MOVES[name]], 0, d, _NONE
    return _DATA[name], 0, d, n


def _list(registers: tuple[int, ...]) -> int:
    if list(registers) != sorted(set(registers)):
        raise GalagoError("native.operand", f"expected registers in ascending order, got {registers}")
    return sum(1 << register for register in registers)


def _pair(upper: int, lower: int) -> bytes:
    return upper.to_bytes(2, "little") + lower.to_bytes(2, "little")


def _branch(halves: int) -> bytes:
    value = signed(halves, 24)
    sign = value >> 23
    j1, j2 = (~(value >> 22) ^ sign) & 1, (~(value >> 21) ^ sign) & 1
    return _pair(0xF000 | sign << 10 | value >> 11 & 0x3FF, 0x9000 | j1 << 13 | j2 << 11 | value & 0x7FF)


def _conditional(condition: int, halves: int) -> bytes:
    value = signed(halves, 20)
    j1, j2 = value >> 17 & 1, value >> 18 & 1
    return _pair(
        0xF000 | value >> 19 << 10 | condition << 6 | value >> 11 & 0x3F,
        0x8000 | j1 << 13 | j2 << 11 | value & 0x7FF,
    )


def _cbz(opcode: int, halves: int) -> bytes:
    halves = unsigned(max(halves, 0), 6)
    return (opcode | halves >> 5 << 9 | (halves & 31) << 3).to_bytes(2, "little")
