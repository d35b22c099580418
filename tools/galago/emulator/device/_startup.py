# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportUndefinedVariable=false
"""The work of start.py, in a module so that the board's `__main__` stays empty."""

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


def _mount(flash, config):
    # As the ports' _boot.py do, format a file system that cannot be mounted.
    read_only = config["read_only"]
    kind, options = (vfs.VfsFat, {}) if flash.size == 512 else (vfs.VfsLfs2, {"progsize": 256})
    try:
        disk = kind(flash, **options)
        disk.statvfs("/")  # a FAT that is none is noticed when it is used
    except OSError:
        kind.mkfs(flash, **options)
        disk = kind(flash, **options)
    if config["flat"]:
        import _maixpy  # while the host's files are still visible

        disk = _maixpy.Flat(disk)
    vfs.umount("/")
    vfs.mount(disk, config["mount"], readonly=read_only)
    os.chdir(config["mount"])


def _mount_rom(address, blocks):
    # As the ports do if a partition holds a ROMFS (ports/stm32/main.c, MICROPY_VFS_ROM).
    if not address:
        return
    rom_ioctl = _flash.rom_ioctl_of(address, blocks)
    _sys.extend("vfs", rom_ioctl=rom_ioctl)
    try:
        vfs.mount(vfs.VfsRom(rom_ioctl(2)), "/rom")
    except OSError:
        return
    sys.path += ["/rom", "/rom/lib"]


def _insert(image, slot, blocks):
    # Makes the card machine.SDCard, whatever pins a program names. A new card has a FAT, as one that is sold.
    card = _flash.Card(open(image, "r+b"), open(slot, "rb"), blocks)  # noqa: SIM115
    if card.is_empty():
        vfs.VfsFat.mkfs(card)
    machine.SDCard = lambda *arguments, **options: card


def _report(error):
    # Prints the traceback as the board does, without the frames of this file.
    text = io.StringIO()
    sys.print_exception(error, text)
    for line in text.getvalue().split("\n"):
        if line and '"_startup.py"' not in line and "/_startup.py" not in line:
            print(line)


def _execute(path):
    """Run a file of the board if it exists. Returns False if it raised; SystemExit passes through."""
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
    # main.py runs unless boot.py failed or the board returns to the raw REPL (ports/rp2/main.c).
    try:
        if _execute("boot.py") and mode == "friendly":
            _execute("main.py")
    except SystemExit:  # a soft reset, as sys.exit() is on the ports
        machine._owner.write(b"exit\n")
        machine._owner.read(1)  # blocks until the owner ends this process
    except KeyboardInterrupt as error:
        _report(error)


def _import(paths, descriptor, reserved):
    """Import stand-in modules and packages. What they leave of the `reserved` heap is made unusable."""
    gc.collect()
    before = gc.mem_alloc()
    import _host

    _host._socket = open(descriptor, "r+b")  # noqa: SIM115
    for path in paths:
        folder, name = path.rsplit("/", 1)
        sys.path.insert(0, folder)
        __import__(name.split(".")[0])
        sys.path.pop(0)
    gc.collect()
    _host.unused = bytearray(max(0, reserved - (gc.mem_alloc() - before)))


def run(owner, rom):
    """Become the board that the owner describes (process.py).

    `owner` is the descriptor of its socket, `rom` the address of the ROMFS or 0.
    """
    owner = open(owner, "r+b")  # noqa: SIM115
    config = json.loads(owner.readline())
    machine._owner = owner
    machine._clock_hz, machine._cause = config["clock_hz"], config["cause"]
    if config["stand_in_heap"]:
        _import(config["modules"], config["host_calls"], config["stand_in_heap"])
    _flash.power.left = config["power_at"] or 0
    image = open(config["image"], "r+b")  # noqa: SIM115
    _mount(_flash.Flash(image, config["blocks"], config["block"]), config)
    del image
    if config["card"]:
        _insert(*config["card"])
    root = config["mount"].rstrip("/")
    sys.path[:] = ["", ".frozen"] + ([root] if root else []) + [root + "/lib"]
    _mount_rom(rom, config["rom_blocks"])
    _sys.install(config)
    sys.argv[:] = []
    del sys.modules["_startup"]
    for name in ("_startup", "sys", "__file__"):
        __main__.__dict__.pop(name, None)
    mode = config["mode"]
    del config
    gc.collect()
    owner.write(b"ready\n")
    _boot(mode)
    micropython.kbd_intr(-1)
    owner.write(b"prompt\n")
    owner.read(1)
