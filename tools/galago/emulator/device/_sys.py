# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportWildcardImportFromLibrary=false
# ruff: noqa: F403
"""`sys` of an emulated board: it names the board, and sys.stdout.buffer writes raw bytes.

A board turns each printed line feed into CR LF, but not those written to stdout.buffer. The Unix port treats
both alike, so raw bytes are marked, and the owner converts the rest (process.py).
"""

import io
import sys
from array import array
from collections import namedtuple
from sys import *

_CHUNK = 1024
_NO_ARCH = 0x3FF  # of _mpy, version and flags alone


class _Buffer(io.IOBase):
    def __init__(self, mark):
        self._start = len(mark)
        self._message = bytearray(mark) + bytearray(_CHUNK)

    def write(self, data, *part):
        """As streams do: write(data), write(data, count) or write(data, offset, count)."""
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
        """Does nothing: writes are not buffered."""


class _Stdout(io.IOBase):
    def __init__(self, mark):
        self.buffer = _Buffer(mark)

    def write(self, *arguments):
        return sys.stdout.write(*arguments)

    def flush(self):
        """Does nothing: writes are not buffered."""


def install(config):
    """Make this module `sys`. `config` comes from process.py; its mark starts packets of raw bytes."""
    global stdout, implementation, platform
    stdout = _Stdout(config["mark"].encode())
    own = sys.implementation
    fields = ["name", "version", "_machine", "_mpy", "_build", "_kernels", "_emulated"]
    named = namedtuple("implementation", fields)  # pyright: ignore[reportUntypedNamedTuple]
    mpy = own._mpy if config["native"] else own._mpy & _NO_ARCH
    known = (config["machine"], mpy, config["build"], config["kernels"], True)
    implementation = named(own.name, own.version, *known)
    if config["flat"]:
        import _maixpy

        implementation, platform = _maixpy.implementation, "MaixPy"
        extend("os", uname=lambda: _maixpy.uname(config["machine"]))
    sys.modules["sys"] = sys.modules.pop("_sys")


class _Extended:
    """A built-in module with additional members."""

    def __init__(self, module, more):
        self._module = module
        for name, value in more.items():
            setattr(self, name, value)

    def __getattr__(self, name):
        return getattr(self._module, name)


def extend(name, **more):
    """Add members to the built-in module `name`, as seen by the board's programs."""
    sys.modules[name] = _Extended(__import__(name), more)  # pyright: ignore[reportArgumentType]


def __getattr__(name):
    # path, argv, ps1 and the like, whose values change.
    return getattr(sys, name)
