# SPDX-License-Identifier: MIT
"""What a compiled function asks of MicroPython: its arguments as words, its result as an object.

MicroPython calls machine code of a .mpy as `fun(self, n_args, n_kw, args)` (py/emitglue.c). `self` leads to
mp_fun_table, as the code that viper's own emitter writes finds it: the context at word 1, its object table at
word 3, whose item 0 is the table (py/nativeglue.h). So a compiled function takes what its viper source takes,
and raises the same errors for other arguments.
"""

from galago.native.compiler.ir import Value
from galago.native.compiler.ssa import Builder

# Entries of mp_fun_table.
_NONE, _FROM_OBJECT, _TO_OBJECT, _CHECK_ARGUMENTS = 0, 3, 4, 44
_KINDS = {"bool": 1, "int": 2, "uint": 3, "ptr": 4, "ptr8": 5, "ptr16": 6, "ptr32": 7}  # MP_NATIVE_TYPE_*
_SELF, _COUNT, _KEYWORDS, _ARGUMENTS = range(4)
ENTRIES = 4
"""Registers of the call."""


class Runtime:
    """Emits these calls with a Builder."""

    def __init__(self, build: Builder) -> None:
        self.build = build
        self._arguments = self._from_object = Value("undefined")

    def entries(self) -> list[Value]:
        """The registers of the call."""
        return [self.build.emit("entry", number=number) for number in range(ENTRIES)]

    def find_table(self, function: Value, index: int = 0) -> None:
        """Finds mp_fun_table, from its index in the object table: constants of the module come first."""
        self.build.function.table = self.word(self.word(self.word(function, 1), 3), index)

    def word(self, base: Value, index: int) -> Value:
        """Loads a word."""
        size = self.build.function.word // 8
        return self.build.emit(f"load{8 * size}", base, number=index * size)

    def begin(self, parameters: int) -> None:
        """Checks the number of arguments: another one raises TypeError."""
        build = self.build
        entry = self.entries()
        self.find_table(entry[_SELF])
        either = build.emit("xor", entry[_COUNT], build.constant(parameters))
        either = build.emit("or", either, entry[_KEYWORDS])
        wrong, right = build.new("wrong"), build.new("right")
        build.branch("ne", either, build.constant(0), wrong, right)
        build.start(wrong)
        signature = build.constant(parameters << 17 | parameters << 1)  # MP_OBJ_FUN_MAKE_SIG
        self._call(_CHECK_ARGUMENTS, entry[_COUNT], entry[_KEYWORDS], signature)
        build.jump(right)
        build.start(right)
        self._arguments = entry[_ARGUMENTS]
        self._from_object = self.word(self.build.function.table, _FROM_OBJECT)

    def argument(self, index: int) -> Value:
        """An argument, as an object."""
        return self.word(self._arguments, index)

    def from_object(self, value: Value, kind: str) -> Value:
        """The word of an object: an int's value, a buffer's address."""
        return self.build.emit("call", self._from_object, value, self.build.constant(_KINDS[kind]))

    def to_object(self, value: Value, kind: str) -> Value:
        """The object of a word."""
        return self._call(_TO_OBJECT, value, self.build.constant(_KINDS[kind]))

    def none(self) -> Value:
        """The object None."""
        return self.word(self.build.function.table, _NONE)

    def _call(self, entry: int, *arguments: Value) -> Value:
        return self.build.emit("call", self.word(self.build.function.table, entry), *arguments)
