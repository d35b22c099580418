# SPDX-License-Identifier: MIT
"""WebAssembly: a stack machine with structured control flow, for the browser.

    compiled = Compiled()
    compiled.add(module, "area", ["push"])
    compiled.functions["area.push"]             # a Wasm32; the arguments of a call are words
    compiled.data, compiled.end                 # constant bytes → address in memory; the end of all

It has locals instead of registers, which the browser allocates. Blocks, loops and branches follow from the
dominators as in Ramsey, "Beyond Relooper: Recursive Translation of Unstructured Control Flow to
Structured Control Flow" (ICFP 2022): a block that several ways lead to follows the end of a `block` in its
dominator, any other is placed where it is entered. The phis of a block are set on the way to it: all their
values are pushed before the first is popped, so that the order of the copies does not matter.

A value that is used once, in its own block, is computed where it is used, a load only if nothing is stored in
between.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from galago.native.assemblers.wasm32 import Wasm32
from galago.native.compiler import ir
from galago.native.compiler.direct import Direct
from galago.native.compiler.frontend import translate
from galago.native.compiler.graph import Graph
from galago.native.compiler.ir import Block, Function, Value
from galago.native.compiler.passes import address, dead, fold, optimize
from galago.native.compiler.source import Module

LOWEST_ADDRESS = 4096
"""Nothing that a function uses lies below: an address never wraps when an offset is added to it."""

_OPERATIONS = {
    "add": "i32.add", "sub": "i32.sub", "mul": "i32.mul", "and": "i32.and", "or": "i32.or", "xor": "i32.xor",
    "shl": "i32.shl", "sar": "i32.shr_s", "shr": "i32.shr_u", "sdiv": "i32.div_s", "sext8": "i32.extend8_s",
    "sext16": "i32.extend16_s", "load8": "i32.load8_u", "load16": "i32.load16_u", "load32": "i32.load",
    "load8s": "i32.load8_s", "load16s": "i32.load16_s", "store8": "i32.store8", "store16": "i32.store16",
    "store32": "i32.store",
}  # fmt: skip
_RELATIONS = {
    "eq": "i32.eq", "ne": "i32.ne", "lt": "i32.lt_s", "ge": "i32.ge_s", "gt": "i32.gt_s", "le": "i32.le_s",
    "ltu": "i32.lt_u", "geu": "i32.ge_u", "gtu": "i32.gt_u", "leu": "i32.le_u",
}  # fmt: skip


class Addresses:
    """What a load or store holds (passes/address.py)."""

    def offset(self, op: str, number: int) -> bool:
        """An offset from 0 on; WebAssembly does not wrap the sum, so it must be small."""
        return 0 <= number < LOWEST_ADDRESS

    def index(self, op: str, scale: int) -> bool:
        """No index."""
        return False


@dataclass
class Compiled:
    """Functions by name, and the constant bytes that they use, by their addresses."""

    functions: dict[str, Wasm32] = field(default_factory=dict[str, Wasm32])
    data: dict[bytes, int] = field(default_factory=dict[bytes, int])
    end: int = LOWEST_ADDRESS

    def copy(self) -> "Compiled":
        """A copy that may get more functions."""
        return Compiled(dict(self.functions), dict(self.data), self.end)

    def address(self, data: bytes) -> int:
        """The address of constant bytes."""
        if data not in self.data:
            self.data[data] = self.end
            self.end += len(data) + 3 & ~3
        return self.data[data]

    def add(self, module: Module, prefix: str, names: Iterable[str]) -> None:
        """Compiles viper functions of a module; those that they call are inlined.

        Raises GalagoError native.source for what the compiler does not know.
        """
        for name in names:
            _, node = module.functions[name]
            function = translate(module, name, 32, Direct)
            optimize(function, divides=True)
            fold.extend_loads(function)
            address.run(function, Addresses())
            dead.run(function)
            self.functions[f"{prefix}.{name}"] = _Writer(function, len(node.args.args), self).code


class _Writer:
    """Writes a function: `_around` are the blocks and loops around the current place, None for an if."""

    def __init__(self, function: Function, parameters: int, compiled: Compiled) -> None:
        self._compiled = compiled
        self._graph = Graph(function)
        self._place = {block: index for index, block in enumerate(self._graph.order)}
        self._children: dict[Block, list[Block]] = {}
        for block in self._graph.order[1:]:
            self._children.setdefault(self._graph.dominator[block], []).append(block)
        self._inlined = _used_once(function)
        self._locals = {value: value.number for value in function.values() if value.op == "entry"}
        self.code = Wasm32(parameters)
        self._around: list[Block | None] = []
        self._tree(function.blocks[0])
        self.code.op("unreachable")

    # Blocks.

    def _merges(self, block: Block) -> bool:
        """Whether several ways lead forward to a block."""
        ways = [before for before in block.predecessors if self._place[before] < self._place[block]]
        return len(ways) > 1

    def _tree(self, block: Block) -> None:
        """A block and all that it dominates."""
        following = [child for child in self._children.get(block, []) if self._merges(child)]
        if block in self._graph.loops:
            self.code.loop()
            self._around.append(block)
            self._within(block, following)
            self._around.pop()
            self.code.op("end")
        else:
            self._within(block, following)

    def _within(self, block: Block, following: list[Block]) -> None:
        """A block, then those that follow it, each after the end of a `block`."""
        for child in reversed(following):
            self.code.block()
            self._around.append(child)
        self._values(block)
        for child in following:
            self._around.pop()
            self.code.op("end")
            self._tree(child)

    def _values(self, block: Block) -> None:
        for value in block.values[:-1]:
            if value.op in ir.STORES:
                self._push(value.args[1])
                self._push(value.args[0])
                self.code.op(_OPERATIONS[value.op], value.number)
            elif value.op not in ("phi", "entry") and value not in self._inlined:
                self._compute(value)
                self.code.local_set(self._local(value))
        end = block.end
        if end.op == "return":
            self._push(end.args[0])
            self.code.op("return")
        elif end.op == "jump":
            self._go(block, 0)
        else:
            self._branch(block, end)

    def _branch(self, block: Block, end: Value) -> None:
        """Both ways of a branch; a way that only leaves blocks is a br_if."""
        for way, relation in ((0, end.relation), (1, ir.INVERSE[end.relation])):
            if self._leaves(block, way):
                self._compare(end, relation)
                self.code.br_if(self._depth(end.targets[way]))
                self._go(block, 1 - way)
                return
        self._compare(end, end.relation)
        self.code.if_()
        self._around.append(None)
        self._go(block, 0)
        self.code.op("else")
        self._go(block, 1)
        self._around.pop()
        self.code.op("end")

    def _compare(self, end: Value, relation: str) -> None:
        left, right = end.args
        self._push(left)
        if right.op == "const" and right.number == 0 and relation == "eq":
            self.code.op("i32.eqz")
        elif right.op != "const" or right.number or relation != "ne":
            self._push(right)
            self.code.op(_RELATIONS[relation])

    def _outside(self, block: Block, target: Block) -> bool:
        """Whether a target is reached by leaving blocks or starting a loop again."""
        return self._place[target] <= self._place[block] or self._merges(target)

    def _leaves(self, block: Block, way: int) -> bool:
        target = block.successors[way]
        return self._outside(block, target) and not any(target.phis())

    def _depth(self, target: Block) -> int:
        return self._around[::-1].index(target)

    def _go(self, block: Block, way: int) -> None:
        """From a block to one of its successors, whose phis are set."""
        target = block.successors[way]
        edges = [i for i, before in enumerate(target.predecessors) if before is block]
        edge = edges[way if len(edges) > 1 else 0]
        phis = [phi for phi in target.phis() if phi.args[edge] is not phi]
        for phi in phis:
            self._push(phi.args[edge])
        for phi in reversed(phis):
            self.code.local_set(self._local(phi))
        if self._outside(block, target):
            self.code.br(self._depth(target))
        else:
            self._tree(target)

    # Values.

    def _local(self, value: Value) -> int:
        if value not in self._locals:
            self._locals[value] = self.code.local()
        return self._locals[value]

    def _push(self, value: Value) -> None:
        if value.op == "const":
            self.code.i32_const(value.number)
        elif value.op == "data":
            self.code.i32_const(self._compiled.address(value.data))
        elif value in self._inlined:
            self._compute(value)
        else:
            self.code.local_get(self._local(value))

    def _compute(self, value: Value) -> None:
        if value.op == "data":
            self._push(value)
            return
        for argument in value.args:
            self._push(argument)
        self.code.op(_OPERATIONS[value.op], value.number)


def _used_once(function: Function) -> set[Value]:
    """The values that are computed where they are used; constant bytes always are."""
    uses = function.uses()
    inlined = {value for value in function.values() if value.op == "data"}
    for block in function.blocks:
        place: dict[Value, int] = {}  # of each value's operands: where they will be computed
        last = len(block.values)
        for target in block.successors:
            for phi in target.phis():
                for before, argument in zip(target.predecessors, phi.args, strict=True):
                    if before is block:
                        place[argument] = last
        stores = [i for i, value in enumerate(block.values) if value.op in ir.STORES]
        for index in range(last - 1, -1, -1):
            value = block.values[index]
            if uses.get(value) == 1 and value in place and (value.op in ir.PURE or value.op in ir.LOADS):
                moved = any(index < store < place[value] for store in stores)
                if value.op in ir.PURE or not moved:
                    inlined.add(value)
            at = place[value] if value in inlined and value in place else index
            for argument in value.args:
                if value.op != "phi":
                    place[argument] = at
    return inlined
