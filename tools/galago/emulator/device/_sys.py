# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportWildcardImportFromLibrary=false
# ruff: noqa: F403
"""`sys` of an emulated board: it names the board, and sys.stdout.buffer passes bytes as they are.

A board turns each line feed that is printed into CR LF, and leaves what is written to stdout.buffer alone.
The Unix port prints both alike, so the latter is marked, and the owner does the rest (process.py).
"""

import io
import sys
from array import array
from collections import namedtuple
from sys import *

_CHUNK = 1024


class _Buffer(io.IOBase):
    def __init__(self, mark):
        self._start = len(mark)
        self._message = bytearray(mark) + bytearray(_CHUNK)

    def write(self, data, *part):
        """As a stream's: write(data), write(data, count) or write(data, offset, count)."""
        if isinstance(data, array):
            data = bytes(data)
        offset = part[0] if len(part) == 2 else 0
        end = min(len(data), offset + part[-1]) if part else len(data)
        data, message, first = memoryview(data), memoryview(self._message), self._start
        for at in range(offset, end, _CHUNK):
            count = min(_CHUNK, end - at)
            message[first : first + count] = data[at : at + count]
            sys.stdout.buffer.write(message[: first + count])
        return end - offset

    def flush(self):
        """Nothing waits."""


class _Stdout(io.IOBase):
    def __init__(self, mark):
        self.buffer = _Buffer(mark)

    def write(self, *arguments):
        return sys.stdout.write(*arguments)

    def flush(self):
        """Nothing waits."""


def install(shape):
    """Make this module `sys`. `shape` is process.py's; its mark starts messages that must not be changed."""
    global stdout, implementation, platform
    stdout = _Stdout(shape["mark"].encode())
    own = sys.implementation
    fields = ["name", "version", "_machine", "_mpy", "_build"]
    named = namedtuple("implementation", fields)  # pyright: ignore[reportUntypedNamedTuple]
    implementation = named(own.name, own.version, shape["machine"], own._mpy, shape["build"])
    if shape["flat"]:
        import _maixpy

        implementation, platform = _maixpy.implementation, "MaixPy"
        extend("os", uname=lambda: _maixpy.uname(shape["machine"]))
    sys.modules["sys"] = sys.modules.pop("_sys")


class _Extended:
    """A built-in module with more in it."""

    def __init__(self, module, more):
        self._module = module
        for name, value in more.items():
            setattr(self, name, value)

    def __getattr__(self, name):
        return getattr(self._module, name)


def extend(name, **more):
    """Give the board's programs a built-in module `name` that has `more`."""
    sys.modules[name] = _Extended(__import__(name), more)  # pyright: ignore[reportArgumentType]


def __getattr__(name):
    # path, argv, ps1 and their like: their values change.
    return getattr(sys, name)
