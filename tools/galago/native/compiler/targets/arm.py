# SPDX-License-Identifier: MIT
"""What ARMv6-M and Thumb-2 have in common: moves between registers and the stack, and calls."""

from galago.native.assemblers.thumb import SP, Thumb
from galago.native.compiler.code import Operation
from galago.native.compiler.target import Target, registers


class ArmTarget(Target):
    """The operations that both kinds of Thumb encode alike."""

    def move(self, code: Thumb, d: int, a: int) -> None:
        """Copies a register to another one."""
        code.mov(d, a)

    def _op_reload(self, code: Thumb, operation: Operation) -> None:
        (d,) = registers(operation)
        code.ldr(d, SP, 4 * operation.number)

    def _op_spill(self, code: Thumb, operation: Operation) -> None:
        (source,) = registers(operation)
        code.str_(source, SP, 4 * operation.number)

    def _op_call(self, code: Thumb, operation: Operation) -> None:
        code.blx(*registers(operation))
