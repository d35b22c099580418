# SPDX-License-Identifier: MIT
"""Runs the device's image code in CPython as on a 32-bit board; there is no 32-bit interpreter.

    picture = load("mobilenet.image.picture")           # the module and all it imports

Viper functions compute with 32-bit words that wrap around. Every access through ptr8, ptr16 and ptr32 is
checked against its buffer: an access outside it raises IndexError, where a board would corrupt its memory.
"""

import importlib
import operator
import sys
import time
import types
from typing import Any

from galago.resources import firmware_dir


class Word(int):
    """A signed 32-bit word."""


def _wrapped(exact):
    return Word(exact if -(1 << 31) <= exact < 1 << 31 else (exact + (1 << 31)) % (1 << 32) - (1 << 31))


def _arithmetic(method):
    # int's own method is exact, whatever Word defines; it is called too often to convert operands first.
    return lambda left, right: _wrapped(method(left, right))


for _name in ("add", "sub", "mul", "and", "or", "xor", "lshift", "rshift", "floordiv"):
    for _method in (f"__{_name}__", f"__r{_name}__"):
        setattr(Word, _method, _arithmetic(getattr(int, _method)))
Word.__neg__ = lambda self: 0 - self  # type: ignore[method-assign]


class Pointer:
    """ptr8, ptr16 or ptr32 into a buffer: loads are unsigned (ptr32: signed), stores keep the lower bits."""

    def __init__(self, buffer, code):
        octets = memoryview(buffer).cast("B")
        size = memoryview(b"").cast(code).itemsize
        self.cells: Any = octets[: len(octets) // size * size].cast(code)
        self.bits = 8 * self.cells.itemsize

    def __add__(self, offset):
        """A pointer moved by some bytes; the buffer's end stays where it is."""
        assert self.bits == 8
        if not 0 <= offset <= len(self.cells):  # its end is an address too
            raise IndexError(f"{offset} of {len(self.cells)}")
        return Pointer(self.cells[int(offset) :], "B")

    def _checked(self, index):
        if not 0 <= index < len(self.cells):
            raise IndexError(f"{index} of {len(self.cells)}")
        return int(index)

    def __getitem__(self, index):
        return _wrapped(self.cells[self._checked(index)])

    def __setitem__(self, index, value):
        self.cells[self._checked(index)] = int(value) % (1 << self.bits)


def _pointer(code):
    return lambda buffer: Pointer(buffer.cells if isinstance(buffer, Pointer) else buffer, code)


def _word(value):
    return value if isinstance(value, Pointer) else Word(value)


_NAMES = {"ptr8": _pointer("B"), "ptr16": _pointer("H"), "ptr32": _pointer("I"), "int": _word}


def _viper(function):
    code = function.__code__
    casts = [function.__annotations__[name] for name in code.co_varnames[: code.co_argcount]]
    words = types.FunctionType(code, {**function.__globals__, **_NAMES})

    def call(*arguments):
        words.__globals__.update({**function.__globals__, **_NAMES})
        result = words(*(cast(argument) for cast, argument in zip(casts, arguments, strict=True)))
        return result if result is None or isinstance(result, Pointer) else int(result)

    return call


def load(name):
    """Imports a module of the device package in this way; modules of an earlier call are shared."""
    import builtins

    stub = types.ModuleType("micropython")
    vars(stub).update(const=lambda value: value, viper=_viper, native=lambda function: function)
    timed = types.ModuleType("time")
    vars(timed).update(vars(time), ticks_us=lambda: 0, ticks_diff=operator.sub)
    heap = types.ModuleType("gc")
    vars(heap).update(collect=lambda: 0, mem_free=lambda: 0)
    saved = {name: sys.modules.get(name) for name in ("gc", "micropython", "time")}
    sys.modules.update(gc=heap, micropython=stub, time=timed)
    sys.path.insert(0, str(firmware_dir()))
    for pointer in ("ptr8", "ptr16", "ptr32"):
        setattr(builtins, pointer, _NAMES[pointer])
    try:
        return importlib.import_module(name)
    finally:
        sys.path.pop(0)
        for module, was in saved.items():
            sys.modules.pop(module)
            if was is not None:
                sys.modules[module] = was
        for pointer in ("ptr8", "ptr16", "ptr32"):
            delattr(builtins, pointer)
