# SPDX-License-Identifier: MIT
"""An assembler for Armv8.1-M with Helium (MVE) and its low-overhead loops: Cortex-M55.

    code = Helium()
    code.dls(count)
    code.label("loop")
    code.vldrb(Q0, x, after=16)             # vldrb.u8 q0, [x], #16
    code.vmlav(sum_, Q0, Q1, add=True)      # vmlava.s8 sum, q0, q1
    code.le("loop")

It extends thumb2.Thumb2. A vector has 16 bytes, 8 halves or 4 words. Where a method says so, its general
register must be an even one, as the manual demands. The few instructions on doubles are those that scales
need: they take single registers, whose number is even, or double ones.
"""

from galago.errors import GalagoError
from galago.native.assemblers.base import unsigned
from galago.native.assemblers.thumb2 import Thumb2

Q0, Q1, Q2, Q3, Q4, Q5, Q6, Q7 = range(8)
_BYTES, _WORDS = 0, 2  # sizes of elements, as encoded


class Helium(Thumb2):
    """Armv8.1-M with Helium."""

    # Loops: LR counts.

    def dls(self, n: int) -> None:
        """Begins a loop of n rounds, at least one: LR = n."""
        self._wide(0xF040 | n, 0xE001)

    def le(self, label: str) -> None:
        """Ends a loop: goes back to its beginning unless this was the last round."""
        self.branch(label, lambda distance: _loop(0xF00F, 4 - distance))

    def wlstp(self, n: int, end: str) -> None:
        """Begins a loop over n bytes, whose vector instructions leave out those past the end; n may be 0."""
        self.branch(end, lambda distance: _loop(0xF000 | n, max(distance - 4, 0)))

    def letp(self, label: str) -> None:
        """Ends such a loop."""
        self.branch(label, lambda distance: _loop(0xF01F, 4 - distance))

    # Predicates.

    def vctp(self, n: int) -> None:
        """Predicate: the first n bytes (`vctp.8`)."""
        self._wide(0xF000 | n, 0xE801)

    def vpst(self, number: int = 1) -> None:
        """Applies the predicate to the next instructions, up to four; loads make other bytes 0."""
        mask = 8 >> unsigned(number - 1, 2)
        self._wide(0xFE31 | mask >> 3 << 6, (mask & 7) << 13 | 0x0F4D)

    # Memory: at n + offset; with `after`, at n, which then moves.

    def vldrb(self, q: int, n: int, offset: int = 0, after: int = 0) -> None:
        """16 bytes."""
        self._contiguous(0xEC10, _BYTES, q, n, offset, after, 1)

    def vstrb(self, q: int, n: int, offset: int = 0, after: int = 0) -> None:
        """16 bytes."""
        self._contiguous(0xEC00, _BYTES, q, n, offset, after, 1)

    def vldrw(self, q: int, n: int, offset: int = 0, after: int = 0) -> None:
        """4 words; the address is a multiple of 4."""
        self._contiguous(0xEC10, _WORDS, q, n, offset, after, 4)

    def vstrw(self, q: int, n: int, offset: int = 0, after: int = 0) -> None:
        """4 words; the address is a multiple of 4."""
        self._contiguous(0xEC00, _WORDS, q, n, offset, after, 4)

    def _contiguous(self, opcode: int, size: int, q: int, n: int, offset: int, after: int, unit: int) -> None:
        by = after or offset
        up, mode = by >= 0, 0x20 if after else 0x100
        self._wide(opcode | mode | up << 7 | n, q << 13 | 0x1E00 | size << 7 | unsigned(abs(by), 7, unit))

    def vstrb_words(self, q: int, n: int) -> None:
        """The lowest byte of each word, to 4 bytes (`vstrb.32`); n is a low register."""
        self._wide(0xED80 | unsigned(n, 3), q << 13 | 0x0F00)

    def vldrw_gather(self, q: int, addresses: int, offset: int = 0) -> None:
        """4 words, each at its address in a vector, plus an offset."""
        self._wide(0xFD90 | addresses << 1, q << 13 | 0x1E00 | unsigned(offset, 7, 4))

    def vstrb_scatter(self, q: int, n: int, offsets: int) -> None:
        """The lower byte of each half, to n plus its half of `offsets` (`vstrb.16`)."""
        self._wide(0xEC80 | n, q << 13 | 0x0E80 | offsets << 1)

    def vst4(self, q: int, n: int) -> None:
        """64 bytes: byte 0 of each of four vectors, then byte 1 of each … n moves past them."""
        if q > Q4:
            raise GalagoError("native.operand", f"expected one of q0 … q4 as the first of four, got q{q}")
        for part in range(4):
            self._wide(0xFC80 | (part == 3) << 5 | n, q << 13 | 0x1E01 | part << 5)

    # Between general registers and vectors.

    def vdup(self, q: int, n: int, size: int) -> None:
        """All bytes (size 1) or words (4) = n."""
        self._wide(0xEEA0 | (size == 1) << 6 | q << 1, n << 12 | 0x0B10)

    def vmov_pair(self, q: int, lane: int, first: int, second: int) -> None:
        """Word `lane`, 0 or 1, = the first register; the word two after it = the second.

        Assemblers write `vmov q[lane + 2], q[lane], first, second`.
        """
        self._wide(0xEC10 | second, q << 13 | 0x0F00 | unsigned(lane, 1) << 4 | first)

    def vmov_lane(self, q: int, lane: int, n: int) -> None:
        """Word `lane` = n."""
        self._wide(0xEE00 | (lane & 1) << 5 | q << 1 | unsigned(lane, 2) >> 1, n << 12 | 0x0B10)

    def vmlav(self, d: int, n: int, m: int, add: bool = False) -> None:
        """d = the sum of 16 products of signed bytes, added to d if `add`; d is even."""
        self._wide(0xEEF0 | n << 1, _even(d) << 12 | 0x0F00 | add << 5 | m << 1)

    def vaddva(self, d: int, m: int) -> None:
        """d += the sum of 16 signed bytes; d is even."""
        self._wide(0xEEF1, _even(d) << 12 | 0x0F20 | m << 1)

    # Vectors.

    def vadd(self, d: int, n: int, m: int) -> None:
        """Words: d = n + m."""
        self._wide(0xEF20 | n << 1, d << 13 | 0x0840 | m << 1)

    def vadd_reg(self, d: int, n: int, m: int) -> None:
        """Words: d = n + a general register."""
        self._wide(0xEE21 | n << 1, d << 13 | 0x0F40 | m)

    def vqadd_reg(self, d: int, n: int, m: int) -> None:
        """Signed halves: d = n + a general register, saturated."""
        self._wide(0xEE10 | n << 1, d << 13 | 0x0F60 | m)

    def vqrdmulh(self, d: int, n: int, m: int) -> None:
        """Signed words: d = n * m / 2**31, rounded half up, saturated."""
        self._wide(0xFF20 | n << 1, d << 13 | 0x0B40 | m << 1)

    def vrshl(self, d: int, m: int, n: int) -> None:
        """Signed words: d = m << n; a negative n shifts right and rounds half up."""
        self._wide(0xEF20 | n << 1, d << 13 | 0x0540 | m << 1)

    def vshr(self, d: int, m: int, shift: int, signed: bool) -> None:
        """Words: d = m >> shift, 1 … 32."""
        self._wide(0xEF80 | (not signed) << 12 | 32 + unsigned(32 - shift, 5), d << 13 | 0x0050 | m << 1)

    def vand(self, d: int, n: int, m: int) -> None:
        """d = n & m."""
        self._wide(0xEF00 | n << 1, d << 13 | 0x0150 | m << 1)

    def vqmovn(self, d: int, m: int, size: int, top: bool) -> None:
        """The top or bottom parts of d's words (size 4) or halves (2) = those of m, signed, saturated."""
        self._wide(0xEE33 | (size == 4) << 2, d << 13 | top << 12 | 0x0E01 | m << 1)

    def vmax(self, d: int, n: int, m: int) -> None:
        """Signed bytes: d = the greater of n and m."""
        self._wide(0xEF00 | n << 1, d << 13 | 0x0640 | m << 1)

    def vmin(self, d: int, n: int, m: int) -> None:
        """Signed bytes: d = the lesser of n and m."""
        self._wide(0xEF00 | n << 1, d << 13 | 0x0650 | m << 1)

    def vpush(self) -> None:
        """Pushes q4 … q7, which a function must leave unchanged."""
        self._wide(0xED2D, 0x8B10)

    def vpop(self) -> None:
        """Pops q4 … q7."""
        self._wide(0xECBD, 0x8B10)

    # Doubles.

    def vmov_single(self, s: int, n: int) -> None:
        """The single s = the bits of a general register; s is even."""
        self._wide(0xEE00 | _even(s) >> 1, n << 12 | 0x0A10)

    def vcvt(self, d: int, s: int) -> None:
        """d = the single s as a double."""
        self._wide(0xEEB7, d << 12 | 0x0AC0 | _even(s) >> 1)

    def vmul(self, d: int, n: int, m: int) -> None:
        """d = n * m."""
        self._wide(0xEE20 | n, d << 12 | 0x0B00 | m)

    def vdiv(self, d: int, n: int, m: int) -> None:
        """d = n / m."""
        self._wide(0xEE80 | n, d << 12 | 0x0B00 | m)

    def vmov_double(self, lower: int, upper: int, d: int) -> None:
        """The words of a double into general registers."""
        self._wide(0xEC50 | upper, lower << 12 | 0x0B10 | d)


def _even(register: int) -> int:
    if register & 1:
        raise GalagoError("native.operand", f"expected an even register, got {register}")
    return register


def _loop(opcode: int, distance: int) -> bytes:
    """A loop's first or last instruction; `distance` counts bytes from the instruction after it."""
    halves = unsigned(distance, 12) >> 1
    lower = 0xC001 | (halves & 1) << 11 | halves >> 1 << 1
    return opcode.to_bytes(2, "little") + lower.to_bytes(2, "little")
