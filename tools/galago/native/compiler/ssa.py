# SPDX-License-Identifier: MIT
"""Builds a function in SSA form while its source is read, without a detour over other forms.

The algorithm is that of Braun and others, "Simple and Efficient Construction of Static Single Assignment
Form" (CC 2013): a block that lacks a definition asks its predecessors. A block is sealed when all of them are
known; until then, reading a variable leaves a phi that is completed later. fold.py removes phis of one value.
"""

from collections.abc import Hashable

from galago.native.compiler.ir import Block, Function, Value


class Builder:
    """Appends values to the current block. `block` is None where the code cannot be reached."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.block = Block("entry")
        function.blocks.append(self.block)
        self.reachable = True
        self._definitions: dict[tuple[Hashable, Block], Value] = {}
        self._incomplete: dict[Block, list[tuple[Hashable, Value]]] = {}

    def emit(self, op: str, *args: Value, number: int = 0, data: bytes = b"") -> Value:
        """Appends a value to the current block."""
        value = Value(op, list(args), number=number, data=data)
        if self.reachable:
            self.block.values.append(value)
        return value

    def constant(self, number: int) -> Value:
        """A constant."""
        return self.function.constant(number)

    # Blocks.

    def new(self, name: str, sealed: bool = True) -> Block:
        """A block that is not yet in the code; one that is not `sealed` gets more predecessors later."""
        block = Block(f"{name}.{len(self.function.blocks)}")
        if not sealed:
            self._incomplete[block] = []
        return block

    def start(self, block: Block) -> None:
        """Makes a block the current one and places it in the code; unreachable if nothing leads to it."""
        self.block = block
        self.reachable = bool(block.predecessors)
        if self.reachable:
            block.name = f"{block.name.split('.')[0]}.{len(self.function.blocks)}"
            self.function.blocks.append(block)

    def jump(self, target: Block) -> None:
        """Ends the current block."""
        self._finish(Value("jump"), target)

    def branch(self, relation: str, left: Value, right: Value, then: Block, other: Block) -> None:
        """Ends the current block with a comparison."""
        self._finish(Value("branch", [left, right], relation=relation), then, other)

    def leave(self, result: Value) -> None:
        """Returns an object."""
        self._finish(Value("return", [result]))

    def _finish(self, end: Value, *targets: Block) -> None:
        if self.reachable:
            end.targets = list(targets)
            self.block.values.append(end)
            for target in targets:
                target.predecessors.append(self.block)
        self.reachable = False

    def seal(self, block: Block) -> None:
        """All predecessors of a block are known: completes its phis."""
        for variable, phi in self._incomplete.pop(block):
            self._operands(variable, phi, block)

    # Variables.

    def write(self, variable: Hashable, value: Value) -> None:
        """The variable has this value from here on."""
        self._definitions[variable, self.block] = value

    def read(self, variable: Hashable) -> Value:
        """The variable's value here; an `undefined` one on a way that does not set it."""
        return self._read(variable, self.block)

    def _read(self, variable: Hashable, block: Block) -> Value:
        known = self._definitions.get((variable, block))
        if known:
            return known
        if block in self._incomplete:
            value = self._phi(block)
            self._incomplete[block].append((variable, value))
        elif len(block.predecessors) == 1:
            value = self._read(variable, block.predecessors[0])
        elif block.predecessors:
            value = self._phi(block)
            self._definitions[variable, block] = value  # ends the search in loops
            self._operands(variable, value, block)
        else:
            value = Value("undefined")
        self._definitions[variable, block] = value
        return value

    @staticmethod
    def _phi(block: Block) -> Value:
        phi = Value("phi")
        block.values.insert(0, phi)
        return phi

    def _operands(self, variable: Hashable, phi: Value, block: Block) -> None:
        phi.args = [self._read(variable, before) for before in block.predecessors]
