# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportUndefinedVariable=false
"""What start.py does; a module, so that the board's `__main__` stays empty."""

import gc
import io
import os
import sys

import __main__  # isort: skip
import _sys
import machine
import micropython
import vfs
from micropython import const

_BLOCK = const(4096)


class Flash:
    """Block device over an open file of the host, of `blocks` blocks of 4096 bytes.

    Native code looks at no pending interrupts: Ctrl-C waits until the file system is whole again, as on a
    board, whose flash driver is C.
    """

    def __init__(self, file, blocks):
        self.file = file
        self.blocks = blocks

    @micropython.native
    def readblocks(self, block, buffer, offset=0):
        """Read from `offset` in `block` until `buffer` is full."""
        file = self.file
        file.seek(block * _BLOCK + offset)
        file.readinto(buffer)

    @micropython.native
    def writeblocks(self, block, buffer, offset=0):
        """Write the whole `buffer` from `offset` in `block` on."""
        file = self.file
        file.seek(block * _BLOCK + offset)
        file.write(buffer)

    @micropython.native
    def ioctl(self, operation, argument):
        """4 counts the blocks, 5 is their size; the others succeed with nothing to do."""
        if operation == 4:
            return self.blocks
        if operation == 5:
            return _BLOCK
        return 0


def _mount(flash):
    # As the ports' _boot.py do: what cannot be mounted is formatted.
    try:
        disk = vfs.VfsLfs2(flash, progsize=256)
    except OSError:
        vfs.VfsLfs2.mkfs(flash, progsize=256)
        disk = vfs.VfsLfs2(flash, progsize=256)
    vfs.umount("/")
    vfs.mount(disk, "/")
    os.chdir("/")


def _report(error):
    # The traceback as the board prints it: without the frames of this file.
    text = io.StringIO()
    sys.print_exception(error, text)
    for line in text.getvalue().split("\n"):
        if line and '"_startup.py"' not in line and "/_startup.py" not in line:
            print(line)


def _execute(path):
    """Run a file of the board if it is there. True: go on; False: it failed; SystemExit passes."""
    try:
        os.stat(path)
    except OSError:
        return True
    try:
        execfile(path, __main__.__dict__)  # noqa: F821
    except SystemExit:
        raise
    except BaseException as error:
        _report(error)
        return False
    return True


def _boot(mode):
    # main.py runs when boot.py has not failed, and not on the way back to a raw REPL (ports/rp2/main.c).
    try:
        if _execute("boot.py") and mode == "friendly":
            _execute("main.py")
    except SystemExit:  # a soft reset, as sys.exit() is on the ports
        machine._owner.write(b"exit\n")
        machine._owner.read(1)  # no answer comes: the owner ends this process
    except KeyboardInterrupt as error:
        _report(error)


def _import(paths, descriptor, beside):
    """Import stand-in modules, and take out of use what they leave of the `beside` bytes that are theirs."""
    import _link

    _link._socket = open(descriptor, "r+b")  # noqa: SIM115
    gc.collect()
    before = gc.mem_alloc()
    for path in paths:
        folder, name = path.rsplit("/", 1)
        sys.path.insert(0, folder)
        __import__(name[:-3])
        sys.path.pop(0)
    gc.collect()
    _link.unused = bytearray(max(0, beside - (gc.mem_alloc() - before)))


def run(numbers, mode, mark, modules):
    """`numbers`: owner's descriptor, image's descriptor, blocks, clock in Hz, cause of the reset, the link's
    descriptor, bytes for stand-in `modules` (paths).
    """
    owner = open(numbers[0], "r+b")  # noqa: SIM115
    machine._owner = owner
    machine._clock_hz, machine._cause = numbers[3:5]
    if modules:
        _import(modules, *numbers[5:])
    _mount(Flash(open(numbers[1], "r+b"), numbers[2]))  # noqa: SIM115
    _sys.install(mark.encode())
    sys.argv[:] = []
    sys.path[:] = ["", ".frozen", "/lib"]
    del sys.modules["_startup"]
    for name in ("_startup", "sys", "__file__"):
        __main__.__dict__.pop(name, None)
    gc.collect()
    owner.write(b"ready\n")
    _boot(mode)
    micropython.kbd_intr(-1)
    owner.write(b"prompt\n")
    owner.read(1)
