# SPDX-License-Identifier: MIT
"""Where each variable is live.

The operation number i reads its operands at position 2 i and writes its result at 2 i + 1. A variable that an
operation reads for the last time may therefore share a register with the result, unless the target keeps them
`apart`.
"""

from bisect import bisect

from galago.native.compiler.code import Code, Range, Section, Variable
from galago.native.compiler.target import Target


def analyse(code: Code, target: Target) -> None:
    """Sets `ranges` and `weight` of all variables."""
    leaving = _live_out(code.sections)
    position = 2 * sum(len(section.operations) for section in code.sections)
    for section in code.sections:
        for operation in section.operations:
            for variable in (operation.result, *operation.uses):
                if variable:
                    variable.ranges, variable.weight = [], 0.0
    for section in reversed(code.sections):
        start = position - 2 * len(section.operations)
        ends = dict.fromkeys(leaving[section.name], position)
        for operation in reversed(section.operations):
            position -= 2
            if operation.result:
                end = ends.pop(operation.result, position + 2)
                operation.result.ranges.append((position + 1, end))
                operation.result.weight += section.often
            apart = target.apart(operation)
            for variable in operation.uses:
                end = position + (2 if variable in apart else 1)
                ends[variable] = max(ends.get(variable, end), end)
                variable.weight += section.often
        for variable, end in ends.items():
            variable.ranges.append((start, end))
        position = start
    for section in code.sections:
        for operation in section.operations:
            for variable in (operation.result, *operation.uses):
                if variable:
                    variable.ranges = _merged(variable.ranges)


def _live_out(sections: list[Section]) -> dict[str, set[Variable]]:
    """Section → the variables that a section after it reads."""
    before: dict[str, set[Variable]] = {section.name: set() for section in sections}
    reads: dict[str, set[Variable]] = {}
    writes: dict[str, set[Variable]] = {}
    for section in sections:
        read, written = reads.setdefault(section.name, set()), writes.setdefault(section.name, set())
        for operation in section.operations:
            read |= set(operation.uses) - written
            if operation.result:
                written.add(operation.result)
    changed = True
    while changed:
        changed = False
        for section in reversed(sections):
            after: set[Variable] = set().union(*(before[name] for name in section.successors))
            new = reads[section.name] | (after - writes[section.name])
            if new != before[section.name]:
                before[section.name] = new
                changed = True
    return {section.name: set().union(*(before[name] for name in section.successors)) for section in sections}


def _merged(ranges: list[Range]) -> list[Range]:
    """Ranges in order, without gaps of no length."""
    merged: list[Range] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def overlap(first: list[Range], second: list[Range]) -> bool:
    """Whether two lists of ranges in order share a position."""
    if not first or not second or first[-1][1] <= second[0][0] or second[-1][1] <= first[0][0]:
        return False
    # The last range of each list that begins no later than the other list may reach into it.
    i = max(0, bisect(first, second[0]) - 1)
    j = max(0, bisect(second, first[i]) - 1)
    while i < len(first) and j < len(second):
        if first[i][0] < second[j][1] and second[j][0] < first[i][1]:
            return True
        if first[i][1] <= second[j][1]:
            i += 1
        else:
            j += 1
    return False
