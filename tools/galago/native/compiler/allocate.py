# SPDX-License-Identifier: MIT
"""Linear-scan register allocation (Poletto and Sarkar, 1999), with live ranges that have holes.

Variables get registers in the order in which they become live: a register that is free in all of their
ranges. Where there is none, the cheapest variable is spilled: it lives on the stack, or is a constant that is
loaded anew. An inner loop that only reads it does so through a variable of its own, which is loaded before
the loop and may be spilled in turn. Any other operation uses it through one that is live for that operation
only. Then the scan starts again. A use costs as much as it is estimated to be executed (graph.py).
"""

from galago.errors import GalagoError
from galago.native.compiler.code import Code, Operand, Operation, Range, Section, Variable
from galago.native.compiler.liveness import analyse, overlap
from galago.native.compiler.loops import Loop, inner_loops
from galago.native.compiler.target import Target

_LOADED = 0.5  # the weight of loading a variable of a loop again, relative to that of a load and a store


def run(code: Code, target: Target) -> None:
    """Gives each variable a register, and spills those for which there is none."""
    while True:
        analyse(code, target)
        spilled = _Scan(code, target).run()
        if not spilled:
            return
        definitions, loops = _definitions(code), inner_loops(code)
        for variable in spilled:
            _spill(code, variable, definitions[variable], loops)


class _Scan:
    """One scan."""

    def __init__(self, code: Code, target: Target) -> None:
        self._name = code.name
        self._held: dict[int, list[Variable]] = {register: [] for register in target.registers}
        self._left: dict[int, int] = {}
        """Register → where the last variable that took it ends."""
        self._fixed = _fixed(code, target)
        self._hints = _hints(code, target)
        self._definitions = _definitions(code)
        self._variables = sorted(self._definitions, key=lambda variable: variable.ranges[0])

    def run(self) -> list[Variable]:
        """Sets the variables' registers; returns those to be spilled."""
        spilled: list[Variable] = []
        for variable in self._variables:
            self._expire(variable.ranges[0][0])
            free = [r for r in self._held if not self._blocked(r, variable) and not self._rivals(r, variable)]
            if free:
                self._take(variable, self._preferred(variable, free))
                continue
            cheapest, victims = self._victims(variable)
            spilled += victims
            if cheapest >= 0:
                for victim in victims:
                    self._held[cheapest].remove(victim)
                self._take(variable, cheapest)
        return spilled

    def _expire(self, position: int) -> None:
        """Forgets variables that are never live again."""
        for variables in self._held.values():
            variables[:] = [variable for variable in variables if variable.ranges[-1][1] > position]

    def _take(self, variable: Variable, register: int) -> None:
        variable.register = register
        self._held[register].append(variable)
        self._left[register] = variable.ranges[-1][1]

    def _blocked(self, register: int, variable: Variable) -> bool:
        return overlap(self._fixed.get(register, []), variable.ranges)

    def _rivals(self, register: int, variable: Variable) -> list[Variable]:
        return [other for other in self._held[register] if overlap(other.ranges, variable.ranges)]

    def _preferred(self, variable: Variable, free: list[int]) -> int:
        for hint in self._hints.get(variable, []):
            register = hint.register if isinstance(hint, Variable) else hint
            if register in free:
                return register
        if variable.temporary:  # so that others hold their values longer: see reuse.py
            return min(free, key=lambda register: self._left.get(register, 0))
        return free[0]

    def _victims(self, variable: Variable) -> tuple[int, list[Variable]]:
        """The register whose variables cost least to spill, and these; or -1 and the variable itself."""
        best, register, victims = self._cost(variable), -1, [variable]
        for other in self._held:
            if not self._blocked(other, variable):
                rivals = self._rivals(other, variable)
                cost = sum(self._cost(rival) for rival in rivals)
                if cost < best:
                    best, register, victims = cost, other, rivals
        if best == float("inf"):
            raise GalagoError(
                "native.registers", f"{self._name}: expected registers for one operation, got too few of them"
            )
        return register, victims

    def _cost(self, variable: Variable) -> float:
        if variable.temporary:
            return float("inf")
        length = sum(end - start for start, end in variable.ranges)
        again = all(operation.name == "reload" for operation in self._definitions[variable])
        return variable.weight * (_LOADED if again else 1) / length


def _definitions(code: Code) -> dict[Variable, list[Operation]]:
    found: dict[Variable, list[Operation]] = {}
    for section in code.sections:
        for operation in section.operations:
            if operation.result:
                found.setdefault(operation.result, []).append(operation)
    return found


def _fixed(code: Code, target: Target) -> dict[int, list[Range]]:
    """Register → where the calling convention takes it."""
    found: dict[int, list[Range]] = {}
    position = 0
    passed: dict[int, int] = {}
    for section in code.sections:
        for operation in section.operations:
            if operation.name == "entry":
                found.setdefault(operation.fixed, []).append((0, position + 1))
            elif operation.name == "pass":
                passed[operation.fixed] = position + 1
            elif operation.name in ("call", "return"):
                for register, start in passed.items():
                    found.setdefault(register, []).append((start, position + 1))
                passed.clear()
                if operation.name == "call":
                    for register in target.clobbered:
                        found.setdefault(register, []).append((position + 1, position + 2))
                    found.setdefault(target.result, []).append((position + 1, position + 3))
            position += 2
    return {register: sorted(ranges) for register, ranges in found.items()}


def _hints(code: Code, target: Target) -> dict[Variable, list[Variable | int]]:
    """Variable → the registers, and the variables whose register, would save a copy."""
    found: dict[Variable, list[Variable | int]] = {}
    in_place = {"copy", *target.tied, *target.shorter}
    for section in code.sections:
        for operation in section.operations:
            if operation.name in ("entry", "result") and operation.result:
                found.setdefault(operation.result, []).append(operation.fixed)
            elif operation.name == "pass" and operation.uses:
                found.setdefault(operation.uses[0], []).append(operation.fixed)
            elif operation.result and operation.uses and operation.name in in_place:
                found.setdefault(operation.result, []).append(operation.uses[0])
                found.setdefault(operation.uses[0], []).append(operation.result)
    return found


def _spill(code: Code, variable: Variable, definitions: list[Operation], loops: list[Loop]) -> None:
    """Moves a variable to the stack; one that is loaded, or is a constant, is loaded where it is used."""
    again = definitions[0] if len(definitions) == 1 and definitions[0].name in ("const", "reload") else None
    if not again:
        again, code.slots = Operation("reload", number=code.slots), code.slots + 1
    if not variable.of_loop:
        for loop in loops:
            _split(loop, variable, again)
    for section in code.sections:
        _rewrite(section, variable, again)


def _split(loop: Loop, variable: Variable, again: Operation) -> None:
    """Gives a loop that only reads the variable one of its own."""
    operations = [operation for section in loop.body for operation in section.operations]
    if any(operation.result is variable for operation in operations):
        return
    users = [operation for operation in operations if variable in operation.uses]
    if users:
        fresh = Variable(f"{variable.name}.loop", of_loop=True)
        for operation in users:
            operation.operands = [fresh if o is variable else o for o in operation.operands]
        loop.before.operations.append(Operation(again.name, fresh, number=again.number))


def _rewrite(section: Section, variable: Variable, again: Operation) -> None:
    made: list[Operation] = []
    for operation in section.operations:
        if operation.result is variable and operation.name == again.name:
            continue
        if variable in operation.uses:
            fresh = Variable(f"{variable.name}.use", temporary=True)
            made.append(Operation(again.name, fresh, number=again.number))
            operands: list[Operand] = [fresh if o is variable else o for o in operation.operands]
            operation.operands = operands
        made.append(operation)
        if operation.result is variable:
            operation.result = fresh = Variable(f"{variable.name}.set", temporary=True)
            made.append(Operation("spill", None, [fresh], number=again.number))
    section.operations = made
