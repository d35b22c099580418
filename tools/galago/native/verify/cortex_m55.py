# SPDX-License-Identifier: MIT
"""A Cortex-M55 with guarded memory, which counts instructions: QEMU's mps3-an547, without firmware.

    machine = M55Machine()
    address = machine.load(code)
    picture = machine.place(data, writable=False)
    result = machine.call(address, picture.address, 3)
    machine.executed                # instructions of the last call, to one more or less

It has the methods of machine.Machine that a Trial needs: Unicorn does not know Helium. QEMU takes orders over
GDB's protocol. The processor's own memory protection unit guards the buffers: an access that it forbids ends
the machine with GalagoError native.bounds. Its regions are multiples of 32 bytes, so that a buffer ends at
one, or begins at one while `ends` is False. A timer of the processor counts.
"""

import contextlib
import shutil
import struct
import subprocess
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from galago.errors import GalagoError
from galago.native.assemblers.helium import Q4, Q5, Q6, Q7, Helium
from galago.native.assemblers.thumb import LR, PC, R0, R1, R2, R3, R4, R12, SP
from galago.native.verify.gdb import Gdb
from galago.native.verify.memory import Region, nearest

_PROGRAM, _PACKAGE = "qemu-system-arm", "qemu-system-arm"  # the package is Debian's
_OPTIONS = ["-machine", "mps3-an547", "-nodefaults", "-display", "none", "-S", "-gdb", "stdio"]
_MONITOR, _CODE, _STACK, _WRITABLE, _READ_ONLY = (0x6000_0000 + (i << 24) for i in range(5))
_UNIT = 32  # bytes of the protection unit
_BLOCK, _WORDS_AT = _MONITOR + 0x1000, _MONITOR + 0x2000
# In the block, behind the marks of vectors: what a call is given, then what it has done.
_FUNCTION, _GIVEN, _DONE, _DONE_SIZE = 64, 68, 116, 48 + 64
_KEPT = Q4, Q5, Q6, Q7
_RUN, _KEEP, _CHANGE = 0b110, 0b111, 0b011  # access: execute, read, write as well
_GAP = 0x1000  # bytes between buffers
_STACK_SIZE = 1024
_TOP = _STACK + _STACK_SIZE
_UNTOUCHED = b"\xa5" * _STACK_SIZE
_TIMEOUT = 600  # seconds for one call: more is an endless loop
_ENDS = 10  # seconds that QEMU has to end by itself
_XPSR, _THUMB = 25, 1 << 24
_SHIFT = 5  # QEMU: an instruction takes 2**5 ns
_TICK = 31.25  # ns, of SysTick
_TICKS = 1 << 24
_MARKS = bytes(range(1, 65))  # of q4 … q7, which a function must leave unchanged
_SAVED = tuple(range(0x5A00_0004, 0x5A00_000C))  # of r4 … r11
_CPACR, _CFSR, _MMFAR = 0xE000_ED88, 0xE000_ED28, 0xE000_ED34
_MPU_CTRL, _MPU_RNR, _MPU_RBAR, _MPU_RLAR = (0xE000_ED94 + 4 * i for i in range(4))
_SYST_CSR, _SYST_RVR, _SYST_CVR = (0xE000_E010 + 4 * i for i in range(3))
_MPU_REGIONS = 16


@dataclass(frozen=True)
class M55Core:
    """The properties of the core that cores.Core has too."""

    arch: str = "helium"
    name: str = "Cortex-M55"
    thumb: int = 1
    aligned: bool = False


M55 = M55Core()


def missing() -> str | None:
    """Why this computer cannot run Helium code, or None if it can."""
    return None if shutil.which(_PROGRAM) else f"no {_PROGRAM} (Debian: apt install {_PACKAGE})"


class M55Machine:
    """The core and its memory; with `strict`, `stack` is available.

    QEMU writes the address of every instruction executed to the file `log`, complete after `close`.
    """

    def __init__(self, strict: bool = False, log: Path | None = None) -> None:
        reason = missing()
        if reason:
            raise GalagoError("native.emulator", f"expected QEMU for Arm, got {reason}: install it")
        self.core = M55
        self.ends = True
        self.executed = 0
        self._strict = strict
        self._placed: dict[Region, range] = {}  # → what the protection unit allows
        self._next = {True: _WRITABLE, False: _READ_ONLY, None: _CODE}
        self._changed = True
        logged = ["-singlestep", "-d", "exec,nochain", "-D", str(log)] if log else []
        self._process = subprocess.Popen(
            [_PROGRAM, *_OPTIONS, "-icount", f"shift={_SHIFT}", *logged],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._end = weakref.finalize(self, _end, self._process)
        orders, answers = self._process.stdin, self._process.stdout
        self._gdb = Gdb(cast(IO[bytes], orders), cast(IO[bytes], answers))
        self._start()

    @property
    def entry(self) -> int:
        """The address of the first instruction of every call."""
        return self._call

    def close(self) -> None:
        """Ends QEMU, which also happens when the machine is garbage."""
        self._end()

    def __enter__(self) -> "M55Machine":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def load(self, code: bytes) -> int:
        """Puts machine code into memory and returns its address, with bit 0 set."""
        address = self._next[None]
        self._gdb.write(address, code)
        self._next[None] = address + len(code) + _UNIT - 1 & -_UNIT
        self._changed = True
        return address | 1

    def place(self, data: bytes, writable: bool, name: str = "a buffer") -> Region:
        """Puts a copy of `data` between guards: a writable buffer aligned to words, any other to bytes."""
        size = len(data)
        start = self._next[writable]
        stop = start + max(size, 1) + _UNIT - 1 & -_UNIT
        first = (stop - size & (-4 if writable else -1)) if self.ends else start
        region = Region(name, first, size, writable)
        self._placed[region] = range(start, stop)
        self._next[writable] = stop + _GAP
        self._gdb.write(first, data)
        self._changed = True
        return region

    def remove(self, region: Region) -> None:
        """Takes a buffer away."""
        del self._placed[region]
        self._changed = True

    def read(self, region: Region) -> bytes:
        """The current contents of a buffer."""
        return self._gdb.read(region.address, region.size)

    def write(self, region: Region, data: bytes) -> None:
        """Replaces the contents of a buffer, writable or not."""
        self._gdb.write(region.address, bytes(data))

    def call(self, address: int, *arguments: int) -> int:
        """Calls the code at an address with up to four words; returns its result, unsigned."""
        self._protect()
        gdb = self._gdb
        if self._strict:
            gdb.write(_STACK, _UNTOUCHED)
        given = (address, *_SAVED, *arguments, *[0] * (4 - len(arguments)))
        gdb.write(_BLOCK, _MARKS + struct.pack("<13I", *(word & 0xFFFF_FFFF for word in given)))
        self._run(self._call)
        done = gdb.read(_BLOCK + _DONE, _DONE_SIZE)
        result, begin, end, *saved = struct.unpack("<12I", done[: -len(_MARKS)])
        self.executed = round((begin - end) % _TICKS * _TICK / (1 << _SHIFT)) - self._overhead
        if saved != [*_SAVED, _TOP] or done[-len(_MARKS) :] != _MARKS:
            raise GalagoError("native.convention", "a saved register or the stack pointer came back changed")
        return result

    def stack(self) -> int:
        """Bytes of stack that the last call used, if the machine is strict."""
        return len(self._gdb.read(_STACK, _STACK_SIZE).lstrip(_UNTOUCHED[:1]))

    def _start(self) -> None:
        """Puts the monitor into memory, and lets the processor use its vectors and count."""
        code, labels = _monitor()
        self._call, self._store, self._stop, handler, fault = (_MONITOR + labels[name] for name in _LABELS)
        self._gdb.write(_MONITOR, code)
        vectors = (_TOP, *[handler | 1] * 15)
        self._gdb.write(0, b"".join(word.to_bytes(4, "little") for word in vectors))
        for address in (self._stop, fault):
            self._gdb.stop_at(address)
        for register, value in ((SP, _TOP), (_XPSR, _THUMB)):
            self._gdb.set_register(register, value)
        self._store_words((_CPACR, 0xF << 20), (_SYST_RVR, _TICKS - 1), (_SYST_CVR, 0), (_SYST_CSR, 5))
        code = Helium()
        code.bx(LR)
        self._overhead = 0  # instructions of the monitor for a call
        self.call(self.load(code.finish()))
        self._overhead = self.executed - 1

    def _protect(self) -> None:
        """Allows access to code, stack and buffers alone, if they have changed."""
        if not self._changed:
            return
        allowed = [(range(_MONITOR, _BLOCK), _RUN), (range(_BLOCK, _BLOCK + 0x100), _CHANGE)]
        allowed += [(range(_CODE, max(self._next[None], _CODE + 1)), _RUN)]
        allowed += [(range(_STACK, _TOP), _CHANGE)]
        allowed += [(part, _CHANGE if region.writable else _KEEP) for region, part in self._placed.items()]
        if len(allowed) > _MPU_REGIONS:
            raise GalagoError("native.fault", f"more than {_MPU_REGIONS - 4} buffers in one machine")
        words = []
        for number in range(_MPU_REGIONS):
            part, access = allowed[number] if number < len(allowed) else (range(0), 0)
            limit = (part.stop - 1 & -_UNIT | 1) if part else 0
            words += [(_MPU_RNR, number), (_MPU_RBAR, part.start | access), (_MPU_RLAR, limit)]
        self._store_words(*words)
        self._changed = False

    def _store_words(self, *words: tuple[int, int]) -> None:
        """Stores words to addresses that GDB's protocol does not reach: the processor's own registers."""
        data = b"".join(value.to_bytes(4, "little") for pair in words for value in pair)
        self._gdb.write(_WORDS_AT, data)
        self._gdb.set_register(R1, len(words))
        self._run(self._store)

    def _run(self, address: int) -> None:
        """Runs the monitor from an address on, until it stops. Raises GalagoError native.* for a fault."""
        gdb = self._gdb
        gdb.set_register(PC, address)
        timer = threading.Timer(_TIMEOUT, self._process.kill)
        timer.start()
        try:
            gdb.go()
        finally:
            timer.cancel()
        if gdb.register(PC) != self._stop:
            raise self._error()

    def _error(self) -> GalagoError:
        """What the fault registers say."""
        status = self._word(_CFSR)
        where = self._word(self._gdb.register(SP) + 24)
        place = f"{self.core.name} at {where:#x}"
        if status & 0x80:  # the address of the access is valid
            address = self._word(_MMFAR)
            found = nearest(self._placed, address)
            return GalagoError("native.bounds", f"{place}: accesses {address:#x}{found}")
        return GalagoError("native.fault", f"{place}: fault status {status:#x}")

    def _word(self, address: int) -> int:
        return int.from_bytes(self._gdb.read(address, 4), "little")


_LABELS = "call", "store", "stop", "handler", "fault"


def _monitor() -> tuple[bytes, dict[str, int]]:
    """A program that calls a function, or stores words to addresses; and where its parts are."""
    code = Helium()
    code.label("call")
    code.load(LR, _MPU_CTRL)
    code.number("mov", R12, 0, 1)
    code.str_(R12, LR)
    _synchronize(code)
    code.load(R12, _BLOCK)
    for i, vector in enumerate(_KEPT):
        code.vldrw(vector, R12, 16 * i)
    code.addw(R0, R12, _GIVEN)
    code.ldm(R0, *range(R4, R12))
    code.ldm(R0, R0, R1, R2, R3, stay=True)
    _take_time(code, LR, _DONE + 4)
    code.ldr(R12, R12, _FUNCTION)
    code.blx(R12)
    code.load(R12, _BLOCK)
    _take_time(code, R1, _DONE + 8)
    code.str_(R0, R12, _DONE)
    code.addw(R1, R12, _DONE + 12)
    code.mov(R12, SP)
    code.stm(R1, *range(R4, R12 + 1))
    for vector in _KEPT:
        code.vstrw(vector, R1, after=16)
    _unprotect(code)
    code.label("stop")
    code.bw("stop")
    code.label("store")
    code.load(R0, _WORDS_AT)
    code.label("next")
    code.ldr(R2, R0, after=4)
    code.ldr(R3, R0, after=4)
    code.str_(R3, R2)
    code.subs(R1, R1, 1)
    code.bne("next")
    _synchronize(code)
    code.bw("stop")
    code.label("handler")
    _unprotect(code)
    code.label("fault")
    code.bw("fault")
    return code.finish(), {label: code.offset(label) for label in _LABELS}


def _take_time(code: Helium, spare: int, place: int) -> None:
    """Stores the timer to a place in the block at r12."""
    code.load(spare, _SYST_CVR)
    code.ldr(spare, spare)
    code.str_(spare, R12, place)


def _unprotect(code: Helium) -> None:
    """Switches the protection unit off, which GDB's protocol obeys too."""
    code.load(R1, _MPU_CTRL)
    code.movs(R2, 0)
    code.str_(R2, R1)
    _synchronize(code)


def _synchronize(code: Helium) -> None:
    for barrier in (0x4F, 0x6F):  # dsb, isb
        code.emit(0xF3BF, 2)
        code.emit(0x8F00 | barrier, 2)


def _end(process: subprocess.Popen) -> None:
    process.terminate()  # not `kill`: the end of the log would be lost
    try:
        process.wait(_ENDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with contextlib.suppress(OSError):
                pipe.close()
