# SPDX-License-Identifier: MIT
"""Drops loads from the stack, and of constants, whose value is still in a register.

Spilling loads a variable anew for each operation. Once registers are known, it is seen which of them still
hold the value: from an earlier load, or from before it went to the stack. What holds at the end of all blocks
before a block holds at its beginning, unless one of them comes later.
"""

from galago.native.compiler.code import Code, Operation, Section, Variable
from galago.native.compiler.target import Target

_Key = tuple[str, int]
_Held = dict[_Key, Variable]
"""What a variable's register holds: a slot of the stack, or a number."""


def run(code: Code, target: Target) -> None:
    """Removes loads; `code` has registers."""
    before: dict[str, list[Section]] = {section.name: [] for section in code.sections}
    for section in code.sections:
        for name in section.successors:
            before[name].append(section)
    after: dict[str, _Held] = {}
    for section in code.sections:
        held = _common([after.get(each.name, {}) for each in before[section.name]])
        after[section.name] = held
        _section(section, held, target)


def _common(ends: list[_Held]) -> _Held:
    first, *others = ends or [{}]
    return {
        key: variable
        for key, variable in first.items()
        if all(key in other and other[key].register == variable.register for other in others)
    }


def _section(section: Section, held: _Held, target: Target) -> None:
    made: list[Operation] = []
    for number, operation in enumerate(section.operations):
        key = operation.name, operation.number
        loads = operation.name in ("reload", "const")
        if loads and key in held and _replaced(section.operations, number, held[key], target):
            continue
        made.append(operation)
        for register in _changed(operation, target):
            for other in [other for other, variable in held.items() if variable.register == register]:
                del held[other]
        if loads and operation.result:
            held[key] = operation.result
        elif operation.name == "spill":
            held["reload", operation.number] = operation.uses[0]
    section.operations = made


def _changed(operation: Operation, target: Target) -> frozenset[int]:
    """The registers that an operation changes."""
    if operation.name == "call":
        return target.clobbered | {target.result}
    if operation.result:
        return frozenset((operation.result.register,))
    return frozenset((operation.fixed,)) if operation.name == "pass" else frozenset()


def _replaced(operations: list[Operation], number: int, held: Variable, target: Target) -> bool:
    """Lets the one operation that uses a loaded value use `held`; returns whether it can."""
    loaded = operations[number].result
    if not loaded or not loaded.temporary:
        return False
    for operation in operations[number + 1 :]:
        if loaded in operation.uses:
            result = operation.result
            if result and result.register == held.register and loaded in target.apart(operation):
                return False
            operation.operands = [held if each is loaded else each for each in operation.operands]
            return True
        if held.register in _changed(operation, target):
            return False
    return False
