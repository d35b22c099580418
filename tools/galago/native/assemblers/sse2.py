# SPDX-License-Identifier: MIT
"""An assembler for x86-64 with the part of SSE2 that the hand-made kernels of the emulated board use.

It extends x64.X64. A vector register has eight numbers of 16 bits or four of 32.
"""

from galago.native.assemblers.base import unsigned
from galago.native.assemblers.x64 import X64, Memory, Operand, encode, register

XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7 = range(8)


class Sse2(X64):
    """x86-64 with SSE2."""

    def movd(self, to: int, source: int) -> None:
        """Copies the lowest 32 bits of a vector to a register."""
        self._vector(b"\x66", b"\x7e", source, to)

    def movdqu(self, to: int | Memory, source: int | Memory) -> None:
        """Loads or stores 16 bytes, in any alignment."""
        if isinstance(to, Memory):
            self._vector(b"\xf3", b"\x7f", register(source), to)
        else:
            self._vector(b"\xf3", b"\x6f", to, source)

    def pmaddwd(self, to: int, source: Operand) -> None:
        """Multiplies numbers of 16 bits and adds neighbours."""
        self._vector(b"\x66", b"\xf5", to, source)

    def paddd(self, to: int, source: int) -> None:
        """Adds numbers of 32 bits."""
        self._vector(b"\x66", b"\xfe", to, source)

    def pshufd(self, to: int, source: int, order: int) -> None:
        """Rearranges numbers of 32 bits: two bits of `order` for each."""
        self._vector(b"\x66", b"\x70", to, source)
        self.code.append(unsigned(order, 8))

    def pxor(self, to: int, source: int) -> None:
        """Exclusive or."""
        self._vector(b"\x66", b"\xef", to, source)

    def _vector(self, prefix: bytes, opcode: bytes, register: int, other: Operand) -> None:
        self.code += encode(0, prefix, b"\x0f" + opcode, register, other)
