# SPDX-License-Identifier: MIT
"""Runs the machine code of picture functions (native/compiler/pictures.py) on an emulated board's own core.

The functions are called with the objects that the board's program passes: numbers, and buffers in the memory
of the interpreter's process. Each call copies the buffers to the core's memory, and back what it changed.
"""

from collections.abc import Callable
from typing import BinaryIO

from galago.emulator.host_calls import Service, StandInError
from galago.errors import GalagoError
from galago.native import mpy
from galago.native.verify import machines
from galago.native.verify.runtime import Runtime, Viper

_Buffer = tuple[int, int]  # address and size in bytes


class PictureFunctions:
    """The functions of one picture.mpy. `pid` is the interpreter's process; `crash` ends it for a fault."""

    def __init__(self, arch: str, crash: Callable[[GalagoError], None]) -> None:
        self.pid = 0
        self._arch, self._crash = arch, crash
        self.reset()

    def reset(self) -> None:
        """Forgets code and buffers."""
        self._functions: dict[str, Viper] = {}
        self._buffers: dict[_Buffer, bytearray] = {}

    def services(self) -> dict[str, Service]:
        """What device/_cores.py calls."""
        return {"core_picture_load": self.load, "core_picture_call": self.call}

    def load(self, data: bytes) -> dict:
        """Loads a picture.mpy; gives the names of its functions and their bytes.

        Raises StandInError ValueError as `import` does, for code of another architecture.
        """
        try:
            module = mpy.read(data)
        except GalagoError as error:
            raise StandInError("ValueError", f"incompatible .mpy file ({error.message})") from error
        if module.arch not in (self._arch, "none"):
            raise StandInError("ValueError", "incompatible .mpy arch")
        self.reset()
        code = {name: each for name, each in module.functions().items() if each.kind is mpy.Kind.VIPER}
        if code:
            self._functions = Runtime(machines.core(self._arch), counting=False).load(module, {})
        return {"functions": [*code], "bytes": sum(len(each.data) for each in code.values())}

    def call(self, name: str, arguments: list[int | list[int]]) -> int | None:
        """Calls a function; a buffer is given as its address and size. Returns an int or None.

        A function that faults ends the interpreter, as it would restart a board.
        """
        with open(f"/proc/{self.pid}/mem", "r+b", buffering=0) as memory:
            used: dict[_Buffer, bytes] = {
                (each[0], each[1]): b"" for each in arguments if isinstance(each, list)
            }
            for buffer in used:
                used[buffer] = self._read(memory, buffer)
            try:
                objects = [
                    self._buffers[each[0], each[1]] if isinstance(each, list) else each for each in arguments
                ]
                result = self._functions[name](*objects)
            except GalagoError as error:
                self._crash(error)
                return None
            for buffer, before in used.items():
                after = self._buffers[buffer]
                if after != before:
                    memory.seek(buffer[0])
                    memory.write(after)
        return result if isinstance(result, int) else None

    def _read(self, memory: BinaryIO, buffer: _Buffer) -> bytes:
        """Copies a buffer's contents to its mirror, which keeps its place in the core's memory."""
        address, size = buffer
        memory.seek(address)
        data = memory.read(size)
        self._buffers.setdefault(buffer, bytearray(size))[:] = data
        return data
