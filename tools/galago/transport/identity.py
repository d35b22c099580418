# SPDX-License-Identifier: MIT
"""What a connected board says of itself: its firmware, its processor, where its file system is."""

import re
from typing import TypedDict

from galago.transport.mpremote_adapter import RawRepl

_LONGEST = 200  # characters of a line

# sys.implementation._mpy >> 10 & 15 (MicroPython, py/persistentcode.h)
_ARCH = (
    *("", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp"),
    *("xtensa", "xtensawin", "rv32imc", "rv64imc", "", "", ""),
)

# Prints a line for each of these; MaixPy has no sys.implementation._machine.
_IMPLEMENTATION = """
def _identity():
    import os, sys
    i = sys.implementation
    print(i[0])
    print(".".join([str(n) for n in i[1][:3]]))
    print(getattr(i, "_mpy", 0))
    print(getattr(i, "_machine", "") or os.uname()[4])
    print(sys.platform)
    print(getattr(i, "_build", ""))
    print(getattr(i, "_kernels", ""))
    print(getattr(i, "_emulated", False))
_identity()
del _identity
"""
# At the top of a tree in which file systems are mounted, statvfs counts no blocks.
_ROOT = """
def _root():
    import os
    if not os.statvfs("/")[2]:
        for name in ("flash", "sdcard", "sd"):
            if name in os.listdir("/"):
                return "/" + name
    return ""
print(_root())
del _root
"""


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
    """Ask the board. Raises what mpremote raises, and ValueError for an answer of another form."""
    name, version, mpy, machine, platform, build, kernels, emulated = _lines(repl, _IMPLEMENTATION, 8)
    if not re.fullmatch(r"\d{1,3}(\.\d{1,5}){1,2}", version) or not re.fullmatch(r"\d{1,6}", mpy):
        raise ValueError(f"MicroPython {version} with .mpy files {mpy}")
    arch = _ARCH[int(mpy) >> 10 & 15]
    return Implementation(
        name=name,
        version=tuple(map(int, version.split("."))),
        mpy=int(mpy),
        arch=arch,
        kernels=kernels or arch,
        machine=machine,
        platform=platform,
        build=build,
        emulated=emulated == "True",
    )


def file_system_root(repl: RawRepl) -> str:
    """Return the path to put before a file's path: "" or, for example, "/flash"."""
    (root,) = _lines(repl, _ROOT, 1)
    if root not in ("", "/flash", "/sdcard", "/sd"):
        raise ValueError(f"a file system at {root}")
    return root


def _lines(repl: RawRepl, program: str, count: int) -> list[str]:
    """Return the `count` lines that a program prints, each at most 200 printable characters."""
    lines = repl.exec(program).decode().replace("\r\n", "\n").removesuffix("\n").split("\n")
    if len(lines) != count or any(len(line) > _LONGEST or not line.isprintable() for line in lines):
        raise ValueError(f"{len(lines)} lines, expected {count}")
    return lines
