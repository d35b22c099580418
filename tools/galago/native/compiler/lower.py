# SPDX-License-Identifier: MIT
"""Leaves SSA form: phis become copies at the ends of the preceding blocks, values become variables.

All copies of an edge happen at once, so each source is first copied to a variable of its own. Most copies
disappear when variables are merged (coalesce.py). Constants that an instruction cannot hold become variables
too, set before the outermost loop in which they are used.
"""

from galago.native.compiler import ir
from galago.native.compiler.code import Code, Operand, Operation, Section, Variable
from galago.native.compiler.graph import Graph
from galago.native.compiler.ir import Block, Function, Value
from galago.native.compiler.target import Target


def lower(function: Function, target: Target) -> Code:
    """The function's code, in the order of its blocks."""
    _split_critical_edges(function)
    return _Lowering(function, target).run()


def _split_critical_edges(function: Function) -> None:
    """Gives each edge from a branch to a block with phis a block of its own, for the copies."""
    for block in list(function.blocks):
        for number, following in enumerate(block.successors):
            if len(block.successors) > 1 and any(following.phis()):
                edge = Block(f"{block.name}.edge{number}", [Value("jump", targets=[following])], [block])
                block.end.targets[number] = edge
                following.predecessors[following.predecessors.index(block)] = edge
                function.blocks.insert(function.blocks.index(block) + 1, edge)


class _Lowering:
    def __init__(self, function: Function, target: Target) -> None:
        self._function, self._target = function, target
        self._entries = target.entries or target.arguments
        self._returned = target.result if target.returned is None else target.returned
        self._graph = Graph(function)
        depth, often = self._graph.depth, self._graph.frequencies()
        self._sections = {block: Section(block.name, depth[block], often[block]) for block in function.blocks}
        self._variables: dict[Value, Variable] = {}
        self._constants: dict[tuple[int, Block], Variable] = {}
        self._operations: list[Operation] = []
        self._block = function.blocks[0]

    def run(self) -> Code:
        for block in self._function.blocks:
            self._block = block
            section = self._sections[block]
            self._operations = section.operations
            for value in block.values[:-1]:
                self._value(value)
            self._copies(block)
            self._end(block.end)
        return Code(self._function.name, list(self._sections.values()))

    def _emit(self, name: str, result: Variable | None = None, *operands: Operand) -> Operation:
        operation = Operation(name, result, list(operands))
        self._operations.append(operation)
        return operation

    def _variable(self, value: Value) -> Variable:
        if value not in self._variables:
            self._variables[value] = Variable(f"v{len(self._variables)}")
        return self._variables[value]

    def _operand(self, value: Value, op: str = "", index: int = 0) -> Operand:
        """A variable, or a number that the instruction can hold."""
        if value.op != "const":
            return self._variable(value)
        if op and self._target.immediate(op, index, value.number):
            return value.number
        return self._constant(value.number)

    def _constant(self, number: int) -> Variable:
        outer = [head for head, body in self._graph.loops.items() if self._block in body]
        head = max(outer, key=lambda head: len(self._graph.loops[head]), default=None)
        home = self._graph.preheader(head) if head else None
        if home is None:
            variable = Variable(f"c{number}")
            self._emit("const", variable).number = number
            return variable
        if (number, home) not in self._constants:
            variable = self._constants[number, home] = Variable(f"c{number}")
            self._sections[home].operations.append(Operation("const", variable, number=number))
        return self._constants[number, home]

    def _value(self, value: Value) -> None:
        if value.op == "phi":
            self._variable(value)
        elif value.op == "call":
            self._call(value)
        elif value.op == "entry":
            self._emit("entry", self._variable(value)).fixed = self._entries[value.number]
        else:
            operands = [self._operand(argument, value.op, i) for i, argument in enumerate(value.args)]
            result = None if value.op in ir.EFFECTS else self._variable(value)
            operation = self._emit(value.op, result, *operands)
            operation.number, operation.scale = value.number, value.scale
            operation.relation, operation.data = value.relation, value.data

    def _call(self, value: Value) -> None:
        function, *arguments = value.args
        address = self._operand(function)
        operands = [self._operand(argument, "pass") for argument in arguments]
        for operand, register in zip(operands, self._target.arguments, strict=False):
            self._emit("pass", None, operand).fixed = register
        self._emit("call", None, address)
        self._emit("result", self._variable(value)).fixed = self._target.result

    def _copies(self, block: Block) -> None:
        if len(block.successors) != 1:
            return
        (following,) = block.successors
        index = following.predecessors.index(block)
        pairs: list[tuple[Variable, Variable]] = []
        for phi in following.phis():
            source = Variable(f"{self._variable(phi).name}.in")
            argument = phi.args[index]
            if argument.op == "const":
                self._emit("const", source).number = argument.number
            else:
                self._emit("copy", source, self._variable(argument))
            pairs.append((self._variable(phi), source))
        for result, source in pairs:
            self._emit("copy", result, source)

    def _end(self, end: Value) -> None:
        section = self._sections[self._block]
        section.successors = [target.name for target in end.targets]
        if end.op == "return":
            self._emit("pass", None, self._operand(end.args[0], "pass")).fixed = self._returned
            self._emit("return")
        elif end.op != "jump":
            operands = [self._operand(argument, end.op, i) for i, argument in enumerate(end.args)]
            operation = self._emit(end.op, None, *operands)
            operation.relation, operation.label = end.relation, end.targets[0].name
