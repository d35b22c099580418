# SPDX-License-Identifier: MIT
"""Merges the two variables of a copy where they are never live at the same time, and removes the copy.

Copies in inner loops come first.
"""

from galago.native.compiler.code import Code, Operation, Variable
from galago.native.compiler.liveness import analyse, overlap
from galago.native.compiler.target import Target


def run(code: Code, target: Target) -> None:
    """Merges variables; their ranges are then no longer valid."""
    analyse(code, target)
    merged: dict[Variable, Variable] = {}

    def current(variable: Variable) -> Variable:
        while variable in merged:
            variable = merged[variable]
        return variable

    for _, operation in _copies(code):
        assert operation.result
        result, source = current(operation.result), current(operation.uses[0])
        if result is not source and not overlap(result.ranges, source.ranges):
            source.ranges = sorted(source.ranges + result.ranges)
            merged[result] = source
    for section in code.sections:
        for operation in section.operations:
            if operation.result:
                operation.result = current(operation.result)
            operation.operands = [
                current(operand) if isinstance(operand, Variable) else operand
                for operand in operation.operands
            ]
        section.operations = [operation for operation in section.operations if not _idle(operation)]


def _copies(code: Code) -> list[tuple[int, Operation]]:
    found = [
        (section.depth, operation)
        for section in code.sections
        for operation in section.operations
        if operation.name == "copy"
    ]
    return sorted(found, key=lambda pair: -pair[0])


def _idle(operation: Operation) -> bool:
    return operation.name == "copy" and operation.result is operation.operands[0]
