# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportUndefinedVariable=false
"""What start.py does; a module, so that the board's `__main__` stays empty."""

import gc
import io
import json
import os
import sys

import __main__  # isort: skip
import _flash
import _sys
import machine
import micropython
import vfs


def _mount(flash, shape):
    # As the ports' _boot.py do: what cannot be mounted is formatted.
    read_only = shape["read_only"]
    try:
        disk = vfs.VfsLfs2(flash, progsize=256)
    except OSError:
        vfs.VfsLfs2.mkfs(flash, progsize=256)
        disk = vfs.VfsLfs2(flash, progsize=256)
    if shape["flat"]:
        import _maixpy  # before the host's files are out of sight

        disk = _maixpy.Flat(disk)
    vfs.umount("/")
    vfs.mount(disk, shape["mount"], readonly=read_only)
    os.chdir(shape["mount"])


def _mount_rom(address, blocks):
    # As the ports do where a partition holds a ROMFS (ports/stm32/main.c, MICROPY_VFS_ROM).
    if not address:
        return
    rom_ioctl = _flash.rom_ioctl_of(address, blocks)
    _sys.extend("vfs", rom_ioctl=rom_ioctl)
    try:
        vfs.mount(vfs.VfsRom(rom_ioctl(2)), "/rom")
    except OSError:
        return
    sys.path += ["/rom", "/rom/lib"]


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
    gc.collect()
    before = gc.mem_alloc()
    import _link

    _link._socket = open(descriptor, "r+b")  # noqa: SIM115
    for path in paths:
        folder, name = path.rsplit("/", 1)
        sys.path.insert(0, folder)
        __import__(name[:-3])
        sys.path.pop(0)
    gc.collect()
    _link.unused = bytearray(max(0, beside - (gc.mem_alloc() - before)))


def run(owner, rom):
    """Be the board that the owner describes (process.py). A descriptor, and an address or 0."""
    owner = open(owner, "r+b")  # noqa: SIM115
    shape = json.loads(owner.readline())
    machine._owner = owner
    machine._clock_hz, machine._cause = shape["clock_hz"], shape["cause"]
    if shape["modules"]:
        _import(shape["modules"], shape["link"], shape["beside"])
    _flash.power.left = shape["power_at"] or 0
    _mount(_flash.Flash(open(shape["image"], "r+b"), shape["blocks"]), shape)  # noqa: SIM115
    root = shape["mount"].rstrip("/")
    sys.path[:] = ["", ".frozen"] + ([root] if root else []) + [root + "/lib"]
    _mount_rom(rom, shape["rom_blocks"])
    _sys.install(shape)
    sys.argv[:] = []
    del sys.modules["_startup"]
    for name in ("_startup", "sys", "__file__"):
        __main__.__dict__.pop(name, None)
    mode = shape["mode"]
    del shape
    gc.collect()
    owner.write(b"ready\n")
    _boot(mode)
    micropython.kbd_intr(-1)
    owner.write(b"prompt\n")
    owner.read(1)
