# SPDX-License-Identifier: MIT
"""The calling convention of code that MicroPython does not call: words in, a word out.

In place of an object, a caller passes the address of its bytes. runtime.py is the convention of a .mpy.
"""

from galago.native.compiler.ir import Value
from galago.native.compiler.ssa import Builder


class Direct:
    """Emits with a Builder what the translation asks of its runtime."""

    def __init__(self, build: Builder) -> None:
        self._build = build

    def begin(self, parameters: int) -> None:
        """Takes the parameters."""
        self._arguments = [self._build.emit("entry", number=number) for number in range(parameters)]

    def argument(self, index: int) -> Value:
        """A parameter."""
        return self._arguments[index]

    def from_object(self, value: Value, kind: str) -> Value:
        """The word of an object is what was passed."""
        return value

    def to_object(self, value: Value, kind: str) -> Value:
        """A result is a word."""
        return value

    def none(self) -> Value:
        """A function that returns nothing returns 0."""
        return self._build.constant(0)
