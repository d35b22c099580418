# SPDX-License-Identifier: MIT
"""A program that runs a script with the device package in CPython, for which no MicroPython is needed.

    python -I -S engine_on_cpython.py FIRMWARE < script

It provides what the engine's loader takes from MicroPython: a few names of its modules, viper's pointers, and
a heap that has an end. Integers are those of a machine of 64 bits. Kernels would be far too slow.
"""

import builtins
import functools
import gc
import sys
import time
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

_buffers: list[memoryview] = []
_SPACE = 40  # bits of an address within a buffer
_HEAP = 64 << 20  # bytes


class _Pointer:
    """An address in a buffer: the number of the buffer, then the position of a byte."""

    size = 1

    def __init__(self, source: Any) -> None:
        if isinstance(source, (int, _Pointer)):
            self._address = int(source)
        else:
            _buffers.append(memoryview(source).cast("B"))
            self._address = len(_buffers) - 1 << _SPACE

    def __int__(self) -> int:
        return self._address

    def _bytes(self, index: int) -> memoryview:
        address = self._address + index * self.size
        start = address & (1 << _SPACE) - 1
        found = _buffers[address >> _SPACE][start : start + self.size]
        if len(found) != self.size:
            raise IndexError(f"byte {start} of a buffer")
        return found

    def __getitem__(self, index: int) -> int:
        return int.from_bytes(self._bytes(index), sys.byteorder)

    def __setitem__(self, index: int, value: int) -> None:
        value &= (1 << 8 * self.size) - 1
        self._bytes(index)[:] = value.to_bytes(self.size, sys.byteorder)


class _Pointer16(_Pointer):
    size = 2


class _Pointer32(_Pointer):
    size = 4


class _Bytes(bytearray):
    """A bytearray that fits the heap."""

    def __init__(self, source: Any = b"") -> None:
        if isinstance(source, int) and source > _HEAP:
            raise MemoryError
        super().__init__(source)


def _viper(function: FunctionType) -> Callable[..., Any]:
    """Converts the arguments that are declared as pointers."""
    code = function.__code__
    kinds = [function.__annotations__.get(name) for name in code.co_varnames[: code.co_argcount]]

    @functools.wraps(function)
    def called(*arguments: Any) -> Any:
        return function(
            *(
                kind(value) if isinstance(kind, type) and issubclass(kind, _Pointer) else value
                for kind, value in zip(kinds, arguments, strict=True)
            )
        )

    return called


def _unsigned(value: int) -> int:
    return value & (1 << 64) - 1


def _same(value: Any) -> Any:
    return value


def main() -> None:
    """Runs the script of stdin."""
    module = ModuleType("micropython")
    module.__dict__.update(const=_same, native=_same, viper=_viper)
    sys.modules["micropython"] = module
    # Viper's names are known without an import.
    builtins.__dict__.update(micropython=module, uint=_unsigned, bytearray=_Bytes)
    builtins.__dict__.update(ptr8=_Pointer, ptr16=_Pointer16, ptr32=_Pointer32)
    time.__dict__.update(ticks_us=lambda: time.monotonic_ns() // 1000, ticks_diff=int.__sub__)
    # The loader asks for a collection after every layer.
    gc.__dict__.update(collect=lambda: 0, mem_free=lambda: _HEAP)
    sys.path.insert(0, sys.argv[1])
    sys.dont_write_bytecode = True
    exec(compile(sys.stdin.read(), "script", "exec"), {"__name__": "__main__"})


if __name__ == "__main__":
    main()
