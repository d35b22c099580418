# SPDX-License-Identifier: MIT
"""Common subexpressions: a pure operation that a dominating block did on the same operands is not repeated.

A load is not repeated within a block as long as nothing was stored or called since the first one; what memory
a store changes is not known.
"""

from galago.native.compiler import ir
from galago.native.compiler.graph import Graph
from galago.native.compiler.ir import Block, Function, Value

_Key = tuple[object, ...]


def run(function: Function) -> None:
    """Replaces equal values."""
    graph = Graph(function)
    known: dict[Block, dict[_Key, Value]] = {}
    for block in graph.order:
        above = known[graph.dominator[block]] if known else {}
        known[block] = seen = dict(above)
        loads: dict[_Key, Value] = {}
        for value in block.values:
            value.args = [ir.resolve(argument) for argument in value.args]
            table = seen if value.op in ir.PURE else loads if value.op in ir.LOADS else None
            if table is not None:
                value.same = table.setdefault(_key(value), value)
                if value.same is value:
                    value.same = None
            elif value.op in ir.STORES or value.op == "call":
                loads.clear()
    ir.replace_arguments(function)


def _key(value: Value) -> _Key:
    operands = [argument.number if argument.op == "const" else id(argument) for argument in value.args]
    kinds = [argument.op == "const" for argument in value.args]
    if value.op in ir.COMMUTATIVE and kinds == [False, False]:
        operands.sort()
    return value.op, *operands, *kinds, value.number, value.scale, value.relation, value.data
