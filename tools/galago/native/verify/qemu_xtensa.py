# SPDX-License-Identifier: MIT
"""An Xtensa core with guarded memory, which counts instructions: QEMU's qemu-xtensa underneath.

    machine = XtensaMachine()
    address = machine.load(code)
    picture = machine.place(data, writable=False)
    result = machine.call(address, picture.address, 3)
    machine.instructions()

It has the methods of machine.Machine, which is for the cores that Unicorn knows. QEMU runs a monitor of a few
dozen instructions that takes orders over a pipe: it maps memory, which both sides share, and calls functions.
QEMU's log lists the basic blocks that were executed (`-d exec`) and their instructions (`-d in_asm`).

Every buffer lies between unmapped pages. A load or store outside it, or a store to a read-only one, ends the
machine with GalagoError native.bounds. A function cannot change the registers of its caller, which are in
another register window.
"""

import contextlib
import mmap
import os
import shutil
import subprocess
import tempfile
import threading
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, cast

from galago.errors import GalagoError
from galago.native.verify import qemu_xtensa_monitor
from galago.native.verify.memory import Region, nearest
from galago.native.verify.qemu_xtensa_log import Log
from galago.native.verify.qemu_xtensa_monitor import (
    BLOCK,
    CALL,
    DONE,
    FRAME,
    MONITOR,
    READ,
    RETURN,
    STACK,
    SYSCALL,
    TOP,
    TRAP_SIZE,
    WRITE,
)

_PROGRAM, _PACKAGE = "qemu-xtensa", "qemu-user"  # the package is Debian's
_CPU = "dc233c"  # has what the kernels use: windows, density, mull, mul16, min, max, sext, remu
_PAGE = 0x1000
_CODE, _WRITABLE, _READ_ONLY = 1 << 24, 1 << 28, 3 << 28
_FREE = _PAGE  # bytes of stack whose use is measured, just below the monitor's frame
_UNTOUCHED = b"\xa5" * _FREE
_TIMEOUT = 600  # seconds for one call: more is an endless loop
_SHARED = 256 << 20  # bytes of all buffers together: reserved, not used
_MMAP, _MUNMAP = 80, 81  # Linux's system calls on Xtensa
_SHARED_FIXED = 0x11  # MAP_SHARED | MAP_FIXED


@dataclass(frozen=True)
class XtensaCore:
    """The properties of the core that cores.Core has too."""

    arch: str = "xtensawin"
    name: str = "Xtensa LX"
    thumb: int = 0
    aligned: bool = True


XTENSA = XtensaCore()


def missing() -> str | None:
    """Why this computer cannot run Xtensa code, or None if it can."""
    return None if shutil.which(_PROGRAM) else f"no {_PROGRAM} (Debian: apt install {_PACKAGE})"


class XtensaMachine:
    """The core and its memory. `blocks` counts executed basic blocks, by address and bytes.

    `strict` makes `stack` available; alignment is always checked. A buffer ends at the end of a page, or
    begins at the start of one while `ends` is False, so that accesses past its end, or before its start, are
    certain to be caught.
    """

    def __init__(self, strict: bool = False) -> None:
        reason = missing()
        if reason:
            raise GalagoError("native.emulator", f"expected QEMU for Xtensa, got {reason}: install it")
        self.core = XTENSA
        self.ends = True
        self._strict = strict
        self.blocks: Counter[tuple[int, int]] = Counter()
        self._traps: list[Callable[[], None]] = []
        self._placed: dict[Region, tuple[int, int]] = {}  # → first page, bytes
        self._offsets: dict[int, int] = {}  # page address → where in the shared file
        self._next = {True: _WRITABLE, False: _READ_ONLY, None: _CODE}
        self._used = 0
        self._file = os.memfd_create("galago")
        os.ftruncate(self._file, _SHARED)
        self._shared = mmap.mmap(self._file, _SHARED)
        program_file, report = qemu_xtensa_monitor.program()
        self._log = Log(report, range(_CODE, STACK))
        with tempfile.TemporaryDirectory(prefix="galago-") as folder:
            program = os.path.join(folder, "monitor")
            with open(program, "wb") as file:
                file.write(program_file)
            os.chmod(program, 0o700)
            self._process = subprocess.Popen(
                [_PROGRAM, "-cpu", _CPU, "-d", "in_asm,exec,nochain,strace", "-D", self._log.path, program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(self._file, self._log.end),
            )
            self._orders = cast(IO[bytes], self._process.stdin)
            self._reports = cast(IO[bytes], self._process.stdout)
            self._log.start()
            self._end = weakref.finalize(self, _end, self._process, self._log, self._shared, self._file)
            self._report()

    def close(self) -> None:
        """Ends QEMU, which also happens when the machine is garbage."""
        self._end()

    def __enter__(self) -> "XtensaMachine":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def load(self, code: bytes) -> int:
        """Puts machine code, or constants, into memory and returns its address."""
        address = self._map(None, len(code), mmap.PROT_READ | mmap.PROT_EXEC)
        self._poke(address, code)
        return address

    def trap(self, action: Callable[[], None]) -> int:
        """An address at which a call runs `action` on the host: see `argument`, `answer` and `jump`."""
        self._traps.append(action)
        return MONITOR + TRAP_SIZE * (len(self._traps) - 1)

    def place(self, data: bytes, writable: bool, name: str = "a buffer") -> Region:
        """Puts a copy of `data` between guards: a writable buffer aligned to words, any other to bytes."""
        size = len(data)
        start = self._map(writable, size, mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0))
        last = self._next[writable] - _PAGE - size
        first = (last & -4 if writable else last) if self.ends else start
        region = Region(name, first, size, writable)
        self._placed[region] = start, self._next[writable] - _PAGE - start
        self._poke(region.address, data)
        return region

    def remove(self, region: Region) -> None:
        """Unmaps a buffer."""
        start, size = self._placed.pop(region)
        self._ask(SYSCALL, _MUNMAP, start, size)

    def read(self, region: Region) -> bytes:
        """The current contents of a buffer."""
        return self._peek(region.address, region.size)

    def write(self, region: Region, data: bytes) -> None:
        """Replaces the contents of a buffer, writable or not."""
        self._poke(region.address, bytes(data))

    def word(self, address: int) -> int:
        """The unsigned word at an address."""
        return int.from_bytes(self._peek(address, 4), "little")

    def call(self, address: int, *arguments: int) -> int:
        """Calls the code at an address with up to four words; returns its result, unsigned."""
        if self._strict:
            # The monitor reads what follows the order.
            self._tell(SYSCALL, READ, 0, TOP - FRAME - _FREE, _FREE)
            self._send(_UNTOUCHED)
            self._report()
        timer = threading.Timer(_TIMEOUT, self._process.kill)
        timer.start()
        try:
            result = self._ask(CALL, address, *(argument & 0xFFFF_FFFF for argument in arguments))
        finally:
            timer.cancel()
        self.blocks.update(self._log.executed())
        return result

    def stack(self) -> int:
        """Bytes of stack that the last call used, if the machine is strict."""
        self._tell(SYSCALL, WRITE, 1, TOP - FRAME - _FREE, _FREE)
        left = self._receive(_FREE)
        self._report()
        return len(left.lstrip(_UNTOUCHED[:1]))

    def argument(self, index: int) -> int:
        """Returns an argument; only inside a trap."""
        return self._arguments[index]

    def answer(self, value: int) -> None:
        """Sets the result; only inside a trap."""
        self._answer = value & 0xFFFF_FFFF

    def jump(self, address: int, *arguments: int) -> None:
        """Calls an address with these arguments, and answers with its result; only inside a trap."""
        self._answer = self._ask(CALL, address, *arguments)

    def instructions(self) -> int:
        """Instructions executed since `blocks` was last cleared, without those of the monitor."""
        return sum(times * self.length(block) for block, times in self.blocks.items())

    def listing(self, block: tuple[int, int]) -> list[str]:
        """A basic block, disassembled by QEMU."""
        return self._log.listings[block]

    def length(self, block: tuple[int, int]) -> int:
        """The number of instructions in a basic block that was executed."""
        return len(self._log.listings[block])

    def _ask(self, *order: int) -> int:
        """Gives the monitor an order and serves traps until it is done."""
        self._tell(*order)
        while True:
            number, *words = self._report()
            if number == DONE:
                return words[0]
            self._arguments, self._answer = words[:4], 0
            self._traps[number]()
            self._tell(RETURN, self._answer)

    def _tell(self, *order: int) -> None:
        self._send(BLOCK.pack(*order, *[0] * (8 - len(order))))

    def _report(self) -> tuple[int, ...]:
        block = self._receive(BLOCK.size)
        self._log.expect()
        return BLOCK.unpack(block)

    def _send(self, data: bytes) -> None:
        self._orders.write(data)
        self._orders.flush()

    def _receive(self, size: int) -> bytes:
        data = self._reports.read(size)
        if len(data) != size:
            self._process.wait()
            raise self._fault()
        return data

    def _fault(self) -> GalagoError:
        """The error that ended the program, from the log."""
        signal, address, block = self._log.signal()
        place = f"{self.core.name} at {block:#x}"
        if signal != "SIGSEGV":
            code = "native.alignment" if signal == "SIGBUS" else "native.fault"
            return GalagoError(code, f"{place} or later: {signal or 'no answer'} at {address:#x}")
        where = nearest(self._placed, address)
        return GalagoError("native.bounds", f"{place} or later: accesses {address:#x}{where}")

    def _map(self, area: bool | None, size: int, protection: int) -> int:
        address = self._next[area]
        pages = max(_PAGE, size + _PAGE - 1 & -_PAGE)
        if self._used + pages > _SHARED:
            raise GalagoError("native.fault", f"more than {_SHARED:,} bytes of buffers in one machine")
        order = address, pages, protection, _SHARED_FIXED, self._file, self._used // _PAGE
        if self._ask(SYSCALL, _MMAP, *order) != address:
            raise GalagoError("native.fault", f"QEMU cannot map {pages} bytes at {address:#x}")
        for page in range(0, pages, _PAGE):
            self._offsets[address + page] = self._used + page
        self._next[area] = address + pages + _PAGE
        self._used += pages
        return address

    def _peek(self, address: int, size: int) -> bytes:
        if not size:  # it may begin where nothing is mapped
            return b""
        at = self._offsets[address & -_PAGE] + address % _PAGE
        return self._shared[at : at + size]

    def _poke(self, address: int, data: bytes) -> None:
        if data:
            at = self._offsets[address & -_PAGE] + address % _PAGE
            self._shared[at : at + len(data)] = data


def _end(process: subprocess.Popen, log: Log, shared: mmap.mmap, file: int) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with contextlib.suppress(OSError):
                pipe.close()
    log.close()
    shared.close()
    os.close(file)
