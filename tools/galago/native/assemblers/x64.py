# SPDX-License-Identifier: MIT
"""An assembler for the part of x86-64 with SSE2 that kernels of the emulated board use.

    from galago.native.assemblers.x64 import RAX, RDI, X64

    code = X64()
    code.mov(RAX, RDI)
    code.ret()
    code.finish()

Operands come as in Intel's syntax, the destination first; an address is Memory(base, offset). Registers are
64 bits wide unless the method's name says otherwise; arithmetic on 32 bits clears the upper half.
"""

from dataclasses import dataclass

from galago.errors import GalagoError
from galago.native.assemblers.base import Assembler, signed, unsigned

RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 = range(16)
XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7 = range(8)


@dataclass(frozen=True)
class Memory:
    """The memory at base + offset."""

    base: int
    offset: int = 0


Operand = int | Memory  # a register or what lies in memory


class X64(Assembler):
    """x86-64. Operands are as in Intel's syntax; jumps have 32-bit offsets."""

    def mov(self, to: Operand, source: Operand) -> None:
        """Copies 64 bits."""
        if isinstance(to, Memory):
            self._wide(b"\x89", _register(source), to)
        else:
            self._wide(b"\x8b", to, source)

    def movi(self, to: int, value: int) -> None:
        """Loads a signed constant of 32 bits."""
        self._wide(b"\xc7", 0, to)
        self._number(value)

    def mov8(self, to: Memory, source: int) -> None:
        """Stores the lowest byte."""
        self._plain(b"\x88", source, to, byte=True)

    def movzx8(self, to: int, source: Memory) -> None:
        """Loads an unsigned byte."""
        self._plain(b"\x0f\xb6", to, source)

    def movsx8(self, to: int, source: Memory) -> None:
        """Loads a signed byte."""
        self._wide(b"\x0f\xbe", to, source)

    def movsxd(self, to: int, source: Operand) -> None:
        """Loads a signed number of 32 bits."""
        self._wide(b"\x63", to, source)

    def mov16(self, to: Memory, source: int) -> None:
        """Stores 16 bits."""
        self.code.append(0x66)
        self._plain(b"\x89", source, to)

    def lea(self, to: int, source: Memory) -> None:
        """Computes an address."""
        self._wide(b"\x8d", to, source)

    def add(self, to: int, source: Operand) -> None:
        """Adds."""
        self._wide(b"\x03", to, source)

    def sub(self, to: int, source: Operand) -> None:
        """Subtracts."""
        self._wide(b"\x2b", to, source)

    def xor(self, to: int, source: Operand) -> None:
        """Exclusive or."""
        self._wide(b"\x33", to, source)

    def cmp(self, a: int, b: Operand) -> None:
        """Compares."""
        self._wide(b"\x3b", a, b)

    def imul(self, to: int, source: Operand) -> None:
        """Multiplies: the lower 64 bits."""
        self._wide(b"\x0f\xaf", to, source)

    def idiv(self, by: int) -> None:
        """Divides RDX:RAX; quotient in RAX, remainder in RDX."""
        self._wide(b"\xf7", 7, by)

    def cqo(self) -> None:
        """Extends the sign of RAX into RDX."""
        self.code += b"\x48\x99"

    def addi(self, to: int, value: int) -> None:
        """Adds a constant."""
        self._wide(b"\x81", 0, to)
        self._number(value)

    def subi(self, to: int, value: int) -> None:
        """Subtracts a constant."""
        self._wide(b"\x81", 5, to)
        self._number(value)

    def cmpi(self, a: int, value: int) -> None:
        """Compares with a constant."""
        self._wide(b"\x81", 7, a)
        self._number(value)

    def shl(self, to: int, count: int) -> None:
        """Shifts left by a constant."""
        self._wide(b"\xc1", 4, to)
        self.code.append(unsigned(count, 6))

    def sar(self, to: int, count: int) -> None:
        """Shifts right by a constant, filling with the sign."""
        self._wide(b"\xc1", 7, to)
        self.code.append(unsigned(count, 6))

    def sar_cl(self, to: int) -> None:
        """Shifts right by CL, filling with the sign."""
        self._wide(b"\xd3", 7, to)

    def cmovl(self, to: int, source: int) -> None:
        """Copies if the last comparison gave less."""
        self._wide(b"\x0f\x4c", to, source)

    def cmovg(self, to: int, source: int) -> None:
        """Copies if the last comparison gave greater."""
        self._wide(b"\x0f\x4f", to, source)

    def push(self, register: int) -> None:
        """Saves a register on the stack."""
        self.code += bytes([0x41] if register > 7 else []) + bytes([0x50 | register & 7])

    def pop(self, register: int) -> None:
        """Restores a register from the stack."""
        self.code += bytes([0x41] if register > 7 else []) + bytes([0x58 | register & 7])

    # Control.

    def jmp(self, label: str) -> None:
        """Jumps."""
        self.branch(label, lambda offset: b"\xe9" + _relative(offset - 5))

    def je(self, label: str) -> None:
        """Jumps where equal."""
        self._jump(4, label)

    def jne(self, label: str) -> None:
        """Jumps where not equal."""
        self._jump(5, label)

    def jl(self, label: str) -> None:
        """Jumps where less, signed."""
        self._jump(0xC, label)

    def jge(self, label: str) -> None:
        """Jumps where greater or equal, signed."""
        self._jump(0xD, label)

    def ret(self) -> None:
        """Returns."""
        self.code.append(0xC3)

    # SSE2: eight numbers of 16 bits or four of 32 in a register.

    def movd(self, to: int, source: int) -> None:
        """Copies the lowest 32 bits of a vector to a register."""
        self._vector(b"\x66", b"\x7e", source, to)

    def movdqu(self, to: int | Memory, source: int | Memory) -> None:
        """Loads or stores 16 bytes, in any alignment."""
        if isinstance(to, Memory):
            self._vector(b"\xf3", b"\x7f", _register(source), to)
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

    # Formats.

    def _wide(self, opcode: bytes, register: int, other: Operand) -> None:
        self.code += _encode(0x48, b"", opcode, register, other)

    def _plain(self, opcode: bytes, register: int, other: Operand, byte: bool = False) -> None:
        # SIL, DIL and their like have no name without a prefix.
        self.code += _encode(0x40 if byte and register > 3 else 0, b"", opcode, register, other)

    def _vector(self, prefix: bytes, opcode: bytes, register: int, other: Operand) -> None:
        self.code += _encode(0, prefix, b"\x0f" + opcode, register, other)

    def _number(self, value: int) -> None:
        self.code += signed(value, 32).to_bytes(4, "little")

    def _jump(self, condition: int, label: str) -> None:
        self.branch(label, lambda offset: bytes([0x0F, 0x80 | condition]) + _relative(offset - 6))


def _register(operand: Operand) -> int:
    if isinstance(operand, Memory):
        raise GalagoError("native.operand", "expected a register, got a second address")
    return operand


def _relative(offset: int) -> bytes:
    return signed(offset, 32).to_bytes(4, "little")


def _encode(rex: int, prefix: bytes, opcode: bytes, register: int, other: Operand) -> bytes:
    """Prefixes, opcode and operands of one instruction."""
    base = other.base if isinstance(other, Memory) else other
    rex |= (register >> 3) << 2 | base >> 3
    if rex:
        rex |= 0x40
    fields = (register & 7) << 3 | base & 7
    if isinstance(other, int):
        rest = bytes([0xC0 | fields])
    else:
        index = b"\x24" if base & 7 == RSP else b""  # the base RSP, and R12, is named by a further byte
        rest = bytes([0x80 | fields]) + index + _relative(other.offset)
    return prefix + (bytes([rex]) if rex else b"") + opcode + rest
