# SPDX-License-Identifier: MIT
"""The processor core of an emulated board, which runs the machine code that Galago generates for that board.

    core = BoardCore("armv6m")
    core.attach(pid)            # the interpreter's process, whose memory the kernels read and write
    core.services()             # what device/_cores.py calls

The interpreter of an emulated board is a program of this computer, and so is its viper code. A model's native
kernels are not: they are the board's own, loaded and called by the board's own loader, first-use proof and
engine. Each call runs here, in an instruction-set emulator, on copies of the buffers that the call may use.
"""

import os
import signal
import struct
from typing import BinaryIO

from galago.emulator.host_calls import Service, StandInError
from galago.emulator.picture_functions import PictureFunctions
from galago.errors import GalagoError
from galago.native import kernels, mpy
from galago.native.kernels import FIRST, ITEMS, schedule
from galago.native.verify import machines
from galago.native.verify.machine import Machine, Region
from galago.native.verify.runtime import Runtime, Viper

_BLOCK = struct.Struct("<7Q")  # the words of a call on x64, as galago.native.kernels lists them
_WORDS = struct.Struct("<7I")  # the same on the board
_RECORD_BYTES = 4 * 32
_BUFFERS = "the order", "the plan", "the arena", "the model"  # that `schedule` works on
_ALIGN = 4  # bytes: weights keep their address modulo this, since a .tflite holds them at any address


class BoardCore:
    """One core of an architecture, as mpy-cross names it, from one reset of the board to the next.

    fault   why the last kernel crashed, or None. As on silicon a crash restarts the board.
    """

    def __init__(self, arch: str) -> None:
        """Raises GalagoError native.emulator where this computer lacks the architecture's emulator."""
        self.arch = arch
        self.fault: GalagoError | None = None
        self._pid = 0
        self.pictures = PictureFunctions(arch, self._crash)
        self.reset()

    def attach(self, pid: int) -> None:
        """Take the memory of the process `pid`, a child of this one, as the board's."""
        self._pid = self.pictures.pid = pid

    def reset(self) -> None:
        """Forget all code and buffers."""
        self.pictures.reset()
        self._runtime = Runtime(machines.core(self.arch), counting=False)
        self._machine: Machine = self._runtime.machine
        self._code: list[dict[str, Viper]] = []
        self._functions: dict[int, Viper] = {}  # by the address of what stands for it on the board
        self._buffers: dict[str, Region] = {}
        self._calls: dict[int, int] = {}  # the address of items → that of the arguments of a call with them
        place = self._machine.place
        self._record = place(bytes(_RECORD_BYTES), writable=False, name="the record")
        self._block = place(bytes(_WORDS.size), writable=False, name="the block")
        self._arguments = self._call_of(self._block.address)

    def _call_of(self, items: int) -> int:
        """The address of the arguments of a call with an array object."""
        if items not in self._calls:
            array = self._machine.place(bytes(ITEMS) + struct.pack("<I", items), False, "the array object")
            arguments = self._machine.place(struct.pack("<I", array.address), False, "the arguments")
            self._calls[items] = arguments.address
        return self._calls[items]

    def services(self) -> dict[str, Service]:
        """What device/_cores.py calls."""
        own: dict[str, Service] = {
            "core_load": self.load,
            "core_functions": self.functions,
            "core_call": self.call,
            "core_schedule": self.schedule,
        }
        return own | self.pictures.services()

    def load(self, data: bytes) -> dict:
        """Loads a kernels.mpy; gives its number, its LAYERS if any, its functions' names and their bytes.

        Raises StandInError ValueError as `import` does, for code of another architecture.
        """
        try:
            module = mpy.read(data)
        except GalagoError as error:
            raise StandInError("ValueError", f"incompatible .mpy file ({error.message})") from error
        if module.arch != self.arch:
            raise StandInError("ValueError", "incompatible .mpy arch")
        layers = kernels.layers_in(module)  # None in the small form of the device package
        functions = {
            name: code.data for name, code in module.functions().items() if code.kind is mpy.Kind.VIPER
        }
        self._code.append(self._runtime.load(module, {}, foreign=True))
        size = sum(len(code) for code in functions.values())
        return {"module": len(self._code) - 1, "layers": layers, "functions": [*functions], "bytes": size}

    def functions(self, module: int, addresses: dict[str, int]) -> None:
        """Says where on the board the objects are that stand for a module's functions."""
        self._functions |= {address: self._code[module][name] for name, address in addresses.items()}

    def call(self, module: int, name: str, block: int, arena: list[int], constants: list[int]) -> None:
        """Runs a kernel. `block` is the address of the seven words of the call in the interpreter's memory;
        `arena` and `constants` are the address and the size of its buffers.

        A kernel that faults ends the interpreter, as it would restart a board.
        """
        with open(f"/proc/{self._pid}/mem", "r+b", buffering=0) as memory:
            record, base, weights, *numbers = _BLOCK.unpack(_read(memory, block, _BLOCK.size))
            self._machine.write(self._record, _read(memory, record, _RECORD_BYTES))
            here = self._buffer("the arena", arena[1], writable=True)
            self._machine.write(here, _read(memory, arena[0], arena[1]))
            words = [self._record.address, here.address + base - arena[0], 0, *numbers]
            if weights:
                words[2] = self._constants(memory, weights, sum(constants) - weights)
            self._machine.write(self._block, _WORDS.pack(*words))
            if self._run(self._code[module][name], self._arguments) is not None:
                memory.seek(arena[0])
                memory.write(self._machine.read(here))

    def schedule(self, module: int, *buffers: list[int]) -> int | None:
        """Runs the function `schedule` and gives its result; None if it crashed.

        `buffers` are the addresses and sizes of its words, the order, the plan, the arena and the model, in
        the interpreter's memory.
        """
        (start, size), *others = buffers
        with open(f"/proc/{self._pid}/mem", "r+b", buffering=0) as memory:
            copies: dict[str, Region] = {}
            for name, (at, bytes_) in zip(_BUFFERS, others, strict=True):
                copies[name] = self._buffer(name, bytes_, writable=name == "the arena")
                self._machine.write(copies[name], _read(memory, at, bytes_))
            places = [
                (at, size, copies[name].address) for name, (at, size) in zip(_BUFFERS, others, strict=True)
            ]
            words = struct.unpack(f"<{size // 8}Q", _read(memory, start, size))
            here = self._buffer("the schedule", size // 2, writable=True)
            one = start + 8 * schedule.ONE, 4, here.address + 4 * schedule.ONE
            own = [self._address(word, [*places, one]) & 0xFFFF_FFFF for word in words]
            self._machine.write(here, struct.pack(f"<{len(own)}I", *own))
            result = self._run(self._code[module][schedule.NAME], self._call_of(here.address))
            if result is None:
                return None
            changed = struct.unpack(f"<{len(own)}I", self._machine.read(here))
            for block in range(schedule.HEADER, len(words), schedule.BLOCK):
                memory.seek(start + 8 * (block + FIRST))
                memory.write(struct.pack("<2Q", *changed[block + FIRST : block + FIRST + 2]))  # and LAST
            memory.seek(others[2][0])
            memory.write(self._machine.read(copies["the arena"]))
            return result

    def _address(self, word: int, places: list[tuple[int, int, int]]) -> int:
        """Where what a word leads to is here: a function or a byte of a buffer; other words are numbers."""
        if word in self._functions:
            return self._functions[word].address
        return next((at + word - start for start, size, at in places if start <= word < start + size), word)

    def _run(self, function: Viper, arguments: int) -> int | None:
        """Runs a kernel; gives the small int that it returns. None: it crashed, and with it the board."""
        try:
            result = self._machine.call(function.code, function.address, 1, 0, arguments)
            if not result & 1:
                raise GalagoError("native.convention", f"it returned {result:#x}, which is not an object")
        except GalagoError as error:
            self._crash(GalagoError(error.code, f"{function.name}: {error.message}"))
            return None
        return result >> 1

    def _crash(self, fault: GalagoError) -> None:
        self.fault = fault
        os.kill(self._pid, signal.SIGKILL)

    def _constants(self, memory: BinaryIO, address: int, size: int) -> int:
        """The address of a copy of the weights from `address` to the end of their buffer."""
        region = self._buffer("the weights", size + _ALIGN, writable=False)
        skip = (address - region.address) % _ALIGN
        self._machine.write(region, bytes(skip) + _read(memory, address, size))
        return region.address + skip

    def _buffer(self, name: str, size: int, writable: bool) -> Region:
        """A region of at least `size` bytes, kept from call to call."""
        region = self._buffers.get(name)
        if region is None or region.size < size or (writable and region.size != size):
            if region is not None:
                self._machine.remove(region)
            region = self._buffers[name] = self._machine.place(bytes(size), writable, name)
        return region


def _read(memory: BinaryIO, address: int, size: int) -> bytes:
    memory.seek(address)
    return memory.read(size)
