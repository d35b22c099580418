# SPDX-License-Identifier: MIT
"""RV32IMC: plenty of registers, one form of address, comparisons in the branch itself."""

from galago.native.assemblers.base import Assembler
from galago.native.assemblers.riscv import (
    A0,
    A1,
    A2,
    A3,
    A4,
    A5,
    A6,
    A7,
    RA,
    S0,
    S1,
    S2,
    S3,
    S4,
    S5,
    S6,
    S7,
    S8,
    S9,
    S10,
    S11,
    SP,
    T0,
    T1,
    T2,
    T3,
    T4,
    T5,
    T6,
    Rv32,
)  # fmt: skip
from galago.native.compiler.code import Operation
from galago.native.compiler.target import Target, registers

_REGISTER = {
    "add": "add", "sub": "sub", "mul": "mul", "and": "and_", "or": "or_", "xor": "xor", "shl": "sll",
    "shr": "srl", "sar": "sra", "sdiv": "div",
}  # fmt: skip
_NUMBER = {
    "add": "addi", "and": "andi", "or": "ori", "xor": "xori", "shl": "slli", "shr": "srli", "sar": "srai",
}  # fmt: skip
_LOADS = {"load8": "lbu", "load16": "lhu", "load32": "lw", "load8s": "lb", "load16s": "lh"}
_STORES = {"store8": "sb", "store16": "sh", "store32": "sw"}
_BRANCHES = {"eq": "beq", "ne": "bne", "lt": "blt", "ge": "bge", "ltu": "bltu", "geu": "bgeu"}
_SWAPPED = {"gt": "blt", "le": "bge", "gtu": "bltu", "leu": "bgeu"}
_ARGUMENTS = (A0, A1, A2, A3)
_CLOBBERED = (A0, A1, A2, A3, A4, A5, A6, A7, T0, T1, T2, T3, T4, T5, T6, RA)


class RiscvTarget(Target):
    """All registers but x0, sp, gp and tp; those that compressed instructions can name come first."""

    registers = (
        A0, A1, A2, A3, A4, A5, S0, S1, A6, A7, T0, T1, T2, T3, T4, T5, T6, RA,
        S2, S3, S4, S5, S6, S7, S8, S9, S10, S11,
    )  # fmt: skip
    clobbered = frozenset(_CLOBBERED)
    arguments = _ARGUMENTS
    result = A0
    shorter = frozenset(("add", "sub", "and", "or", "xor", "shl", "shr", "sar"))

    def immediate(self, op: str, index: int, number: int) -> bool:
        """Twelve bits; 0 is a register."""
        if op == "pass" or (number == 0 and op in ("branch", "sub", *_STORES)):
            return True
        if index != 1 or op not in _NUMBER:
            return False
        return 0 < number < 32 if op in ("shl", "shr", "sar") else -2048 <= number < 2048

    def offset(self, op: str, number: int) -> bool:
        """Twelve bits."""
        return -2048 <= number < 2048

    def index(self, op: str, scale: int) -> bool:
        """There is none."""
        return False

    def assembler(self) -> Assembler:
        """An assembler."""
        return Rv32()

    def reaches(self, operation: Operation, distance: int) -> bool:
        """A branch, or one around a jump."""
        return operation.name == "jump" or operation.number > 0 or -4000 < distance < 4000

    def begin(self, code: Rv32, saved: list[int], slots: int) -> None:
        """Keeps the stack aligned to 16 bytes."""
        code.addi(SP, SP, -_frame(saved, slots))
        for index, register in enumerate([*saved, RA]):
            code.sw(register, 4 * (slots + index), SP)

    def end(self, code: Rv32, saved: list[int], slots: int) -> None:
        """Returns."""
        for index, register in enumerate([*saved, RA]):
            code.lw(register, 4 * (slots + index), SP)
        code.addi(SP, SP, _frame(saved, slots))
        code.ret()

    # Arithmetic.

    def _arithmetic(self, code: Rv32, operation: Operation) -> None:
        names = _REGISTER
        if isinstance(operation.operands[1], int) and operation.name in _NUMBER:
            names = _NUMBER
        getattr(code, names[operation.name])(*registers(operation))

    _op_add = _op_sub = _op_mul = _op_and = _op_or = _op_xor = _arithmetic
    _op_shl = _op_shr = _op_sar = _op_sdiv = _arithmetic

    def _op_sext8(self, code: Rv32, operation: Operation) -> None:
        self._extend(code, operation, 24)

    def _op_sext16(self, code: Rv32, operation: Operation) -> None:
        self._extend(code, operation, 16)

    @staticmethod
    def _extend(code: Rv32, operation: Operation, count: int) -> None:
        d, a = registers(operation)
        code.slli(d, a, count)
        code.srai(d, d, count)

    def _op_copy(self, code: Rv32, operation: Operation) -> None:
        code.mv(*registers(operation))

    def constant(self, code: Rv32, d: int, number: int) -> None:
        """Loads a number."""
        code.li(d, number)

    def move(self, code: Rv32, d: int, a: int) -> None:
        """Copies a register to another one."""
        code.mv(d, a)

    def _op_data(self, code: Rv32, operation: Operation) -> None:
        (d,) = registers(operation)
        code.la(d, operation.label)

    # Memory.

    def _access(self, code: Rv32, operation: Operation) -> None:
        name = (_LOADS | _STORES)[operation.name]
        register, base = registers(operation)
        getattr(code, name)(register, operation.number, base)

    _op_load8 = _op_load16 = _op_load32 = _op_load8s = _op_load16s = _access
    _op_store8 = _op_store16 = _op_store32 = _access

    def _op_reload(self, code: Rv32, operation: Operation) -> None:
        (d,) = registers(operation)
        code.lw(d, 4 * operation.number, SP)

    def _op_spill(self, code: Rv32, operation: Operation) -> None:
        (source,) = registers(operation)
        code.sw(source, 4 * operation.number, SP)

    # Control.

    def _op_call(self, code: Rv32, operation: Operation) -> None:
        code.jalr(*registers(operation))

    def _op_jump(self, code: Rv32, operation: Operation) -> None:
        code.j(operation.label)

    def branch(self, code: Rv32, operation: Operation, relation: str, label: str) -> None:
        """Branches to a label that is near if a relation of the operands holds."""
        a, b = registers(operation)  # the number 0 is the register that holds it
        if relation in _SWAPPED:
            getattr(code, _SWAPPED[relation])(b, a, label)
        else:
            getattr(code, _BRANCHES[relation])(a, b, label)


def _frame(saved: list[int], slots: int) -> int:
    return 4 * (len(saved) + 1 + slots) + 15 & -16
