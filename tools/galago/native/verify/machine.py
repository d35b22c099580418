# SPDX-License-Identifier: MIT
"""A processor core with guarded memory that counts instructions, in Unicorn.

    machine = Machine(CORES["armv7emsp"])
    address = machine.load(code)
    picture = machine.place(data, writable=False)
    result = machine.call(address, picture.address, 3)
    machine.instructions()

Every buffer lies between unmapped pages. A load or store outside it, even by one byte, or a store to a
read-only one, ends the call with GalagoError native.bounds. An unaligned word on a core that does not allow
it is native.alignment, and anything else that would stop a processor is native.fault. A function that changes
a saved register or the stack pointer is native.convention.
"""

import functools
import importlib
import operator
from collections import Counter
from collections.abc import Callable
from typing import Any

from galago.errors import GalagoError
from galago.native.verify.cores import Core
from galago.native.verify.memory import Region, nearest

try:
    import capstone
    import unicorn
    from unicorn.unicorn_py3 import Uc, UcError
except ImportError as error:
    raise GalagoError(
        "native.emulator",
        f"expected the packages unicorn and capstone to run machine code, got no {error.name}: "
        "pip install 'unicorn>=2.0.1,<3' 'capstone>=5,<6'",
    ) from error

_PAGE = 0x1000
# As on boards: code and RAM low, external flash above 2 GiB, where the address is negative as an int.
_TRAPS, _CODE, _STACK, _WRITABLE, _READ_ONLY = 0x10_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x9000_0000
_STACK_SIZE = 4 * _PAGE
_UNTOUCHED = b"\xa5" * _STACK_SIZE
_RETURN = _TRAPS + _PAGE - 16  # where a function that was called from outside returns to
_TIMEOUT = 600  # seconds for one call: more is an endless loop
_V6M_WIDE = ("bl", "dmb", "dsb", "isb", "mrs", "msr")  # the only instructions of four bytes
_READ, _WRITE = unicorn.UC_HOOK_MEM_READ, unicorn.UC_HOOK_MEM_WRITE


class Machine:
    """One core and its memory. With `strict`, the alignment of every access is checked, which is slow.

    `blocks` counts how often each basic block was executed, by its address and its size in bytes. Without
    `counting` it stays empty: code that only has to be right runs in half the time.
    """

    def __init__(self, core: Core, strict: bool = False, counting: bool = True) -> None:
        self.core = core
        self.blocks: Counter[tuple[int, int]] = Counter()
        self._placed: dict[Region, tuple[int, int, int | None]] = {}  # → first page, bytes, hook
        self._lengths: dict[tuple[int, int], int] = {}
        self._traps: list[Callable[[], None]] = []
        self._error: GalagoError | None = None
        self._next = {True: _WRITABLE, False: _READ_ONLY, None: _CODE}
        self._registers: Any = importlib.import_module(f"unicorn.{core.constants}")
        names = core.pc, core.sp, core.jump, core.result
        self._pc, self._sp, self._jump, self._result = map(self._register, names)
        self._link = self._register(core.link) if core.link else None
        self._arguments = [self._register(name) for name in core.arguments]
        self._capstone = capstone.Cs(*_numbers(capstone, core.capstone))
        self._uc = uc = Uc(*_numbers(unicorn, core.unicorn))
        if core.model is not None:
            uc.ctl_set_cpu_model(self._register(core.model))
        uc.mem_map(_TRAPS, _PAGE, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
        uc.mem_write(_TRAPS, core.trap * (_PAGE // len(core.trap)))
        uc.mem_map(_STACK, _STACK_SIZE, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
        if counting:
            uc.hook_add(unicorn.UC_HOOK_BLOCK, self._on_block, begin=_CODE, end=_STACK)
        uc.hook_add(unicorn.UC_HOOK_CODE, self._on_trap, begin=_TRAPS, end=_RETURN - 1)
        uc.hook_add(unicorn.UC_HOOK_MEM_INVALID, self._on_invalid)
        if strict and core.aligned:
            uc.hook_add(_READ | _WRITE, self._on_access)

    def load(self, code: bytes) -> int:
        """Puts machine code, or constants, into memory and returns its address (bit 0 set for Thumb)."""
        address = self._map(None, len(code), unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
        self._uc.mem_write(address, code)
        return address | self.core.thumb

    def trap(self, action: Callable[[], None]) -> int:
        """An address at which a call runs `action` on the host: see `argument`, `answer` and `jump`."""
        self._traps.append(action)
        return _TRAPS + 4 * (len(self._traps) - 1) | self.core.thumb

    def place(self, data: bytes, writable: bool, name: str = "a buffer") -> Region:
        """Puts a copy of `data` between guard pages.

        A writable buffer is aligned like MicroPython's heap. A read-only one ends at the end of a page, so it
        may begin at any address, like a file in flash.
        """
        size = len(data)
        protection = unicorn.UC_PROT_READ | (unicorn.UC_PROT_WRITE if writable else 0)
        start = self._map(writable, size, protection)
        end = self._next[writable] - _PAGE
        region = Region(name, start if writable else end - size, size, writable)
        self._uc.mem_write(region.address, bytes(data))
        # The rest of the pages is mapped too, and a word may begin in the buffer's last three bytes.
        first, last = start, region.address - 1
        if writable:
            first, last = start + max(0, size - 3), end - 1
        hook = None
        if first <= last:
            hook = self._uc.hook_add(_READ | _WRITE, self._on_edge, user_data=region, begin=first, end=last)
        self._placed[region] = (start, end - start, hook)
        return region

    def remove(self, region: Region) -> None:
        """Unmaps a buffer."""
        start, size, hook = self._placed.pop(region)
        self._uc.mem_unmap(start, size)
        if hook is not None:
            self._uc.hook_del(hook)

    def read(self, region: Region) -> bytes:
        """The current contents of a buffer."""
        return bytes(self._uc.mem_read(region.address, region.size))

    def write(self, region: Region, data: bytes) -> None:
        """Replaces the contents of a buffer, writable or not."""
        self._uc.mem_write(region.address, bytes(data))

    def word(self, address: int) -> int:
        """The unsigned word at an address."""
        return int.from_bytes(self._uc.mem_read(address, 4), "little")

    def call(self, address: int, *arguments: int) -> int:
        """Calls the code at an address with up to four words; returns its result, unsigned."""
        uc, core = self._uc, self.core
        top = _STACK + _STACK_SIZE
        marks = {register: 0x5A00_0000 + register for register in map(self._register, core.saved)}
        for register, value in zip(self._arguments, arguments, strict=False):
            uc.reg_write(register, value & 0xFFFF_FFFF)
        uc.mem_write(_STACK, _UNTOUCHED)
        if self._link is None:
            uc.mem_write(top - 8, _RETURN.to_bytes(8, "little"))
        else:
            uc.reg_write(self._link, _RETURN | core.thumb)
        start = top - 8 if self._link is None else top
        for register, value in ((self._sp, start), *marks.items()):
            uc.reg_write(register, value)
        self._error = None
        try:
            uc.emu_start(address, _RETURN, timeout=_TIMEOUT * unicorn.UC_SECOND_SCALE)
        except UcError as error:
            if not self._error:
                self._fail("native.fault", str(error))
        if self._error:
            raise self._error
        if uc.reg_read(self._pc) != _RETURN:
            raise GalagoError("native.fault", f"{core.name}: no return within {_TIMEOUT} s")
        if uc.reg_read(self._sp) != top or any(
            uc.reg_read(register) != mark for register, mark in marks.items()
        ):
            raise GalagoError("native.convention", "a saved register or the stack pointer came back changed")
        return uc.reg_read(self._result) & 0xFFFF_FFFF

    def stack(self) -> int:
        """Bytes of stack that the last call used."""
        left = bytes(self._uc.mem_read(_STACK, _STACK_SIZE))
        return len(left.lstrip(_UNTOUCHED[:1]))

    def argument(self, index: int) -> int:
        """Returns an argument; only inside a trap."""
        return self._uc.reg_read(self._arguments[index])

    def answer(self, value: int) -> None:
        """Sets the result; only inside a trap."""
        self._uc.reg_write(self._result, value & 0xFFFF_FFFF)

    def jump(self, address: int, *arguments: int) -> None:
        """Calls an address with these arguments, which returns to the trap's caller; only inside a trap."""
        for register, value in zip(self._arguments, arguments, strict=False):
            self._uc.reg_write(register, value)
        self._uc.reg_write(self._jump, address)

    def instructions(self) -> int:
        """Instructions executed since `blocks` was last cleared, without traps and what they stand for.

        An instruction in an IT block of Thumb counts whether its condition holds or not: it takes a cycle.
        """
        return sum(times * self.length(block) for block, times in self.blocks.items())

    def listing(self, block: tuple[int, int]) -> list[str]:
        """A basic block, disassembled."""
        address, size = block
        return [f"{i.mnemonic} {i.op_str}" for i in self.disassemble(address, size)]

    def length(self, block: tuple[int, int]) -> int:
        """The number of instructions in a basic block that was executed."""
        return self._lengths[block]

    def _register(self, name: str) -> int:
        return getattr(self._registers, name)

    def _decode(self, address: int, size: int) -> None:
        instructions = list(self.disassemble(address, size))
        self._lengths[address, size] = len(instructions)
        if self.core.arch != "armv6m":
            return
        # Unicorn's Cortex-M0 runs all of Thumb-2.
        for i in instructions:
            if (i.size == 4 and i.mnemonic not in _V6M_WIDE) or i.mnemonic[:2] in ("cb", "it"):
                self._fail("native.fault", f"{i.mnemonic} at {i.address:#x} is not an instruction of armv6-m")

    def disassemble(self, address: int, size: int):
        """Yields the instructions of some bytes, as capstone describes them."""
        return self._capstone.disasm(bytes(self._uc.mem_read(address, size)), address)

    def _map(self, area: bool | None, size: int, protection: int) -> int:
        address = self._next[area]
        pages = max(_PAGE, size + _PAGE - 1 & -_PAGE)
        self._uc.mem_map(address, pages, protection)
        self._next[area] = address + pages + _PAGE
        return address

    def _fail(self, code: str, message: str) -> None:
        where = self._uc.reg_read(self._pc)
        self._error = GalagoError(code, f"{self.core.name} at {where:#x}: {message}")
        self._uc.emu_stop()

    def _on_block(self, uc, address: int, size: int, _) -> None:
        if (address, size) not in self._lengths:
            self._decode(address, size)
        self.blocks[address, size] += 1

    def _on_trap(self, uc, address: int, size: int, _) -> None:
        if self._link is not None:
            uc.reg_write(self._jump, uc.reg_read(self._link))
        try:
            self._traps[address - _TRAPS >> 2]()
        except GalagoError as error:  # an exception cannot pass through Unicorn
            self._error = error
            uc.emu_stop()

    def _on_edge(self, uc, access: int, address: int, size: int, value: int, region: Region) -> None:
        if address < region.address or address + size > region.address + region.size:
            self._out_of_bounds(access == unicorn.UC_MEM_WRITE, address, size)

    def _on_invalid(self, uc, access: int, address: int, size: int, value: int, _) -> bool:
        if access in (unicorn.UC_MEM_FETCH_UNMAPPED, unicorn.UC_MEM_FETCH_PROT):
            self._fail("native.fault", f"jumps to {address:#x}, where there is no code")
        else:
            self._out_of_bounds(
                access in (unicorn.UC_MEM_WRITE_UNMAPPED, unicorn.UC_MEM_WRITE_PROT), address, size
            )
        return False

    def _on_access(self, uc, access: int, address: int, size: int, value: int, _) -> None:
        if address % size:
            verb = "writes" if access == unicorn.UC_MEM_WRITE else "reads"
            self._fail("native.alignment", f"{verb} {size} bytes at {address:#x}")

    def _out_of_bounds(self, writes: bool, address: int, size: int) -> None:
        verb = "writes" if writes else "reads"
        where = nearest(self._placed, address)
        self._fail("native.bounds", f"{verb} {size} bytes at {address:#x}{where}")


def _numbers(package: Any, names: tuple[str, ...]) -> tuple[int, int]:
    """An architecture and its modes, combined, from the names of a package's constants."""
    first, *modes = (getattr(package, name) for name in names)
    return first, functools.reduce(operator.or_, modes)
