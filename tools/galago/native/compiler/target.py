# SPDX-License-Identifier: MIT
"""What the compiler asks of a processor. targets/ has one module for each.

A target names its registers, says which operands its instructions can hold, and has a method for each
operation that writes instructions to an assembler. `_op_add(code, operation)` writes `add`; the registers
are operation.result.register and so on.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from galago.native.assemblers.base import Assembler
from galago.native.compiler.code import Operation, Variable
from galago.native.compiler.ir import INVERSE, Function


class Target:
    """One instruction set with its calling convention. Registers are numbers of the assembler."""

    word: ClassVar[int] = 32
    divides: ClassVar[bool] = True
    """Whether it has a division; else the runtime divides."""
    registers: ClassVar[Sequence[int]]
    """Those that hold variables, the preferred ones first."""
    clobbered: ClassVar[frozenset[int]]
    """Those that a call changes."""
    arguments: ClassVar[Sequence[int]]
    """Of a call: the first four words."""
    result: ClassVar[int]
    """Of a call."""
    entries: ClassVar[Sequence[int] | None] = None
    """Where the function itself finds its arguments, if not in `arguments`."""
    returned: ClassVar[int | None] = None
    """Where it leaves its result, if not in `result`."""
    tied: ClassVar[frozenset[str]] = frozenset()
    """Operations whose instruction has the result in place of the first operand."""
    shorter: ClassVar[frozenset[str]] = frozenset()
    """Operations whose instruction is shorter if that is so."""

    def immediate(self, op: str, index: int, number: int) -> bool:
        """Whether an operation holds a number as this operand."""
        raise NotImplementedError

    def offset(self, op: str, number: int) -> bool:
        """Whether a load or store has room for an offset."""
        raise NotImplementedError

    def index(self, op: str, scale: int) -> bool:
        """Whether a load or store adds an index, shifted left by `scale`."""
        raise NotImplementedError

    def fuse(self, function: Function) -> None:
        """Replaces operations by those that only this processor has."""

    def apart(self, operation: Operation) -> list[Variable]:
        """Operands that must not share the register of the result."""
        if operation.name in self.tied:
            return operation.uses[1:]
        return []

    def assembler(self) -> Assembler:
        """A new assembler."""
        raise NotImplementedError

    def begin(self, code: Any, saved: list[int], slots: int) -> None:
        """Writes what a function begins with: saves registers, makes room for slots."""
        raise NotImplementedError

    def end(self, code: Any, saved: list[int], slots: int) -> None:
        """Writes what it ends with."""
        raise NotImplementedError

    def finish(self, code: Any) -> None:
        """Writes what follows the code: constants that instructions load."""

    def move(self, code: Any, d: int, a: int) -> None:
        """Copies a register to another one."""
        raise NotImplementedError

    def constant(self, code: Any, d: int, number: int) -> None:
        """Loads a number."""
        raise NotImplementedError

    def branch(self, code: Any, operation: Operation, relation: str, label: str) -> None:
        """Branches to a label that is near if a relation of the operands holds."""
        raise NotImplementedError

    def write(self, code: Any, operation: Operation) -> None:
        """Writes one operation."""
        if operation.name in ("jump", "branch", "test"):
            self._jumps.append((operation, code.here))
        getattr(self, f"_op_{operation.name}")(code, operation)

    def _op_const(self, code: Any, operation: Operation) -> None:
        (d,) = registers(operation)
        self.constant(code, d, operation.number)

    def _op_entry(self, code: Any, operation: Operation) -> None:
        (d,) = registers(operation)
        if d != operation.fixed:
            self.move(code, d, operation.fixed)

    _op_result = _op_entry

    def _op_pass(self, code: Any, operation: Operation) -> None:
        (source,) = registers(operation)
        if isinstance(operation.operands[0], int):
            self.constant(code, operation.fixed, source)
        elif source != operation.fixed:
            self.move(code, operation.fixed, source)

    def _op_branch(self, code: Any, operation: Operation) -> None:
        if not operation.number:
            self.branch(code, operation, operation.relation, operation.label)
            return
        around = code.fresh("around")
        self.branch(code, operation, INVERSE[operation.relation], around)
        code.j(operation.label)
        code.label(around)

    def reaches(self, operation: Operation, distance: int) -> bool:
        """Whether the present form of a jump or branch reaches a label at this distance, in bytes."""
        raise NotImplementedError

    def __init__(self) -> None:
        self._jumps: list[tuple[Operation, int]] = []

    def lengthen(self, code: Assembler) -> bool:
        """Gives jumps and branches that do not reach a longer form; returns whether there were any."""
        short = [o for o, at in self._jumps if not self.reaches(o, code.offset(o.label) - at)]
        for operation in short:
            operation.number += 1
        self._jumps.clear()
        return bool(short)


def registers(operation: Operation) -> list[int]:
    """The registers of the result, if there is one, and of the operands; numbers as they are."""
    found = [operation.result.register] if operation.result else []
    return found + [o if isinstance(o, int) else o.register for o in operation.operands]
