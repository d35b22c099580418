# SPDX-License-Identifier: MIT
"""What ARMv6-M and Thumb-2 have in common: moves between registers and the stack, and calls."""

from typing import Any

from galago.native.assemblers.thumb import SP, Thumb
from galago.native.compiler.code import Operation
from galago.native.compiler.target import Target, registers


class ArmTarget(Target):
    """The operations that both kinds of Thumb encode alike."""

    def _constant(self, code: Any, d: int, number: int) -> None:
        """Writes d = number."""
        raise NotImplementedError

    @staticmethod
    def _move(code: Thumb, d: int, m: int) -> None:
        if d != m:
            code.mov(d, m)

    def _op_reload(self, code: Thumb, operation: Operation) -> None:
        (d,) = registers(operation)
        code.ldr(d, SP, 4 * operation.number)

    def _op_spill(self, code: Thumb, operation: Operation) -> None:
        (source,) = registers(operation)
        code.str_(source, SP, 4 * operation.number)

    def _op_entry(self, code: Thumb, operation: Operation) -> None:
        (result,) = registers(operation)
        self._move(code, result, operation.fixed)

    _op_result = _op_entry

    def _op_pass(self, code: Thumb, operation: Operation) -> None:
        (source,) = registers(operation)
        if isinstance(operation.operands[0], int):
            self._constant(code, operation.fixed, source)
        else:
            self._move(code, operation.fixed, source)

    def _op_call(self, code: Thumb, operation: Operation) -> None:
        code.blx(*registers(operation))
