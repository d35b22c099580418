# SPDX-License-Identifier: MIT
"""What the device package takes on a board: bytes of its files, and of the heap once it is imported.

sum(file_sizes("armv7emsp").values())
heap_bytes(plan.modules, "armv7emsp")

A .mpy is loaded by copying its bytecode and machine code to the heap and making objects around them. How many
words those take was found by least squares over the import of each module on the emulated board, where a word
has 8 bytes: the package as a whole is then met within 1 %, a single module within 1.5 KB.
"""

import functools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from galago.native import mpy
from galago.resources import firmware_dir

_BLOCK = 4096
_MODULE_WORDS = 60  # context, tables, and a dict that grows by steps
_FUNCTION_WORDS = 5  # four of the function object (py/objfun.h), and a share of classes
_STRING_WORDS = 7.5  # a place in the pool of strings and mostly one in a dict
_POOL_WORDS = 1.5  # the place in the pool alone


def file_sizes(arch: str) -> dict[Path, int]:
    """Bytes of the .mpy of each source file of the device package.

    Raises GalagoError mpy.compile where mpy-cross cannot compile for the architecture.
    """
    return {source: len(data) for source, data in compiled(arch).items()}


def file_system_bytes(sizes: Iterable[int], folders: int) -> int:
    """What files of these sizes take of a LittleFS.

    Blocks of 4,096 bytes, and three of them per folder: its pair, and what long folders take more.
    """
    return _BLOCK * (sum(-(-size // _BLOCK) for size in sizes) + 3 * folders)


def heap_bytes(sources: Iterable[Path], arch: str, word: int = 4, machine_code: bool = True) -> int:
    """Bytes of heap that these modules take once imported.

    `word` is in bytes; without `machine_code` it lies outside the heap, as in MicroPython's Unix port.
    """
    block = 4 * word  # what the collector gives out (py/gc.h: MICROPY_BYTES_PER_GC_BLOCK)
    total, strings = 0, set()
    for source in sources:
        module = _module(source, arch)
        total += _MODULE_WORDS * word
        for code in _functions(module.code):
            total += _FUNCTION_WORDS * word
            if machine_code or code.kind is mpy.Kind.BYTECODE:
                total += -(-len(code.data) // block) * block
        strings |= set(module.qstrs)
    strings -= set(mpy.STATIC_QSTRS)
    return total + sum(len(text.encode()) + 1 + round(_STRING_WORDS * word) for text in strings)


def names_bytes(dropped: Iterable[Path], kept: Iterable[Path], arch: str, word: int = 4) -> int:
    """Bytes of heap that strings of dropped modules keep: the pool of strings never shrinks."""
    known = set(mpy.STATIC_QSTRS).union(*(_module(source, arch).qstrs for source in kept))
    strings = set().union(*(_module(source, arch).qstrs for source in dropped)) - known
    return sum(len(text.encode()) + 1 + round(_POOL_WORDS * word) for text in strings)


def _module(source: Path, arch: str) -> mpy.Module:
    return mpy.read(compiled(arch)[source])


def compiled(arch: str) -> dict[Path, bytes]:
    """Source file → .mpy."""
    # Viper has no floats: cores that differ by their FPU alone get the same machine code.
    return _compile("armv7emsp" if arch == "armv7emdp" else arch)


@functools.cache
def _compile(arch: str) -> dict[Path, bytes]:
    sources = sorted((firmware_dir() / "mobilenet").rglob("*.py"))
    with ThreadPoolExecutor() as pool:  # mpy-cross is a process for each file
        return dict(zip(sources, pool.map(lambda source: mpy.compile(source, arch), sources), strict=True))


def _functions(code: mpy.Code) -> Iterator[mpy.Code]:
    """The functions within a function. A module's own body is garbage once it has run."""
    for child in code.children:
        yield child
        yield from _functions(child)
