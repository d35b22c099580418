# SPDX-License-Identifier: MIT
"""Connects the blocks: jumps where a block does not fall through to its successor, no blocks without work.

Copies between equal registers are gone by then, so that many blocks of copies are empty, and a branch to one
can go where that one leads.
"""

from galago.native.compiler.code import Code, Operation, Section
from galago.native.compiler.ir import INVERSE


def run(code: Code) -> None:
    """Adds the jumps."""
    for section in code.sections:
        section.operations = [operation for operation in section.operations if not _idle(operation)]
    _skip_empty(code)
    for section, following in zip(code.sections, [*code.sections[1:], None], strict=True):
        if section.successors:
            _connect(section, following.name if following else "")


def _idle(operation: Operation) -> bool:
    if operation.name != "copy" or not operation.result:
        return False
    return operation.result.register == operation.uses[0].register


def _skip_empty(code: Code) -> None:
    forward = {
        section.name: section.successors[0]
        for section in code.sections[1:]
        if not section.operations and len(section.successors) == 1
    }

    def final(name: str) -> str:
        seen: set[str] = set()
        while name in forward and name not in seen:
            seen.add(name)
            name = forward[name]
        return name

    for section in code.sections:
        section.successors = [final(name) for name in section.successors]
    used = {name for section in code.sections for name in section.successors}
    code.sections[1:] = [section for section in code.sections[1:] if section.name in used]


def _connect(section: Section, following: str) -> None:
    *then, other = section.successors
    if then:
        branch = section.operations[-1]
        if then[0] == other:  # both ways lead to the same place
            section.operations.pop()
        elif then[0] == following:
            branch.relation, branch.label = INVERSE[branch.relation], other
            return
        else:
            branch.label = then[0]
    if other != following:
        section.operations.append(Operation("jump", label=other))
