# SPDX-License-Identifier: MIT
"""Just enough of MicroPython's runtime for a Machine to run viper functions.

    runtime = Runtime(CORES["armv7emsp"])
    functions = runtime.load(mpy.read(mpy.compile(source, "armv7emsp")), names)
    functions["dot"](a, b, 64)        # bytes, bytearray, array, memoryview …; ints of any size
    runtime.machine.instructions()

Objects are words as on a 32-bit board: small ints of 31 bits are stored in place, others as a handle. Buffers
are copied to the machine before a call and back after it. `names` are the module's globals, where viper code
finds other viper functions and ints. A call through an entry of mp_fun_table (py/nativeglue.h) that no kernel
needs is GalagoError native.call.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from galago.errors import GalagoError
from galago.native import mpy
from galago.native.verify import machines
from galago.native.verify.cores import Core
from galago.native.verify.memory import Region
from galago.native.verify.qemu_xtensa import XtensaCore

_TABLE_SIZE = 96  # entries of mp_fun_table, rounded up
_HANDLES, _GLOBALS = 0xA000_0000, 0xB000_0000  # words that stand for objects; nothing is mapped there
_BOOL, _INT, _UINT = 1, 2, 3  # MP_NATIVE_TYPE_*: 0 is an object, 4 … 7 are pointers


@dataclass(frozen=True, eq=False)
class Viper:
    """A viper function in the machine's memory, called like any function."""

    runtime: "Runtime"
    name: str
    address: int  # of the function object
    code: int
    names: int  # the word that stands for its globals
    foreign: (
        bool  # machine code that mpy-cross did not write: args[0] is an array, laid out as MicroPython does
    )

    def __call__(self, *arguments):
        """Runs the function and returns None, a bool or an int. Raises GalagoError native.* (machine.py)."""
        return self.runtime.call(self, arguments)


class Runtime:
    """One machine, and the objects that its functions use."""

    def __init__(self, core: Core | XtensaCore, strict: bool = False, counting: bool = True) -> None:
        self.machine = machines.create(core.arch, strict, counting)
        self.calls: Counter[str] = Counter()  # calls of the runtime by viper code: entry → times
        self._functions: dict[int, Viper] = {}
        self._globals: list[dict[str, object]] = []
        self._current = 0  # the globals in force, as a word
        self._strings: list[str] = []
        self._objects: list[object] = [None, False, True]
        self._buffers: dict[int, tuple[object, Region]] = {}  # id of a buffer's owner → the owner, its copy
        self._used: dict[int, tuple[object, Region]] = {}  # those of this call
        self._arguments = self.machine.place(bytes(4 * 64), writable=True, name="the arguments")
        self._array = self.machine.place(bytes(16), writable=False, name="an array object")
        self._table = self._words([self._handle(i) for i in range(3)] + self._traps())

    def load(self, module: mpy.Module, names: dict[str, object], foreign: bool = False) -> dict[str, Viper]:
        """Puts the viper functions of a module into memory. `names` may grow later, by these functions too.

        Their full names begin with the last part of names["__name__"], if it exists.
        """
        self._globals.append(names)
        number = _GLOBALS + 8 * (len(self._globals) - 1)
        first = len(self._strings)
        self._strings += module.qstrs
        strings = b"".join((first + i).to_bytes(2, "little") for i in range(len(module.qstrs)))
        constants = [self._table if c is mpy.Special.FUNCTION_TABLE else 0 for c in module.constants]
        # mp_module_context_t: type, globals, qstr table, object table. mp_obj_fun_bc_t: type, context,
        # children, code.
        context = self._words([0, number, self._data(strings), self._words(constants)])
        functions = {}
        home = str(names.get("__name__", "")).rpartition(".")[2]
        for name, code in module.functions().items():
            if code.kind is mpy.Kind.VIPER:
                start = self.machine.load(code.data)
                address = self._words([0, context, 0, start])
                full = f"{home}.{name}".lstrip(".")
                functions[name] = self._functions[address] = Viper(
                    self, full, address, start, number, foreign
                )
        return functions

    @property
    def functions(self) -> list[Viper]:
        """All functions that were loaded."""
        return list(self._functions.values())

    def call(self, function: Viper, arguments: tuple):
        """Calls a viper function with Python objects."""
        del self._objects[3:]
        self._used.clear()
        self._current = function.names
        words = [self._to_object(argument) for argument in arguments]
        if function.foreign:
            addresses = [self._pointer(argument) for argument in arguments]
            # mp_obj_array_t: type, typecode and free, length, items.
            items = (0, 0, len(arguments[0]), addresses[0])
            self.machine.write(self._array, b"".join(word.to_bytes(4, "little") for word in items))
            words[0] = self._array.address
        table = b"".join(word.to_bytes(4, "little") for word in words)
        self.machine.write(self._arguments, table.ljust(self._arguments.size, b"\0"))
        try:
            result = self.machine.call(
                function.code, function.address, len(words), 0, self._arguments.address
            )
        except GalagoError as error:
            raise GalagoError(error.code, f"{function.name}: {error.message}") from None
        for owner, region in self._used.values():
            if region.writable:
                memoryview(owner).cast("B")[:] = self.machine.read(region)  # type: ignore[arg-type]
        return self._from_object(result)

    def forget(self) -> None:
        """Removes all buffers from the machine's memory."""
        for _, region in self._buffers.values():
            self.machine.remove(region)
        self._buffers.clear()

    def _traps(self) -> list[int]:
        """The rest of mp_fun_table, through which viper code calls the runtime. Order: py/nativeglue.h."""
        known: dict[int, Callable[[], None]] = {
            3: self._native_from_obj,
            4: self._native_to_obj,
            5: self._swap_globals,
            7: self._load_global,
            27: self._call_function_n_kw,
            32: self._nlr_push,
            33: self._nlr_pop,
            46: self._small_int_floor_divide,
            47: self._small_int_modulo,
            49: self._nlr_push,  # setjmp, which Xtensa's code calls after it
        }
        return [self.machine.trap(self._counted(i, known.get(i))) for i in range(3, _TABLE_SIZE)]

    def _counted(self, index: int, action: Callable[[], None] | None) -> Callable[[], None]:
        def run() -> None:
            if not action:
                raise GalagoError(
                    "native.call",
                    f"expected plain viper code, got a call of mp_fun_table[{index}] (py/nativeglue.h)",
                )
            self.calls[action.__name__[1:]] += 1
            action()

        return run

    def _native_from_obj(self) -> None:
        value, kind = self._from_object(self.machine.argument(0)), self.machine.argument(1)
        if kind == _BOOL:
            value = bool(value)
        elif not isinstance(value, int):
            if kind in (_INT, _UINT):
                raise GalagoError("native.call", f"expected an int, got {type(value).__name__}")
            value = self._pointer(value)
        self.machine.answer(value)

    def _native_to_obj(self) -> None:
        value, kind = self.machine.argument(0), self.machine.argument(1)
        if kind == _BOOL:
            self.machine.answer(self._to_object(bool(value)))
        else:
            self.machine.answer(self._to_object(_signed(value) if kind == _INT else value))

    def _swap_globals(self) -> None:
        new, old = self.machine.argument(0), self._current
        self._current = new or old
        self.machine.answer(0 if new in (0, old) else old)

    def _load_global(self) -> None:
        name = self._strings[self.machine.argument(0)]
        names = self._globals[self._current - _GLOBALS >> 3]
        if name not in names:
            raise GalagoError("native.call", f"viper code uses the global {name}, which does not exist")
        self.machine.answer(self._to_object(names[name]))

    def _call_function_n_kw(self) -> None:
        address, count, values = (self.machine.argument(i) for i in range(3))
        function = self._functions.get(address)
        if not function:
            raise GalagoError("native.call", "viper code calls something that is not a viper function")
        self.machine.jump(function.code, address, count & 0xFF, count >> 8, values)

    def _nlr_push(self) -> None:
        self.machine.answer(0)

    def _nlr_pop(self) -> None:
        pass

    def _small_int_floor_divide(self) -> None:
        left, right = self._operands()
        self.machine.answer(left // right)

    def _small_int_modulo(self) -> None:
        left, right = self._operands()
        self.machine.answer(left % right)

    def _operands(self) -> tuple[int, int]:
        left, right = _signed(self.machine.argument(0)), _signed(self.machine.argument(1))
        if not right:
            raise GalagoError("native.call", "viper code divides by zero, which boards do not check")
        return left, right

    def _pointer(self, buffer: object) -> int:
        """The address of a buffer's copy. All views of one object share one copy."""
        view = memoryview(buffer)  # type: ignore[arg-type]
        owner = view.obj
        if id(owner) not in self._buffers:
            whole = memoryview(owner)
            name = f"{type(owner).__name__} of {whole.nbytes} bytes"
            self._buffers[id(owner)] = owner, self.machine.place(whole.tobytes(), not whole.readonly, name)
        region = self._buffers[id(owner)][1]
        if id(owner) not in self._used:
            self._used[id(owner)] = self._buffers[id(owner)]
            if region.writable:
                self.machine.write(region, memoryview(owner).tobytes())
        return region.address + _host_address(view) - _host_address(memoryview(owner))

    def _to_object(self, value: object) -> int:
        if isinstance(value, Viper):
            return value.address
        if isinstance(value, int) and not isinstance(value, bool):
            if -1 << 30 <= value < 1 << 30:
                return (value << 1 | 1) & 0xFFFF_FFFF
        elif value is None or isinstance(value, bool):
            return self._handle([None, False, True].index(value))
        self._objects.append(value)
        return self._handle(len(self._objects) - 1)

    def _from_object(self, word: int):
        if word & 1:
            return _signed(word) >> 1
        index = word - _HANDLES >> 3
        if not 0 <= index < len(self._objects):
            raise GalagoError("native.call", f"{word:#x} is not an object")
        return self._objects[index]

    @staticmethod
    def _handle(index: int) -> int:
        return _HANDLES + 8 * index

    def _data(self, data: bytes) -> int:
        return self.machine.load(data) & ~1

    def _words(self, words: list[int]) -> int:
        return self._data(b"".join(word.to_bytes(4, "little") for word in words))


def _signed(word: int) -> int:
    return (word ^ 0x8000_0000) - 0x8000_0000


def _host_address(view: memoryview) -> int:
    return np.frombuffer(view, np.uint8).__array_interface__["data"][0] if view.nbytes else 0
