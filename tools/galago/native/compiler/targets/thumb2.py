# SPDX-License-Identifier: MIT
"""Thumb-2: Cortex-M3, M4, M7, M33 and M55 (armv7m, armv7em).

It uses the short form of an instruction where the registers allow it. An operand may be shifted at no cost,
products are added or subtracted in one instruction, and bits are taken out in one: `fuse` finds these.
"""

from galago.native.assemblers.base import Assembler
from galago.native.assemblers.thumb import (
    LR,
    PC,
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R9,
    R10,
    R11,
    R12,
)  # fmt: skip
from galago.native.assemblers.thumb2 import Thumb2, spread
from galago.native.compiler import ir
from galago.native.compiler.code import Operation
from galago.native.compiler.ir import Function, Value
from galago.native.compiler.target import registers
from galago.native.compiler.targets.arm import ArmTarget
from galago.native.compiler.targets.conditions import CONDITIONS, frame, is_mask

_MNEMONICS = {"and": "and", "or": "orr", "xor": "eor", "add": "add", "sub": "sub"}
_SHIFTS = {"shl": "lsl", "shr": "lsr", "sar": "asr"}
_MEMORY = {
    "load8": "ldrb", "load16": "ldrh", "load32": "ldr", "load8s": "ldrsb", "load16s": "ldrsh",
    "store8": "strb", "store16": "strh", "store32": "str",
}  # fmt: skip
_SHORT = {"and": "ands", "or": "orrs", "xor": "eors"}
_MOST_OFFSET = 4095


class Thumb2Target(ArmTarget):
    """Registers r0 … r12 and lr, which every function saves."""

    registers = (R0, R1, R2, R3, R4, R5, R6, R7, R12, LR, R8, R9, R10, R11)
    clobbered = frozenset((R0, R1, R2, R3, R12, LR))
    arguments = (R0, R1, R2, R3)
    result = R0
    shorter = frozenset(("and", "or", "xor", "mul", "shl", "shr", "sar"))

    def immediate(self, op: str, index: int, number: int) -> bool:
        """Numbers that an instruction spreads over a word, or shifts."""
        if op == "pass":
            return True
        if op == "sub" and index == 0:
            return spread(number) is not None
        if index != 1:
            return False
        match op:
            case "shl" | "shr" | "sar":
                return 0 < number < 32
            case "add":
                return abs(number) <= _MOST_OFFSET or _either(number)
            case "and":
                return is_mask(number) or spread(number) is not None or spread(~number) is not None
            case "or" | "test":
                return spread(number) is not None
            case "xor":
                return number == -1 or spread(number) is not None
            case "branch":
                return _either(number)
            case _:
                return False

    def offset(self, op: str, number: int) -> bool:
        """-255 … 4095 bytes."""
        return -255 <= number <= _MOST_OFFSET

    def index(self, op: str, scale: int) -> bool:
        """Shifted by up to 3."""
        return True

    def fuse(self, function: Function) -> None:
        """Finds the operations described above."""
        uses = function.uses()
        for value in function.values():
            if value.op == "and":
                _take_bits(value)
            if value.op in ("add", "sub"):
                _add_product(value, uses)
            if value.op in _MNEMONICS:
                _shift_operand(value)
            if value.op == "branch" and value.relation in ("eq", "ne"):
                _test_bits(value, uses)

    def assembler(self) -> Assembler:
        """An assembler."""
        return Thumb2()

    def reaches(self, operation: Operation, distance: int) -> bool:
        """A jump has two forms; a branch also cbz and cbnz, for registers that are 0."""
        if operation.name == "jump":
            return -2040 < distance < 2040 or operation.number > 0
        if operation.number == 0 and _is_zero_branch(operation):
            return 4 <= distance <= 126
        return -250 < distance < 250 or operation.number > 1

    def begin(self, code: Thumb2, saved: list[int], slots: int) -> None:
        """Keeps the stack aligned to 8 bytes."""
        code.push(*saved, LR)
        if frame(saved, slots):
            code.add_sp(-frame(saved, slots))

    def end(self, code: Thumb2, saved: list[int], slots: int) -> None:
        """Returns."""
        if frame(saved, slots):
            code.add_sp(frame(saved, slots))
        code.pop(*saved, PC)

    # Arithmetic.

    def _op_add(self, code: Thumb2, operation: Operation) -> None:
        d, a, b = registers(operation)
        if isinstance(operation.operands[1], int):
            self._add_number(code, d, a, b)
        elif operation.scale:
            self._shifted(code, operation)
        elif max(d, a, b) < 8:
            code.adds_reg(d, a, b)
        elif d in (a, b):
            code.add_to(d, b if d == a else a)
        else:
            code.combine("add", d, a, b)

    def _add_number(self, code: Thumb2, d: int, a: int, number: int) -> None:
        size = abs(number)
        if max(d, a) < 8 and size < (256 if d == a else 8):
            (code.adds if number >= 0 else code.subs)(d, a, size)
        elif spread(number) is not None:
            code.number("add", d, a, number)
        elif spread(-number) is not None:
            code.number("sub", d, a, -number)
        else:
            code.addw(d, a, number)

    def _op_sub(self, code: Thumb2, operation: Operation) -> None:
        d, a, b = registers(operation)
        if isinstance(operation.operands[0], int):
            code.number("rsb", d, b, a)
        elif operation.scale:
            self._shifted(code, operation)
        elif max(d, a, b) < 8:
            code.subs_reg(d, a, b)
        else:
            code.combine("sub", d, a, b)

    def _op_and(self, code: Thumb2, operation: Operation) -> None:
        d, a, b = registers(operation)
        if not isinstance(operation.operands[1], int):
            self._logical(code, operation)
        elif b in (0xFF, 0xFFFF):
            self._extend(code, "uxtb" if b == 0xFF else "uxth", d, a)
        elif spread(b) is not None:
            code.number("and", d, a, b)
        elif spread(~b) is not None:
            code.number("bic", d, a, ~b)
        else:
            code.ubfx(d, a, 0, b.bit_length())

    def _op_xor(self, code: Thumb2, operation: Operation) -> None:
        if operation.operands[1] == -1:
            d, a, _ = registers(operation)
            code.combine("mvn", d, 0, a)
        else:
            self._logical(code, operation)

    def _logical(self, code: Thumb2, operation: Operation) -> None:
        d, a, b = registers(operation)
        if isinstance(operation.operands[1], int):
            code.number(_MNEMONICS[operation.name], d, a, b)
        elif operation.scale:
            self._shifted(code, operation)
        elif max(d, a, b) < 8 and d in (a, b):
            code.alu(_SHORT[operation.name], d, b if d == a else a)
        else:
            code.combine(_MNEMONICS[operation.name], d, a, b)

    _op_or = _logical

    def _shifted(self, code: Thumb2, operation: Operation) -> None:
        d, a, b = registers(operation)
        code.combine(_MNEMONICS[operation.name], d, a, b, operation.relation, operation.scale)

    def _shift(self, code: Thumb2, operation: Operation) -> None:
        d, a, b = registers(operation)
        name = _SHIFTS[operation.name]
        if not isinstance(operation.operands[1], int):
            if max(d, a, b) < 8 and d == a:
                code.alu(f"{name}s", d, b)
            else:
                {"lsl": code.lsl_reg, "lsr": code.lsr_reg, "asr": code.asr_reg}[name](d, a, b)
        elif max(d, a) < 8:
            {"lsl": code.lsls, "lsr": code.lsrs, "asr": code.asrs}[name](d, a, b)
        else:
            code.combine("mov", d, 0, a, name, b)

    _op_shl = _op_shr = _op_sar = _shift

    def _op_mul(self, code: Thumb2, operation: Operation) -> None:
        d, a, b = registers(operation)
        if max(d, a, b) < 8 and d in (a, b):
            code.muls(d, b if d == a else a)
        else:
            code.mul(d, a, b)

    def _op_mla(self, code: Thumb2, operation: Operation) -> None:
        code.mla(*registers(operation))

    def _op_mls(self, code: Thumb2, operation: Operation) -> None:
        code.mls(*registers(operation))

    def _op_sdiv(self, code: Thumb2, operation: Operation) -> None:
        code.sdiv(*registers(operation))

    def _op_bits(self, code: Thumb2, operation: Operation) -> None:
        d, a = registers(operation)
        code.ubfx(d, a, operation.number, operation.scale)

    def _op_sext8(self, code: Thumb2, operation: Operation) -> None:
        self._extend(code, "sxtb", *registers(operation))

    def _op_sext16(self, code: Thumb2, operation: Operation) -> None:
        self._extend(code, "sxth", *registers(operation))

    def _extend(self, code: Thumb2, name: str, d: int, a: int) -> None:
        if max(d, a) < 8:
            getattr(code, name)(d, a)
        else:
            code.extend(name, d, a)

    def _op_copy(self, code: Thumb2, operation: Operation) -> None:
        code.mov(*registers(operation))

    def constant(self, code: Thumb2, d: int, number: int) -> None:
        """Loads a number."""
        if d < 8 and 0 <= number < 256:
            code.movs(d, number)
        elif spread(number) is not None:
            code.number("mov", d, 0, number)
        elif spread(~number) is not None:
            code.number("mvn", d, 0, ~number)
        else:
            code.load(d, number)

    def _op_data(self, code: Thumb2, operation: Operation) -> None:
        (d,) = registers(operation)
        place = Thumb2()

        def encode(distance: int) -> bytes:
            place.code.clear()
            place.movw(d, max(0, distance - 8))  # from the addition's PC, which is 4 ahead
            place.add_to(d, PC)
            return bytes(place.code)

        code.branch(operation.label, encode)

    # Memory.

    def _memory(self, code: Thumb2, operation: Operation) -> None:
        t, n, *index = registers(operation)
        name = _MEMORY[operation.name]
        if not index:
            getattr(code, "str_" if name == "str" else name)(t, n, operation.number)
        elif not operation.scale and max(t, n, *index) < 8:
            code.indexed(name, t, n, index[0])
        else:
            code.at(name, t, n, index[0], operation.scale)

    _op_load8 = _op_load16 = _op_load32 = _op_load8s = _op_load16s = _memory
    _op_store8 = _op_store16 = _op_store32 = _memory

    # Control.

    def _op_jump(self, code: Thumb2, operation: Operation) -> None:
        (code.bw if operation.number else code.b)(operation.label)

    def _op_branch(self, code: Thumb2, operation: Operation) -> None:
        a, b = registers(operation)
        if not operation.number and _is_zero_branch(operation):
            (code.cbz if operation.relation == "eq" else code.cbnz)(a, operation.label)
            return
        if not isinstance(operation.operands[1], int):
            code.cmp_reg(a, b)
        elif 0 <= b < 256 and a < 8:
            code.cmp(a, b)
        elif spread(b) is not None:
            code.number("cmp", 0, a, b)
        else:
            code.number("cmn", 0, a, -b)
        self._branch(code, operation)

    def _op_test(self, code: Thumb2, operation: Operation) -> None:
        a, b = registers(operation)
        if isinstance(operation.operands[1], int):
            code.number("tst", 0, a, b)
        else:
            code.combine("tst", 0, a, b)
        self._branch(code, operation)

    @staticmethod
    def _branch(code: Thumb2, operation: Operation) -> None:
        condition = CONDITIONS[operation.relation]
        (code.bw_if if operation.number > 1 else code.b_if)(condition, operation.label)


def _either(number: int) -> bool:
    return spread(number) is not None or spread(-number) is not None


def _is_zero_branch(operation: Operation) -> bool:
    if operation.name != "branch" or operation.operands[1] != 0 or operation.relation not in ("eq", "ne"):
        return False
    return registers(operation)[0] < 8


def _take_bits(value: Value) -> None:
    """(x >> k) & mask: one instruction."""
    source, mask = value.args
    if mask.op == "const" and is_mask(mask.number) and source.op == "shr" and source.args[1].op == "const":
        size = mask.number.bit_length()
        if source.args[1].number + size <= 32:
            value.op, value.args = "bits", [source.args[0]]
            value.number, value.scale = source.args[1].number, size


def _add_product(value: Value, uses: dict[Value, int]) -> None:
    """a + b * c and a - b * c."""
    for other, product in (value.args, value.args[::-1]) if value.op == "add" else (value.args,):
        if product.op == "mul" and uses[product] == 1 and other.op != "const":
            value.op = "mla" if value.op == "add" else "mls"
            value.args = [*product.args, other]
            return


def _shift_operand(value: Value) -> None:
    """An operation whose last operand is shifted by a constant."""
    pairs = (value.args, value.args[::-1]) if value.op in ir.COMMUTATIVE else (value.args,)
    for first, second in pairs:
        if second.op in _SHIFTS and second.args[1].op == "const" and first.op != "const":
            number = second.args[1].number
            if 0 < number < 32:
                value.args = [first, second.args[0]]
                value.relation, value.scale = _SHIFTS[second.op], number
                return


def _test_bits(value: Value, uses: dict[Value, int]) -> None:
    """A comparison of a & b with 0."""
    both, zero = value.args
    if both.op == "and" and not both.scale and uses[both] == 1 and zero.op == "const" and not zero.number:
        value.op, value.args = "test", list(both.args)
