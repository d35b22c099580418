# SPDX-License-Identifier: MIT
"""Replaces Python's // and % by the processor's division, or by a call of MicroPython's function.

The runtime's mp_small_int_floor_divide (py/smallint.c) adds 1 - d to a negative dividend, for a divisor
d > 0, and -1 - d to others, for d < 0; then C's division, towards 0, gives Python's result. The same without
branches:

    s = (n ^ d) >> 31                   -1 if the signs differ
    q = (n + (s & ((d >> 31 | 1) - d))) / d

Of a divisor that cannot be negative only n's sign counts, and where neither number can be, nothing is added.
The remainder is n - q * d.
"""

from galago.native.compiler import ir
from galago.native.compiler.ir import Function, Value
from galago.native.compiler.passes.width import width

_ENTRIES = {"div": 46, "mod": 47}  # of mp_fun_table


def run(function: Function, divides: bool) -> None:
    """`divides` says whether the processor has a division."""
    for block in function.blocks:
        made: list[Value] = []
        for value in block.values:
            value.args = [ir.resolve(argument) for argument in value.args]
            if value.op in ("div", "mod"):
                expansion = _Expansion(function, made)
                value.same = expansion.result(value) if divides else expansion.call(value)
            else:
                made.append(value)
        block.values = made
    ir.replace_arguments(function)


class _Expansion:
    def __init__(self, function: Function, made: list[Value]) -> None:
        self._function, self._made = function, made

    def _new(self, op: str, *args: Value) -> Value:
        value = Value(op, list(args))
        self._made.append(value)
        return value

    def call(self, value: Value) -> Value:
        """The same from MicroPython."""
        entry = Value("load32", [self._function.table], number=4 * _ENTRIES[value.op])
        self._made.append(entry)
        return self._new("call", entry, *value.args)

    def result(self, value: Value) -> Value:
        """The value that replaces a division."""
        dividend, divisor = value.args
        word, constant = self._function.word, self._function.constant
        if max(width(dividend, word), width(divisor, word)) == word:
            top = constant(word - 1)
            differ, unit = dividend, constant(1)
            if width(divisor, word) == word:
                differ = self._new("xor", dividend, divisor)
                unit = self._new("or", self._new("sar", divisor, top), unit)
            differ = self._new("sar", differ, top)
            more = self._new("and", differ, self._new("sub", unit, divisor))
            quotient = self._new("sdiv", self._new("add", dividend, more), divisor)
        else:
            quotient = self._new("sdiv", dividend, divisor)
        if value.op == "div":
            return quotient
        return self._new("sub", dividend, self._new("mul", quotient, divisor))
