# SPDX-License-Identifier: MIT
"""Makes sums part of loads and stores: a constant as their offset, an index that may be shifted.

What an instruction can hold is the target's to say. An index is used only if that makes the sum itself
superfluous.
"""

from typing import Protocol

from galago.native.compiler import ir
from galago.native.compiler.ir import Function, Value


class Addressing(Protocol):
    """What the instructions of a target can hold."""

    def offset(self, op: str, number: int) -> bool:
        """Whether a load or store has room for an offset."""
        ...

    def index(self, op: str, scale: int) -> bool:
        """Whether a load or store adds an index, shifted left by `scale`."""
        ...


def run(function: Function, target: Addressing) -> None:
    """Changes loads and stores; dead.py then removes the sums."""
    for block in function.blocks:
        block.values = [part for value in block.values for part in _legal(value, function, target)]
    memory = [value for value in function.values() if value.op in ir.LOADS or value.op in ir.STORES]
    for value in memory:
        address = value.args[-1]
        while address.op == "add" and address.args[1].op == "const":
            number = value.number + address.args[1].number
            if not target.offset(value.op, number):
                break
            value.number, address = number, address.args[0]
        value.args[-1] = address
    uses: dict[Value, list[Value]] = {}
    for value in function.values():
        for argument in value.args:
            uses.setdefault(argument, []).append(value)
    for total in list(uses):
        if total.op == "add":
            base, index, scale = _parts(total)
            if all(_may_index(target, user, total, scale) for user in uses[total]):
                for user in uses[total]:
                    user.args[-1:] = [base, index]
                    user.scale = scale


def _legal(value: Value, function: Function, target: Addressing) -> list[Value]:
    """A value, after an addition of its offset where it has no room for that."""
    is_memory = value.op in ir.LOADS or value.op in ir.STORES
    if not is_memory or target.offset(value.op, value.number):
        return [value]
    address = Value("add", [value.args[-1], function.constant(value.number)])
    value.args[-1], value.number = address, 0
    return [address, value]


def _parts(total: Value) -> tuple[Value, Value, int]:
    """Base, index and shift of a sum."""
    for base, other in (total.args, total.args[::-1]):
        if other.op == "shl" and other.args[1].op == "const" and other.args[1].number in (1, 2, 3):
            return base, other.args[0], other.args[1].number
    return total.args[0], total.args[1], 0


def _may_index(target: Addressing, user: Value, total: Value, scale: int) -> bool:
    if user.op not in ir.LOADS and user.op not in ir.STORES:
        return False
    indexed = len(user.args) > (2 if user.op in ir.STORES else 1)
    place = user.args[-1] is total and user.args.count(total) == 1
    constant = any(argument.op == "const" for argument in total.args)
    return place and not indexed and not constant and not user.number and target.index(user.op, scale)
