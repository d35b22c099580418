# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""The flash of an emulated board: a file of the host, and host memory as ROMFS."""

import errno

import machine
import micropython
import uctypes
from micropython import const

_BLOCK = const(4096)


class Flash:
    """Block device of `blocks` blocks of `size` bytes.

    Native code does not check for interrupts: Ctrl-C waits until the file system is consistent again, as on a
    board, where the flash driver is C.
    """

    def __init__(self, file, blocks, size):
        self.file = file
        self.blocks = blocks
        self.size = size

    @micropython.native
    def readblocks(self, block, buffer, offset=0):
        """Read from `offset` in `block` until `buffer` is full."""
        file = self.file
        file.seek(block * self.size + offset)
        file.readinto(buffer)

    @micropython.native
    def writeblocks(self, block, buffer, offset=0):
        """Write the whole `buffer` from `offset` in `block` on."""
        file = self.file
        file.seek(block * self.size + offset)
        file.write(power.spend(buffer))
        power.check()

    @micropython.native
    def ioctl(self, operation, argument):
        """4 returns the number of blocks, 5 their size; other operations do nothing and succeed."""
        if operation == 4:
            return self.blocks
        if operation == 5:
            return self.size
        return 0


class Card(Flash):
    """A card in a slot, as machine.SDCard: without it every access fails."""

    def __init__(self, file, slot, blocks):
        super().__init__(file, blocks, 512)
        self.slot = slot

    @micropython.native
    def _check(self):
        self.slot.seek(0)
        if self.slot.read(1) != b"1":
            raise OSError(errno.EIO)

    @micropython.native
    def readblocks(self, block, buffer, offset=0):
        """Read as Flash does. Raises OSError (EIO) without a card."""
        self._check()
        super().readblocks(block, buffer, offset)

    @micropython.native
    def writeblocks(self, block, buffer, offset=0):
        """Write as Flash does, each block or nothing of it: a card checks it first. Raises OSError (EIO)."""
        self._check()
        whole = power.spend(buffer)
        file = self.file
        file.seek(block * self.size + offset)
        file.write(memoryview(whole)[: len(whole) // self.size * self.size])
        power.check()

    def is_empty(self):
        """Returns whether nothing was ever written to the card."""
        block = bytearray(self.size)
        Flash.readblocks(self, 0, block)
        return not any(block)


class _Power:
    """Power that fails during the `left`-th write from now; 0 means never."""

    left = 0
    failed = False

    @micropython.native
    def spend(self, buffer):
        """Returns the part of `buffer` that still gets written."""
        if self.left:
            self.left -= 1
            if not self.left:
                self.failed = True
                return memoryview(buffer)[: len(buffer) // 2]
        return buffer

    @micropython.native
    def check(self):
        if self.failed:
            machine._owner.write(b"cut\n")
            machine._owner.read(1)  # no answer comes: the owner ends this process


power = _Power()


def rom_ioctl_of(address, blocks):
    """Returns vfs.rom_ioctl for one ROMFS in memory (as the ports' vfs_rom_ioctl.c)."""
    rom = memoryview(uctypes.bytearray_at(address, blocks * _BLOCK))

    def rom_ioctl(operation, number=0, *arguments):
        if operation == 1:  # number of ROMFS
            return 1
        if number:
            return -22  # EINVAL
        if operation == 2:  # memory to read
            return rom
        if operation == 3:  # erase; returns the smallest write in bytes
            return 16
        if operation == 4:  # write
            start, data = arguments
            data = power.spend(data)
            rom[start : start + len(data)] = data
            power.check()
            return 0
        if operation == 6:  # erase size in bytes
            return _BLOCK
        return 0

    return rom_ioctl
