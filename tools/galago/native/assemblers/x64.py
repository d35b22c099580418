# SPDX-License-Identifier: MIT
"""An assembler for x86-64, as far as kernels of the emulated board use it.

    from galago.native.assemblers.x64 import RAX, RDI, X64

    code = X64()
    code.mov(RAX, RDI)
    code.ret()
    code.finish()

Operands come as in Intel's syntax, the destination first; an address is Memory(base, offset), or
Memory(base, offset, index, shift). Registers are 64 bits wide unless the method's name says otherwise;
writing 32 bits of one clears the rest. Numbers and offsets of one byte get the short form. sse2.py has the
vectors.
"""

from dataclasses import dataclass

from galago.errors import GalagoError
from galago.native.assemblers.base import Assembler, signed, unsigned

RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 = range(16)
B, AE, E, NE, BE, A, L, GE, LE, G = 2, 3, 4, 5, 6, 7, 12, 13, 14, 15
"""Conditions: B, AE, BE and A compare unsigned numbers."""


@dataclass(frozen=True)
class Memory:
    """The memory at base + offset + (index << shift)."""

    base: int
    offset: int = 0
    index: int | None = None  # any register but RSP
    shift: int = 0  # 0 … 3


Operand = int | Memory  # a register or what lies in memory


class X64(Assembler):
    """x86-64."""

    def mov(self, to: Operand, source: Operand) -> None:
        """Copies 64 bits."""
        self._move(0x48, to, source)

    def mov32(self, to: Operand, source: Operand) -> None:
        """Copies 32 bits."""
        self._move(0, to, source)

    def mov16(self, to: Memory, source: int) -> None:
        """Stores 16 bits."""
        self.code += encode(0, b"\x66", b"\x89", source, to)

    def mov8(self, to: Memory, source: int) -> None:
        """Stores the lowest byte."""
        self.code += encode(_byte(source), b"", b"\x88", source, to)

    def movi(self, to: int, value: int) -> None:
        """Loads a signed constant of 32 bits."""
        self._wide(b"\xc7", 0, to)
        self._number(value)

    def movi32(self, to: int, value: int) -> None:
        """Loads an unsigned constant of 32 bits."""
        self.code += _named(0, 0xB8, to) + unsigned(value, 32).to_bytes(4, "little")

    def movabs(self, to: int, value: int) -> None:
        """Loads any constant of 64 bits."""
        self.code += _named(0x48, 0xB8, to) + signed(value, 64).to_bytes(8, "little")

    def movzx8(self, to: int, source: Operand) -> None:
        """Copies an unsigned byte."""
        self.code += encode(_byte(source), b"", b"\x0f\xb6", to, source)

    def movzx16(self, to: int, source: Operand) -> None:
        """Copies an unsigned number of 16 bits."""
        self.code += encode(0, b"", b"\x0f\xb7", to, source)

    def movsx8(self, to: int, source: Operand) -> None:
        """Copies a signed byte."""
        self._wide(b"\x0f\xbe", to, source)

    def movsx16(self, to: int, source: Operand) -> None:
        """Copies a signed number of 16 bits."""
        self._wide(b"\x0f\xbf", to, source)

    def movsxd(self, to: int, source: Operand) -> None:
        """Copies a signed number of 32 bits."""
        self._wide(b"\x63", to, source)

    def lea(self, to: int, source: Memory) -> None:
        """Computes an address."""
        self._wide(b"\x8d", to, source)

    def address(self, to: int, label: str) -> None:
        """Computes the address of a label."""
        start = encode(0x48, b"", b"\x8d", to, RBP)[:2] + bytes([(to & 7) << 3 | 5])
        self.branch(label, lambda distance: start + _bytes(distance - 7, 32))

    # Arithmetic.

    def add(self, to: int, source: Operand) -> None:
        """Adds."""
        self._wide(b"\x03", to, source)

    def sub(self, to: int, source: Operand) -> None:
        """Subtracts."""
        self._wide(b"\x2b", to, source)

    def and_(self, to: int, source: Operand) -> None:
        """And."""
        self._wide(b"\x23", to, source)

    def or_(self, to: int, source: Operand) -> None:
        """Or."""
        self._wide(b"\x0b", to, source)

    def xor(self, to: int, source: Operand) -> None:
        """Exclusive or."""
        self._wide(b"\x33", to, source)

    def xor32(self, to: int, source: int) -> None:
        """Exclusive or of 32 bits: the short way to 0."""
        self.code += encode(0, b"", b"\x33", to, source)

    def cmp(self, a: int, b: Operand) -> None:
        """Compares."""
        self._wide(b"\x3b", a, b)

    def test(self, a: int, b: int) -> None:
        """Compares the common bits with 0."""
        self._wide(b"\x85", b, a)

    def neg(self, to: int) -> None:
        """Changes the sign."""
        self._wide(b"\xf7", 3, to)

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
        self._with_number(0, to, value)

    def ori(self, to: int, value: int) -> None:
        """Or with a constant."""
        self._with_number(1, to, value)

    def andi(self, to: int, value: int) -> None:
        """And with a constant."""
        self._with_number(4, to, value)

    def subi(self, to: int, value: int) -> None:
        """Subtracts a constant."""
        self._with_number(5, to, value)

    def xori(self, to: int, value: int) -> None:
        """Exclusive or with a constant."""
        self._with_number(6, to, value)

    def cmpi(self, a: int, value: int) -> None:
        """Compares with a constant."""
        self._with_number(7, a, value)

    def testi(self, a: int, value: int) -> None:
        """Compares the bits in common with a constant with 0."""
        self._wide(b"\xf7", 0, a)
        self._number(value)

    def imuli(self, to: int, source: Operand, value: int) -> None:
        """Multiplies by a constant."""
        small = -128 <= value < 128
        self._wide(b"\x6b" if small else b"\x69", to, source)
        self.code += _bytes(value, 8 if small else 32)

    def shl(self, to: int, count: int) -> None:
        """Shifts left by a constant."""
        self._wide(b"\xc1", 4, to)
        self.code.append(unsigned(count, 6))

    def shr(self, to: int, count: int) -> None:
        """Shifts right by a constant, filling with zeros."""
        self._wide(b"\xc1", 5, to)
        self.code.append(unsigned(count, 6))

    def sar(self, to: int, count: int) -> None:
        """Shifts right by a constant, filling with the sign."""
        self._wide(b"\xc1", 7, to)
        self.code.append(unsigned(count, 6))

    def shl_cl(self, to: int) -> None:
        """Shifts left by CL, modulo 64."""
        self._wide(b"\xd3", 4, to)

    def shr_cl(self, to: int) -> None:
        """Shifts right by CL, filling with zeros."""
        self._wide(b"\xd3", 5, to)

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
        self.code += _named(0, 0x50, register)

    def pop(self, register: int) -> None:
        """Restores a register from the stack."""
        self.code += _named(0, 0x58, register)

    # Control.

    def jmp(self, label: str) -> None:
        """Jumps."""
        self.branch(label, lambda distance: b"\xe9" + _bytes(distance - 5, 32))

    def jmp8(self, label: str) -> None:
        """Jumps to a label within 126 bytes."""
        self.branch(label, lambda distance: b"\xeb" + _bytes(distance - 2, 8))

    def jcc(self, condition: int, label: str) -> None:
        """Jumps if the last comparison gave this."""
        self.branch(label, lambda distance: bytes([0x0F, 0x80 | condition]) + _bytes(distance - 6, 32))

    def jcc8(self, condition: int, label: str) -> None:
        """The same, to a label within 126 bytes."""
        self.branch(label, lambda distance: bytes([0x70 | condition]) + _bytes(distance - 2, 8))

    def je(self, label: str) -> None:
        """Jumps where equal."""
        self.jcc(E, label)

    def jne(self, label: str) -> None:
        """Jumps where not equal."""
        self.jcc(NE, label)

    def jl(self, label: str) -> None:
        """Jumps where less, signed."""
        self.jcc(L, label)

    def jge(self, label: str) -> None:
        """Jumps where greater or equal, signed."""
        self.jcc(GE, label)

    def call(self, function: int) -> None:
        """Calls the address in a register."""
        self.code += encode(0, b"", b"\xff", 2, function)

    def ret(self) -> None:
        """Returns."""
        self.code.append(0xC3)

    # Formats.

    def _move(self, rex: int, to: Operand, source: Operand) -> None:
        if isinstance(to, Memory):
            self.code += encode(rex, b"", b"\x89", register(source), to)
        else:
            self.code += encode(rex, b"", b"\x8b", to, source)

    def _wide(self, opcode: bytes, register: int, other: Operand) -> None:
        self.code += encode(0x48, b"", opcode, register, other)

    def _with_number(self, operation: int, to: int, value: int) -> None:
        small = -128 <= value < 128
        self._wide(b"\x83" if small else b"\x81", operation, to)
        self.code += _bytes(value, 8 if small else 32)

    def _number(self, value: int) -> None:
        self.code += _bytes(value, 32)


def register(operand: Operand) -> int:
    """The operand, which must be a register."""
    if isinstance(operand, Memory):
        raise GalagoError("native.operand", "expected a register, got a second address")
    return operand


def encode(rex: int, prefix: bytes, opcode: bytes, register: int, other: Operand) -> bytes:
    """Prefixes, opcode and operands of one instruction."""
    base = other.base if isinstance(other, Memory) else other
    rex |= (register >> 3) << 2 | base >> 3
    rest = bytes([0xC0 | (register & 7) << 3 | base & 7])
    if isinstance(other, Memory):
        rex |= (other.index or 0) >> 3 << 1
        rest = _address(register, other)
    if rex:
        rex |= 0x40
    return prefix + (bytes([rex]) if rex else b"") + opcode + rest


def _address(register: int, memory: Memory) -> bytes:
    """The bytes after the opcode that name a register and memory."""
    base = memory.base & 7
    if memory.offset == 0 and base != RBP:  # RBP and R13 without an offset mean something else
        mode, offset = 0, b""
    elif -128 <= memory.offset < 128:
        mode, offset = 0x40, _bytes(memory.offset, 8)
    else:
        mode, offset = 0x80, _bytes(memory.offset, 32)
    mode |= (register & 7) << 3
    if memory.index is None and base != RSP:  # RSP and R12 are named by a further byte
        return bytes([mode | base]) + offset
    if memory.index == RSP or not 0 <= memory.shift <= 3:
        raise GalagoError(
            "native.operand", f"expected an index other than RSP, shifted by 0 … 3, got {memory}"
        )
    index = RSP if memory.index is None else memory.index & 7
    return bytes([mode | RSP, memory.shift << 6 | index << 3 | base]) + offset


def _byte(operand: Operand) -> int:
    """SIL, DIL and their like have no name without a prefix."""
    return 0x40 if isinstance(operand, int) and operand > 3 else 0


def _named(rex: int, opcode: int, register: int) -> bytes:
    """The start of an instruction whose opcode names its register."""
    rex |= 0x41 if register > 7 else 0
    return (bytes([rex]) if rex else b"") + bytes([opcode | register & 7])


def _bytes(value: int, bits: int) -> bytes:
    return signed(value, bits).to_bytes(bits // 8, "little")
