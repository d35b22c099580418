# SPDX-License-Identifier: MIT
"""Kernels compiled from the device package's own viper kernels, for operators without a hand-made one.

    code = viper.code("mean", "armv7emsp")

`run` of such a file (of one in in_place.py, the one that is there) must be a single call of a viper
function, whose arguments are numbers, `at`, `first`, `last`, `net.plan`, `net.arena`, `net.model`,
`*net.second(at)` and constants of the module: the words of a kernel's call stand for these.
"""

import ast
import functools
from collections.abc import Sequence

from galago.native import compiler
from galago.native.compiler.ir import Value
from galago.native.compiler.runtime import Runtime
from galago.native.compiler.ssa import Builder
from galago.native.kernels import in_place
from galago.resources import firmware_dir

_WORDS = {"net.plan": 0, "net.arena": 1, "net.second": 2, "net.model": 2, "first": 3, "last": 4}
"""What arguments stand for → the word of a kernel's call."""
_ITEMS = 3  # the word of an array object that is the address of its items
_TABLE = 1  # the index of mp_fun_table among the objects of a kernels.mpy: LAYERS comes first
_DONE = 1  # the small int 0


@functools.cache
def code(name: str, arch: str) -> bytes | None:
    """The machine code of a file in `kernels` of the device package; None if it does more than a call.

    None, too, for an architecture that the compiler has no target for.
    """
    path = firmware_dir() / f"mobilenet/tflite/kernels/{name}.py"
    text = path.read_text(encoding="utf-8") + in_place.SOURCES.get(name, "")
    called = _called(text)
    if called is None or arch not in compiler.TARGETS:
        return None
    module = compiler.parse(text, path)
    arguments = [each for argument in called.args for each in _arguments(argument, module)]
    if any(argument is None for argument in arguments):
        return None
    given = [argument for argument in arguments if argument is not None]
    return _compile(module, ast.unparse(called.func), given, arch)


@functools.cache
def table(name: str, arch: str) -> bytes:
    """The machine code of `scales` or `biases`, for generators that have none of their own."""
    module = compiler.read(firmware_dir() / "mobilenet/tflite/kernels/conv_2d.py")
    given = [0, 0, "net.plan", 0, "net.arena", "net.model", 0, ("scales", "biases").index(name)]
    return _compile(module, "entries", given, arch)


def _compile(module: compiler.Module, function: str, given: Sequence[int | str | bytes], arch: str) -> bytes:
    return compiler.compile_function(module, function, arch, lambda build: _KernelCall(build, given))


def _called(text: str) -> ast.Call | None:
    """The only statement of the last `run` after its docstring, if it is a call."""
    runs = [n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef) and n.name == "run"]
    _, *statements = runs[-1].body
    if len(statements) != 1 or not isinstance(statements[0], ast.Expr):
        return None
    value = statements[0].value
    return value if isinstance(value, ast.Call) else None


def _arguments(node: ast.expr, module: compiler.Module) -> list[int | str | bytes | None]:
    """A number, the name of a word of the call, or constant bytes; None for anything else."""
    text = ast.unparse(node)
    if text == "at":  # RECORD is the address of the record itself
        return [0]
    if text == "*net.second(at)":  # WEIGHTS is the address of the item itself
        return ["net.second", 0]
    return [text if text in _WORDS else compiler.evaluate(node, module.constants)]


class _KernelCall(Runtime):
    """The convention of kernels (__init__.py); what it inherits finds MicroPython's functions."""

    def __init__(self, build: Builder, arguments: Sequence[int | str | bytes]) -> None:
        super().__init__(build)
        self._given = arguments

    def begin(self, parameters: int) -> None:
        """Finds the words of the call."""
        function, _, _, arguments = self.entries()
        self.find_table(function, _TABLE)
        self._block = self.word(self.word(arguments, 0), _ITEMS)

    def argument(self, index: int) -> Value:
        """A word of the call, or a constant."""
        given = self._given[index]
        if isinstance(given, bytes):
            return self.build.emit("data", data=given)
        if isinstance(given, int):
            return self.build.constant(given)
        return self.word(self._block, _WORDS[given])

    def from_object(self, value: Value, kind: str) -> Value:
        """The arguments are words already."""
        return value

    def none(self) -> Value:
        """The result is an object."""
        return self.build.constant(_DONE)
