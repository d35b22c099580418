# SPDX-License-Identifier: MIT
"""Moves pure operations on values from outside a loop to the block before it."""

from galago.native.compiler import ir
from galago.native.compiler.graph import Graph
from galago.native.compiler.ir import Block, Function, Value


def run(function: Function) -> None:
    """Inner loops first, so that a value may move out of several."""
    graph = Graph(function)
    homes = {value: block for block in function.blocks for value in block.values}
    for head, body in sorted(graph.loops.items(), key=lambda loop: len(loop[1])):
        before = graph.preheader(head)
        if before:
            for block in graph.order:
                if block in body:
                    _move(block, body, before, homes)


def _move(block: Block, body: set[Block], before: Block, homes: dict[Value, Block]) -> None:
    stay: list[Value] = []
    for value in block.values:
        fixed = all(argument.op == "const" or homes.get(argument) not in body for argument in value.args)
        if value.op in ir.PURE and value.op not in ("div", "mod", "sdiv") and fixed:
            before.values.insert(len(before.values) - 1, value)
            homes[value] = before
        else:
            stay.append(value)
    block.values = stay
