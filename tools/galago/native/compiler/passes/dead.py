# SPDX-License-Identifier: MIT
"""Removes what no effect depends on.

A local that is not set on some way is 0 there, where viper has whatever was in its register.
"""

from galago.native.compiler.ir import EFFECTS, Function, Value, replace_arguments


def run(function: Function) -> None:
    """Removes values, but no blocks."""
    needed: set[Value] = set()
    todo = [value for value in function.values() if value.op in EFFECTS]
    while todo:
        value = todo.pop()
        if value.op == "undefined":
            value.same = function.constant(0)
        elif value not in needed:
            needed.add(value)
            todo += value.args
    for block in function.blocks:
        block.values = [value for value in block.values if value in needed]
    replace_arguments(function)
