# SPDX-License-Identifier: MIT
"""Xtensa with register windows: ESP32, S2, S3.

A call with callx8 moves the window by eight registers: what is in a8 … a15 is lost, a10 … a13 are arguments
and a10 the result; a function finds its arguments in a2 … a5 and leaves its result in a2. So it saves no
register. There are no literals in memory: large constants are put together from small ones.

The code runs in RAM that an ESP32 reads by words alone. `fuse` makes bytes of constant data parts of words.
"""

from galago.native.assemblers.base import Assembler
from galago.native.assemblers.xtensa import (
    A0,
    A2,
    A3,
    A4,
    A5,
    A6,
    A7,
    A8,
    A9,
    A10,
    A11,
    A12,
    A13,
    A14,
    A15,
    SP,
    Xtensa,
)
from galago.native.compiler.code import Operation
from galago.native.compiler.ir import LOADS, STORES, Function, Value
from galago.native.compiler.target import Target, registers
from galago.native.compiler.targets.conditions import is_mask

_REGISTER = {
    "add": "add", "sub": "sub", "mul": "mull", "and": "and_", "or": "or_", "xor": "xor", "sdiv": "quos",
}  # fmt: skip
_MEMORY = {
    "load8": "l8ui", "load16": "l16ui", "load32": "l32i", "load16s": "l16si",
    "store8": "s8i", "store16": "s16i", "store32": "s32i",
}  # fmt: skip
_BRANCHES = {"eq": "beq", "ne": "bne", "lt": "blt", "ge": "bge", "ltu": "bltu", "geu": "bgeu"}
_SWAPPED = {"gt": "blt", "le": "bge", "gtu": "bltu", "leu": "bgeu"}
_NEXT = {"gt": "ge", "le": "lt", "gtu": "geu", "leu": "ltu"}  # x > n is x >= n + 1
_ZERO = {"eq": "beqz", "ne": "bnez", "lt": "bltz", "ge": "bgez"}
_MOST_COMPARED = 7  # with the next one, the numbers that branches hold without a gap
_PARTS = {"load8": ("and", 0xFF), "load16": ("and", 0xFFFF), "load8s": ("sext8", 0), "load16s": ("sext16", 0)}
_SAVE = 32  # bytes at the top of a frame, for registers of windows


class XtensaTarget(Target):
    """All registers but a0 and the stack pointer."""

    registers = (A8, A9, A10, A11, A12, A13, A14, A15, A2, A3, A4, A5, A6, A7)
    clobbered = frozenset((A8, A9, A10, A11, A12, A13, A14, A15))
    arguments = (A10, A11, A12, A13)
    result = A10
    entries = (A2, A3, A4, A5)
    returned = A2

    def immediate(self, op: str, index: int, number: int) -> bool:
        """Few numbers; 0 is stored from nowhere."""
        if op == "pass":
            return -2048 <= number < 2048
        if op == "sub" and index == 0:
            return number == 0
        if index != 1:
            return False
        match op:
            case "add":
                return -128 <= number < 128 or (number % 256 == 0 and -32768 <= number < 32768)
            case "and":
                return is_mask(number) and number < 1 << 16
            case "shl" | "shr" | "sar":
                return 0 < number < 32
            case "branch":
                return 0 <= number <= _MOST_COMPARED
            case _:
                return False

    def offset(self, op: str, number: int) -> bool:
        """255 items, forwards."""
        size = (LOADS | STORES)[op]
        return number % size == 0 and 0 <= number <= 255 * size

    def index(self, op: str, scale: int) -> bool:
        """There is none."""
        return False

    def fuse(self, function: Function) -> None:
        """Adds an operand that is shifted by up to 3, and reads bytes of constant data."""
        for block in function.blocks:
            for value in block.values:
                if value.op == "add":
                    _shift_operand(value)
            block.values = [part for value in block.values for part in _by_word(function, value)]

    def assembler(self) -> Assembler:
        """An assembler."""
        return Xtensa()

    def reaches(self, operation: Operation, distance: int) -> bool:
        """A branch, or one around a jump."""
        zero = operation.operands[1:] == [0] and operation.relation in _ZERO
        most = 2000 if zero else 120
        return operation.name == "jump" or operation.number > 0 or -most < distance < most

    def begin(self, code: Xtensa, saved: list[int], slots: int) -> None:
        """Moves the window; a word behind the slots is for a0."""
        code.entry(4 * slots + 4 + _SAVE + 15 & -16)
        self._spare = 4 * slots

    def end(self, code: Xtensa, saved: list[int], slots: int) -> None:
        """Returns."""
        code.retw()

    # Arithmetic.

    def _op_add(self, code: Xtensa, operation: Operation) -> None:
        d, a, b = registers(operation)
        if operation.scale:
            (code.addx2, code.addx4, code.addx8)[operation.scale - 1](d, b, a)
        elif not isinstance(operation.operands[1], int):
            code.add(d, a, b)
        elif -128 <= b < 128:
            code.addi(d, a, b)
        else:
            code.addmi(d, a, b)

    def _op_sub(self, code: Xtensa, operation: Operation) -> None:
        d, a, b = registers(operation)
        if isinstance(operation.operands[0], int):
            code.neg(d, b)
        else:
            code.sub(d, a, b)

    def _arithmetic(self, code: Xtensa, operation: Operation) -> None:
        getattr(code, _REGISTER[operation.name])(*registers(operation))

    _op_mul = _op_or = _op_xor = _op_sdiv = _arithmetic

    def _op_and(self, code: Xtensa, operation: Operation) -> None:
        d, a, b = registers(operation)
        if isinstance(operation.operands[1], int):
            code.extui(d, a, 0, b.bit_length())
        else:
            code.and_(d, a, b)

    def _op_shl(self, code: Xtensa, operation: Operation) -> None:
        d, a, b = registers(operation)
        if isinstance(operation.operands[1], int):
            code.slli(d, a, b)
        else:
            code.ssl(b)
            code.sll(d, a)

    def _op_shr(self, code: Xtensa, operation: Operation) -> None:
        d, a, b = registers(operation)
        if not isinstance(operation.operands[1], int):
            code.ssr(b)
            code.srl(d, a)
        elif b < 16:
            code.srli(d, a, b)
        else:
            code.extui(d, a, b, 32 - b)

    def _op_sar(self, code: Xtensa, operation: Operation) -> None:
        d, a, b = registers(operation)
        if isinstance(operation.operands[1], int):
            code.srai(d, a, b)
        else:
            code.ssr(b)
            code.sra(d, a)

    def _op_sext8(self, code: Xtensa, operation: Operation) -> None:
        d, a = registers(operation)
        code.sext(d, a, 7)

    def _op_sext16(self, code: Xtensa, operation: Operation) -> None:
        d, a = registers(operation)
        code.sext(d, a, 15)

    def _op_copy(self, code: Xtensa, operation: Operation) -> None:
        code.mov(*registers(operation))

    def _op_data(self, code: Xtensa, operation: Operation) -> None:
        (d,) = registers(operation)
        code.s32i(A0, SP, self._spare)
        code.address(d, operation.label)
        code.l32i(A0, SP, self._spare)

    # Memory.

    def _access(self, code: Xtensa, operation: Operation) -> None:
        getattr(code, _MEMORY[operation.name])(*registers(operation), operation.number)

    _op_load8 = _op_load16 = _op_load32 = _op_load16s = _op_store8 = _op_store16 = _op_store32 = _access

    def _op_load8s(self, code: Xtensa, operation: Operation) -> None:
        d, base = registers(operation)
        code.l8ui(d, base, operation.number)
        code.sext(d, d, 7)

    def _op_reload(self, code: Xtensa, operation: Operation) -> None:
        (d,) = registers(operation)
        code.l32i(d, SP, 4 * operation.number)

    def _op_spill(self, code: Xtensa, operation: Operation) -> None:
        (source,) = registers(operation)
        code.s32i(source, SP, 4 * operation.number)

    # Control.

    def _op_call(self, code: Xtensa, operation: Operation) -> None:
        code.callx8(*registers(operation))

    def _op_jump(self, code: Xtensa, operation: Operation) -> None:
        code.j(operation.label)

    def branch(self, code: Xtensa, operation: Operation, relation: str, label: str) -> None:
        """Branches to a label that is near if a relation of the operands holds."""
        a, b = registers(operation)
        if not isinstance(operation.operands[1], int):
            if relation in _SWAPPED:
                getattr(code, _SWAPPED[relation])(b, a, label)
            else:
                getattr(code, _BRANCHES[relation])(a, b, label)
            return
        if relation in _NEXT:
            relation, b = _NEXT[relation], b + 1
        if relation[-1] == "u" and b < 2:  # there is nothing below 0, and 0 alone below 1
            relation, b = (
                ("ne" if relation == "geu" else "eq", 0) if b else ("always" if relation == "geu" else "", 0)
            )
        if relation == "always":
            code.j(label)
        elif b == 0 and relation in _ZERO:
            getattr(code, _ZERO[relation])(a, label)
        elif relation:
            suffix = "ui" if relation[-1] == "u" else "i"
            getattr(code, f"b{relation.removesuffix('u')}{suffix}")(a, b, label)

    def move(self, code: Xtensa, d: int, a: int) -> None:
        """Copies a register to another one."""
        code.mov(d, a)

    def constant(self, code: Xtensa, d: int, number: int) -> None:
        """Loads a number, in one to six instructions."""
        if -2048 <= number < 2048:
            code.movi(d, number)
            return
        low = (number + 128) % 256 - 128
        middle = (number - low + 0x8000) % 0x10000 - 0x8000
        high = number - low - middle >> 16
        if high:
            lowest = (high + 128) % 256 - 128 if not -2048 <= high < 2048 else 0
            if lowest or not -2048 <= high < 2048:
                code.movi(d, high - lowest >> 8)
                code.slli(d, d, 8)
                if lowest:
                    code.addi(d, d, lowest)
            else:
                code.movi(d, high)
            code.slli(d, d, 16)
            if middle:
                code.addmi(d, d, middle)
        else:
            code.movi(d, middle >> 8)
            code.slli(d, d, 8)
        if low:
            code.addi(d, d, low)


def _shift_operand(value: Value) -> None:
    """Makes the shift of an operand part of an addition."""
    for index, other in enumerate(value.args):
        if other.op == "shl" and other.args[1].op == "const" and other.args[1].number in (1, 2, 3):
            value.args, value.scale = [value.args[1 - index], other.args[0]], other.args[1].number
            return


def _by_word(function: Function, value: Value) -> list[Value]:
    """A load of a byte or half-word of constant data, as one of the word that it is in."""
    if value.op not in _PARTS or not (
        data := next((a for a in _terms(value.args[0]) if a.op == "data"), None)
    ):
        return [value]
    constant, total = function.constant, value.args[0]
    made: list[Value] = []

    def new(op: str, *args: Value) -> Value:
        made.append(Value(op, list(args)))
        return made[-1]

    index = constant(0)
    if total is not data:
        index = next(part for part in total.args if part is not data)
        if total.scale:
            index = new("shl", index, constant(total.scale))
    place = new("add", index, constant(value.number))
    word = new("load32", new("add", data, new("and", place, constant(-4))))
    part = new("shr", word, new("shl", place, constant(3)))  # a shift takes the lowest five bits
    value.op, mask = _PARTS[value.op]
    value.args, value.number = [part, constant(mask)] if mask else [part], 0
    return [*made, value]


def _terms(value: Value) -> list[Value]:
    return value.args if value.op == "add" else [value]
