# SPDX-License-Identifier: MIT
"""Writes the machine code of a function whose variables have registers.

Jumps and branches start in their shortest form. Those that do not reach get the next longer one, and the code
is written again. Constant bytes follow the code.
"""

from galago.native.compiler.code import Code
from galago.native.compiler.target import Target


def emit(code: Code, target: Target) -> bytes:
    """The machine code."""
    saved = _saved(code, target)
    while True:
        data: dict[str, bytes] = {}
        assembler = target.assembler()
        target.begin(assembler, saved, code.slots)
        for section in code.sections:
            assembler.label(section.name)
            for operation in section.operations:
                if operation.data:
                    operation.label = f"data.{operation.data.hex()}"
                    data[operation.label] = operation.data
                if operation.name == "return":
                    target.end(assembler, saved, code.slots)
                    continue
                target.write(assembler, operation)
        target.finish(assembler)
        for label, constant in data.items():
            assembler.code += bytes(-assembler.here % 4)
            assembler.label(label)
            assembler.code += constant
        if not target.lengthen(assembler):
            return assembler.finish()


def _saved(code: Code, target: Target) -> list[int]:
    """The registers that the function changes and must restore."""
    changed = {
        operation.result.register
        for section in code.sections
        for operation in section.operations
        if operation.result
    }
    return sorted(changed - target.clobbered)
