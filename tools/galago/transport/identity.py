# SPDX-License-Identifier: MIT
"""What a connected board says of itself: its firmware, its processor, where its file system is."""

from typing import TypedDict, cast

from galago.transport.mpremote_adapter import RawRepl

# sys.implementation._mpy >> 10 & 15 (MicroPython, py/persistentcode.h)
_ARCH = (
    *("", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp"),
    *("xtensa", "xtensawin", "rv32imc", "rv64imc", "", "", ""),
)

_IMPLEMENTATION = (
    "(lambda i,s,o:[i[0],i[1],getattr(i,'_mpy',0),getattr(i,'_machine','')or o.uname()[4],"
    "s.platform,getattr(i,'_build',''),getattr(i,'_kernels',''),"
    "getattr(i,'_emulated',False)])(*[__import__('sys').implementation,__import__('sys'),"
    "__import__('os')])"
)
# At the top of a tree in which file systems are mounted, statvfs counts no blocks.
_ROOT = (
    "(lambda o:'' if o.statvfs('/')[2] else (['/'+n for n in ('flash','sdcard','sd') "
    "if n in o.listdir('/')]+[''])[0])(__import__('os'))"
)


class Implementation(TypedDict):
    """A board's sys.implementation and sys.platform."""

    name: str
    """The interpreter: micropython."""
    version: tuple[int, ...]
    mpy: int
    """The .mpy files that it loads, as sys.implementation._mpy encodes it; 0 for none."""
    arch: str
    """mpy-cross's name of the processor's architecture; empty if the firmware loads no native code."""
    kernels: str
    """The architecture of a model's native kernels: `arch`, except on an emulated board with its own core."""
    machine: str
    platform: str
    build: str
    emulated: bool
    """Whether it is Galago's emulated board."""


def read_implementation(repl: RawRepl) -> Implementation:
    """Ask the board. Raises what mpremote raises."""
    name, version, mpy, machine, platform, build, kernels, emulated = cast(
        tuple[str, tuple[int, ...], int, str, str, str, str, bool], repl.eval(_IMPLEMENTATION)
    )
    arch = _ARCH[mpy >> 10 & 15]
    return Implementation(
        name=name,
        version=version,
        mpy=mpy,
        arch=arch,
        kernels=kernels or arch,
        machine=machine,
        platform=platform,
        build=build,
        emulated=emulated,
    )


def file_system_root(repl: RawRepl) -> str:
    """Return the path to put before a file's path: "" or, for example, "/flash"."""
    return str(repl.eval(_ROOT))
