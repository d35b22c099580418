# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""The flash of an emulated board: a file of the host, and host memory as ROMFS."""

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
