# SPDX-License-Identifier: MIT
"""x86-64, for the emulated board: words of 64 bits, as MicroPython's own viper has them there.

An instruction changes its first operand, so a sum of two others is an address (lea). Shifts by a register
take CL, and a division RDX:RAX: RAX and RCX hold no variables, and a division saves RDX. The calling
convention is System V's.
"""

from galago.native.assemblers import x64
from galago.native.assemblers.base import Assembler
from galago.native.assemblers.x64 import (
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    RAX,
    RBP,
    RBX,
    RCX,
    RDI,
    RDX,
    RSI,
    RSP,
    X64,
    Memory,
)
from galago.native.compiler.code import Operation
from galago.native.compiler.ir import Function, Value
from galago.native.compiler.target import Target, registers

_CONDITIONS = {
    "eq": x64.E, "ne": x64.NE, "lt": x64.L, "ge": x64.GE, "gt": x64.G, "le": x64.LE,
    "ltu": x64.B, "geu": x64.AE, "gtu": x64.A, "leu": x64.BE,
}  # fmt: skip
_REGISTER = {"mul": "imul", "and": "and_", "or": "or_", "xor": "xor"}
_NUMBER = {"and": "andi", "or": "ori", "xor": "xori", "shl": "shl", "shr": "shr", "sar": "sar"}
_MOVED = {0xFF: "movzx8", 0xFFFF: "movzx16", 0xFFFF_FFFF: "mov32"}
"""Masks that a move applies."""
_EXTENDED = {"sext8": "movsx8", "sext16": "movsx16", "sext32": "movsxd"}
_LOADS = {
    "load8": "movzx8", "load16": "movzx16", "load32": "mov32", "load64": "mov",
    "load8s": "movsx8", "load16s": "movsx16",
}  # fmt: skip
_STORES = {"store8": "mov8", "store16": "mov16", "store32": "mov32", "store64": "mov"}
_SHIFTS = ("shl", "shr", "sar")
_NEAR = 115
"""Bytes from the start of a comparison and its branch that the short form of the branch reaches."""


class X64Target(Target):
    """All registers but RSP, RAX and RCX."""

    word = 64
    registers = (RDX, RSI, RDI, R8, R9, R10, R11, RBX, RBP, R12, R13, R14, R15)
    clobbered = frozenset((RAX, RCX, RDX, RSI, RDI, R8, R9, R10, R11))
    arguments = (RDI, RSI, RDX, RCX)
    result = RAX
    shorter = frozenset((*_REGISTER, *_SHIFTS, "add", "sub"))

    def immediate(self, op: str, index: int, number: int) -> bool:
        """32 bits, with their sign."""
        if op == "pass":
            return True
        if index != 1 or op not in (*_REGISTER, *_SHIFTS, "add", "branch", "test"):
            return False
        if op in _SHIFTS:
            return 0 < number < 64
        return _is_short(number) or (op == "and" and number in _MOVED)

    def offset(self, op: str, number: int) -> bool:
        """32 bits, with their sign."""
        return _is_short(number)

    def index(self, op: str, scale: int) -> bool:
        """Shifted by up to 3."""
        return True

    def fuse(self, function: Function) -> None:
        """Finds sums with a shifted operand, signed numbers of 32 bits, and tests of bits."""
        uses = function.uses()
        for value in function.values():
            if value.op == "add":
                _shift_operand(value)
            elif value.op == "sar":
                _extend_word(value)
            elif value.op == "branch" and value.relation in ("eq", "ne"):
                _test_bits(value, uses)

    def assembler(self) -> Assembler:
        """An assembler."""
        return X64()

    def reaches(self, operation: Operation, distance: int) -> bool:
        """Both forms of a jump and of a branch differ in the size of the distance alone."""
        return operation.number > 0 or -_NEAR < distance < _NEAR

    def begin(self, code: X64, saved: list[int], slots: int) -> None:
        """Keeps the stack aligned to 16 bytes; the return address is on it."""
        for register in saved:
            code.push(register)
        if _frame(saved, slots):
            code.subi(RSP, _frame(saved, slots))

    def end(self, code: X64, saved: list[int], slots: int) -> None:
        """Returns."""
        if _frame(saved, slots):
            code.addi(RSP, _frame(saved, slots))
        for register in reversed(saved):
            code.pop(register)
        code.ret()

    def move(self, code: X64, d: int, a: int) -> None:
        """Copies a register to another one."""
        if d != a:
            code.mov(d, a)

    def constant(self, code: X64, d: int, number: int) -> None:
        """Loads a number."""
        if number == 0:
            code.xor32(d, d)
        elif 0 < number < 1 << 32:
            code.movi32(d, number)
        elif _is_short(number):
            code.movi(d, number)
        else:
            code.movabs(d, number)

    # Arithmetic.

    def _op_add(self, code: X64, operation: Operation) -> None:
        d, a, b = registers(operation)
        if isinstance(operation.operands[1], int):
            if d == a:
                code.addi(d, b)
            else:
                code.lea(d, Memory(a, b))
        elif operation.scale or d not in (a, b):
            code.lea(d, Memory(a, 0, b, operation.scale))
        else:
            code.add(d, b if d == a else a)

    def _op_sub(self, code: X64, operation: Operation) -> None:
        d, a, b = registers(operation)
        if d == b:
            code.neg(d)
            code.add(d, a)
        else:
            self.move(code, d, a)
            code.sub(d, b)

    def _commutative(self, code: X64, operation: Operation) -> None:
        d, a, b = registers(operation)
        if not isinstance(operation.operands[1], int):
            other = a if d == b else b
            self.move(code, d, b if d == b else a)
            getattr(code, _REGISTER[operation.name])(d, other)
        elif operation.name == "mul":
            code.imuli(d, a, b)
        elif operation.name == "and" and b in _MOVED:
            getattr(code, _MOVED[b])(d, a)
        else:
            self.move(code, d, a)
            getattr(code, _NUMBER[operation.name])(d, b)

    _op_mul = _op_and = _op_or = _op_xor = _commutative

    def _shift(self, code: X64, operation: Operation) -> None:
        d, a, b = registers(operation)
        if isinstance(operation.operands[1], int):
            self.move(code, d, a)
            getattr(code, operation.name)(d, b)
        else:
            code.mov(RCX, b)  # before d changes, which may be the same register
            self.move(code, d, a)
            getattr(code, f"{operation.name}_cl")(d)

    _op_shl = _op_shr = _op_sar = _shift

    def _op_sdiv(self, code: X64, operation: Operation) -> None:
        d, a, b = registers(operation)
        code.mov(RCX, b)
        code.mov(RAX, a)
        if d != RDX:
            code.push(RDX)
        code.cqo()
        code.idiv(RCX)
        if d != RDX:
            code.pop(RDX)
        code.mov(d, RAX)

    def _extend(self, code: X64, operation: Operation) -> None:
        getattr(code, _EXTENDED[operation.name])(*registers(operation))

    _op_sext8 = _op_sext16 = _op_sext32 = _extend

    def _op_copy(self, code: X64, operation: Operation) -> None:
        self.move(code, *registers(operation))

    def _op_data(self, code: X64, operation: Operation) -> None:
        (d,) = registers(operation)
        code.address(d, operation.label)

    # Memory.

    def _load(self, code: X64, operation: Operation) -> None:
        d, *address = registers(operation)
        getattr(code, _LOADS[operation.name])(d, _memory(operation, address))

    _op_load8 = _op_load16 = _op_load32 = _op_load64 = _op_load8s = _op_load16s = _load

    def _store(self, code: X64, operation: Operation) -> None:
        source, *address = registers(operation)
        getattr(code, _STORES[operation.name])(_memory(operation, address), source)

    _op_store8 = _op_store16 = _op_store32 = _op_store64 = _store

    def _op_reload(self, code: X64, operation: Operation) -> None:
        (d,) = registers(operation)
        code.mov(d, Memory(RSP, 8 * operation.number))

    def _op_spill(self, code: X64, operation: Operation) -> None:
        (source,) = registers(operation)
        code.mov(Memory(RSP, 8 * operation.number), source)

    # Control.

    def _op_call(self, code: X64, operation: Operation) -> None:
        code.call(*registers(operation))

    def _op_jump(self, code: X64, operation: Operation) -> None:
        (code.jmp if operation.number else code.jmp8)(operation.label)

    def _op_branch(self, code: X64, operation: Operation) -> None:
        a, b = registers(operation)
        if not isinstance(operation.operands[1], int):
            code.cmp(a, b)
        elif b == 0:
            code.test(a, a)
        else:
            code.cmpi(a, b)
        self._branch(code, operation)

    def _op_test(self, code: X64, operation: Operation) -> None:
        a, b = registers(operation)
        if isinstance(operation.operands[1], int):
            code.testi(a, b)
        else:
            code.test(a, b)
        self._branch(code, operation)

    @staticmethod
    def _branch(code: X64, operation: Operation) -> None:
        condition = _CONDITIONS[operation.relation]
        (code.jcc if operation.number else code.jcc8)(condition, operation.label)


def _is_short(number: int) -> bool:
    return -(1 << 31) <= number < 1 << 31


def _frame(saved: list[int], slots: int) -> int:
    """Bytes of the stack for slots, and what aligns it after the saved registers and the return address."""
    return 8 * (slots + (len(saved) + 1 + slots) % 2)


def _memory(operation: Operation, address: list[int]) -> Memory:
    base, *index = address
    return Memory(base, operation.number, index[0] if index else None, operation.scale)


def _shift_operand(value: Value) -> None:
    """a + (b << n)."""
    for first, second in (value.args, value.args[::-1]):
        count = second.args[1] if second.op == "shl" else first
        if first.op != "const" and count.op == "const" and count.number in (1, 2, 3):
            value.args, value.scale = [first, second.args[0]], count.number
            return


def _extend_word(value: Value) -> None:
    """x << 32 >> 32."""
    source, count = value.args
    if source.op == "shl" and all(a.op == "const" and a.number == 32 for a in (count, source.args[1])):
        value.op, value.args = "sext32", [source.args[0]]


def _test_bits(value: Value, uses: dict[Value, int]) -> None:
    """A comparison of a & b with 0."""
    both, zero = value.args
    if both.op == "and" and uses[both] == 1 and zero.op == "const" and not zero.number:
        value.op, value.args = "test", list(both.args)
