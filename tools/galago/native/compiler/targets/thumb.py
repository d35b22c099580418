# SPDX-License-Identifier: MIT
"""ARMv6-M: Cortex-M0+, with eight registers, two-operand arithmetic and no division.

Constants that no short sequence makes are loaded from behind the code. A function longer than such a load
reaches jumps over a set of them in its middle.
"""

from galago.native.assemblers.base import Assembler
from galago.native.assemblers.thumb import LR, PC, R0, R1, R2, R3, R4, R5, R6, R7, Thumb
from galago.native.compiler.code import Operation
from galago.native.compiler.target import registers
from galago.native.compiler.targets.arm import ArmTarget
from galago.native.compiler.targets.conditions import CONDITIONS, INVERTED, frame, is_mask

_REACH = 900  # bytes from a load to its constant, of 1020
_TWO_OPERANDS = {"and": "ands", "or": "orrs", "xor": "eors", "mul": "muls"}
_SHIFTS = {"shl": "lsls", "shr": "lsrs", "sar": "asrs"}
_LOADS = {"load8": "ldrb", "load16": "ldrh", "load32": "ldr", "load8s": "ldrsb", "load16s": "ldrsh"}
_STORES = {"store8": "strb", "store16": "strh", "store32": "str"}
_SIZES = {"load8": 1, "load16": 2, "load32": 4, "store8": 1, "store16": 2, "store32": 4}


class ThumbWithConstants(Thumb):
    """Thumb that loads constants from memory near the code."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[tuple[int, int | str]] = []  # where they are loaded, and what: a label's distance

    def load(self, d: int, constant: int | str) -> None:
        """d = a number, or the distance of a label from the next instruction but one."""
        self._waiting.append((self.here, constant))
        self.emit(0x4800 | d << 8, 2)  # ldr d, [pc, …], completed in `place`

    @property
    def urgent(self) -> bool:
        """Whether constants must be placed now."""
        return bool(self._waiting) and self.here - self._waiting[0][0] > _REACH

    def place(self) -> None:
        """Puts the waiting constants here."""
        if self.here % 4:
            self.emit(0x46C0, 2)  # nop
        places: dict[int, int] = {}
        for at, constant in self._waiting:
            if isinstance(constant, str):
                self._distance(constant, at + 6)
                place = self.here - 4
            else:
                if constant not in places:
                    places[constant] = self.here
                    self.emit(constant & 0xFFFF_FFFF, 4)
                place = places[constant]
            self.code[at] = place - (at + 4 & ~3) >> 2
        self._waiting.clear()

    def _distance(self, label: str, origin: int) -> None:
        here = self.here
        self.branch(label, lambda distance: (distance + here - origin & 0xFFFF_FFFF).to_bytes(4, "little"))


class ThumbTarget(ArmTarget):
    """Registers r0 … r7."""

    divides = False
    registers = (R0, R1, R2, R3, R4, R5, R6, R7)
    clobbered = frozenset((R0, R1, R2, R3, LR))
    arguments = (R0, R1, R2, R3)
    result = R0
    tied = frozenset((*_TWO_OPERANDS, "shl", "shr", "sar"))

    def immediate(self, op: str, index: int, number: int) -> bool:
        """Mostly eight bits."""
        if op == "pass":
            return True
        if op == "sub" and index == 0:
            return number == 0
        if index != 1:
            return False
        match op:
            case "shl" | "shr" | "sar":
                return 0 < number < 32
            case "add":
                return abs(number) < 256
            case "and":
                return is_mask(number)
            case "xor":
                return number == -1
            case "branch":
                return 0 <= number < 256
            case _:
                return False

    def offset(self, op: str, number: int) -> bool:
        """Five bits, times the size."""
        size = _SIZES.get(op, 0)
        return number == 0 or (size > 0 and number % size == 0 and 0 <= number < 32 * size)

    def index(self, op: str, scale: int) -> bool:
        """A register."""
        return not scale

    def assembler(self) -> Assembler:
        """An assembler."""
        return ThumbWithConstants()

    def reaches(self, operation: Operation, distance: int) -> bool:
        """A branch, then one around a jump, then one around a call, which as a jump reaches everywhere."""
        near = 250 if operation.name != "jump" and not operation.number else 2040
        forms = 1 if operation.name == "jump" else 2
        return -near < distance < near or operation.number >= forms

    def begin(self, code: ThumbWithConstants, saved: list[int], slots: int) -> None:
        """Keeps the stack aligned to 8 bytes."""
        code.push(*saved, LR)
        self._move_stack(code, -frame(saved, slots))

    def end(self, code: ThumbWithConstants, saved: list[int], slots: int) -> None:
        """Returns."""
        self._move_stack(code, frame(saved, slots))
        code.pop(*saved, PC)

    @staticmethod
    def _move_stack(code: Thumb, size: int) -> None:
        if size:
            code.add_sp(size)

    def write(self, code: ThumbWithConstants, operation: Operation) -> None:
        """Places constants in time."""
        if code.urgent:
            after = code.fresh("constants")
            code.b(after)
            code.place()
            code.label(after)
        super().write(code, operation)

    def finish(self, code: ThumbWithConstants) -> None:
        """Places the rest of the constants."""
        code.place()

    # Arithmetic: `d` already holds the first operand in most, see `_start`.

    def _start(self, code: Thumb, operation: Operation) -> tuple[int, int]:
        """Copies the first operand to the result; returns result and second operand."""
        d, a, b = registers(operation)
        if d != a:
            code.mov(d, a)
        return d, b

    def _op_add(self, code: ThumbWithConstants, operation: Operation) -> None:
        d, a, b = registers(operation)
        if not isinstance(operation.operands[1], int):
            code.adds_reg(d, a, b)
            return
        if abs(b) >= 8 and d != a:
            code.mov(d, a)
            a = d
        (code.adds if b >= 0 else code.subs)(d, a, abs(b))

    def _op_sub(self, code: ThumbWithConstants, operation: Operation) -> None:
        d, a, b = registers(operation)
        if isinstance(operation.operands[0], int):
            code.alu("rsbs", d, b)
        else:
            code.subs_reg(d, a, b)

    def _op_and(self, code: ThumbWithConstants, operation: Operation) -> None:
        d, a, b = registers(operation)
        if not isinstance(operation.operands[1], int):
            self._two_operands(code, operation)
        elif b in (0xFF, 0xFFFF):
            (code.uxtb if b == 0xFF else code.uxth)(d, a)
        else:
            code.lsls(d, a, 32 - b.bit_length())
            code.lsrs(d, d, 32 - b.bit_length())

    def _op_xor(self, code: ThumbWithConstants, operation: Operation) -> None:
        if operation.operands[1] == -1:
            d, a, _ = registers(operation)
            code.alu("mvns", d, a)
        else:
            self._two_operands(code, operation)

    def _two_operands(self, code: Thumb, operation: Operation) -> None:
        code.alu(_TWO_OPERANDS[operation.name], *self._start(code, operation))

    _op_or = _op_mul = _two_operands

    def _shift(self, code: Thumb, operation: Operation) -> None:
        name = _SHIFTS[operation.name]
        if isinstance(operation.operands[1], int):
            getattr(code, name)(*registers(operation))
        else:
            code.alu(name, *self._start(code, operation))

    _op_shl = _op_shr = _op_sar = _shift

    def _op_sext8(self, code: ThumbWithConstants, operation: Operation) -> None:
        code.sxtb(*registers(operation))

    def _op_sext16(self, code: ThumbWithConstants, operation: Operation) -> None:
        code.sxth(*registers(operation))

    def _op_copy(self, code: ThumbWithConstants, operation: Operation) -> None:
        code.mov(*registers(operation))

    def constant(self, code: ThumbWithConstants, d: int, number: int) -> None:
        """Loads a number."""
        shift = (number & -number).bit_length() - 1 if number else 0
        if 0 <= number < 256:
            code.movs(d, number)
        elif 0 < number >> shift < 256:
            code.movs(d, number >> shift)
            code.lsls(d, d, shift)
        elif -256 <= number < 0:
            code.movs(d, ~number)
            code.alu("mvns", d, d)
        else:
            code.load(d, number)

    def _op_data(self, code: ThumbWithConstants, operation: Operation) -> None:
        (d,) = registers(operation)
        code.load(d, operation.label)
        code.add_to(d, PC)

    # Memory.

    def _load(self, code: Thumb, operation: Operation) -> None:
        t, n, *index = registers(operation)
        name = _LOADS[operation.name]
        if index:
            code.indexed(name, t, n, *index)
        elif name in ("ldrsb", "ldrsh"):
            (code.ldrb if name == "ldrsb" else code.ldrh)(t, n)
            (code.sxtb if name == "ldrsb" else code.sxth)(t, t)
        else:
            getattr(code, name)(t, n, operation.number)

    _op_load8 = _op_load16 = _op_load32 = _op_load8s = _op_load16s = _load

    def _store(self, code: Thumb, operation: Operation) -> None:
        t, n, *index = registers(operation)
        name = _STORES[operation.name]
        if index:
            code.indexed(name, t, n, *index)
        else:
            {"str": code.str_, "strb": code.strb, "strh": code.strh}[name](t, n, operation.number)

    _op_store8 = _op_store16 = _op_store32 = _store

    # Control.

    def _op_jump(self, code: ThumbWithConstants, operation: Operation) -> None:
        (code.bl if operation.number else code.b)(operation.label)

    def _op_branch(self, code: ThumbWithConstants, operation: Operation) -> None:
        a, b = registers(operation)
        if isinstance(operation.operands[1], int):
            code.cmp(a, b)
        else:
            code.cmp_reg(a, b)
        condition = CONDITIONS[operation.relation]
        if not operation.number:
            code.b_if(condition, operation.label)
            return
        around = code.fresh("around")
        code.b_if(INVERTED[operation.relation], around)
        (code.bl if operation.number > 1 else code.b)(operation.label)
        code.label(around)
