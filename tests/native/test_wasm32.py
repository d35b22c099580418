# SPDX-License-Identifier: MIT
"""WebAssembly that the compiler makes of viper functions, run by Wasmtime."""

from array import array
from pathlib import Path
from random import Random

import numpy as np
import pytest
import wasmtime

from galago.native import compiler, mpy
from galago.native.assemblers import wasm32
from galago.native.compiler.targets.wasm32 import Compiled
from galago.native.verify.cores import CORES
from galago.native.verify.runtime import Runtime
from galago.resources import firmware_dir
from support import viper_programs


class Instance:
    """A module's functions, and its memory."""

    def __init__(self, compiled: Compiled) -> None:
        data = tuple((at, content) for content, at in compiled.data.items())
        binary = wasm32.module(compiled.functions, wasm32.Memory(pages=2), data)
        self._store = wasmtime.Store()
        self._exports = wasmtime.Instance(
            self._store, wasmtime.Module(self._store.engine, binary), []
        ).exports(self._store)
        self._memory: wasmtime.Memory = self._exports["memory"]  # type: ignore[assignment]

    def call(self, name: str, *arguments: int) -> int:
        return self._exports[name](self._store, *arguments)  # type: ignore[operator]

    def write(self, data: bytes, at: int) -> None:
        self._memory.write(self._store, data, at)

    def read(self, at: int, size: int) -> bytes:
        return bytes(self._memory.read(self._store, at, at + size))


def test_random_programs_compute_what_viper_computes() -> None:
    source = viper_programs.program(Random(20), functions=25)
    names: dict[str, object] = {"__name__": "viper", "_TABLE": b"\x01\x80\xff\x10viper"}
    theirs = Runtime(CORES["armv7emsp"]).load(mpy.read(mpy.compile(source, "armv7emsp")), names)
    names |= theirs
    compiled = Compiled()
    programs = compiler.parse(source, Path(__file__))
    compiled.add(programs, "random", programs.functions)
    ours = Instance(compiled)
    numbers = np.random.default_rng(20)
    for name in set(theirs) - {"helper"}:
        for _ in range(4):
            buffers = [numbers.integers(0, 1 << bits, viper_programs.ITEMS) for bits in (8, 16, 32)]
            own = [array(code, b.tolist()) for code, b in zip("BHI", buffers, strict=True)]
            places = [0x8000, 0x9000, 0xA000]
            for data, at in zip(own, places, strict=True):
                ours.write(data.tobytes(), at)
            arguments = [
                int(n) for n in numbers.integers(-(1 << 30), 1 << 30, 3) >> numbers.integers(0, 30, 3)
            ]
            result = theirs[name](*own, *arguments)
            assert ours.call(f"random.{name}", *places, *arguments) == result, (name, arguments)
            for data, at in zip(own, places, strict=True):
                assert ours.read(at, len(data.tobytes())) == data.tobytes(), (name, arguments)


def test_every_kernel_of_the_package_becomes_a_valid_module() -> None:
    compiled = Compiled()
    for path in sorted((firmware_dir() / "mobilenet").rglob("*.py")):
        if "@micropython.viper" in path.read_text():
            module = compiler.read(path)
            compiled.add(module, ".".join(path.parts[-2:]), module.functions)
    Instance(compiled)  # which validates it


@pytest.mark.parametrize("number", [0, 63, 64, 127, 128, 1 << 31, -(1 << 31), -1, -64, -65])
def test_numbers_keep_their_value(number: int) -> None:
    code = wasm32.Wasm32(0)
    code.i32_const(number)
    assert Instance(Compiled({"f": code})).call("f") % (1 << 32) == number % (1 << 32)
