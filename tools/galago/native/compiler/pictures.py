# SPDX-License-Identifier: MIT
"""The machine code of the functions that decode and resize pictures: the same for all models.

    data = pictures.build("armv7emsp")      # mobilenet/picture.mpy of the device package

The board's side is firmware/mobilenet/image/compiled.py.
"""

import functools

from galago import cache
from galago.native import compiler, mpy
from galago.resources import firmware_dir

FILE = "picture.mpy"
MOST_CODE = 10 * 1024
"""Most bytes of machine code: they are in the board's heap."""

FUNCTIONS = {
    "image/area": ("push", "span", "column_spans", "fill_zero"),
    "image/jpeg/huffman": ("fill_table",),
    "image/jpeg/mcus": ("decode_mcus",),
    "image/jpeg/color": ("rgb_rows",),
}
"""Module → the viper functions that Python calls. Others are inlined; no two functions have the same name."""


@functools.cache
def functions(arch: str) -> dict[str, bytes]:
    """The machine code of each function, for an architecture as mpy-cross names it; {} without a target."""
    if arch not in compiler.TARGETS:
        return {}
    known: dict[str, str] = cache.derive("picture code", arch, lambda: _compile(arch))
    return {function: bytes.fromhex(code) for function, code in known.items()}


def _compile(arch: str) -> dict[str, str]:
    """The machine code of each function, in hexadecimal: this takes a second."""
    code: dict[str, str] = {}
    for name, own in FUNCTIONS.items():
        module = compiler.read(firmware_dir() / f"mobilenet/{name}.py")
        for function in own:
            code[function] = compiler.compile_function(module, function, arch).hex()
    return code


@functools.cache
def build(arch: str | None) -> bytes:
    """The file. Without an architecture it replaces nothing, so that viper computes."""
    code = functions(arch or "")
    if not arch or not code:
        return mpy.compile("", "", FILE)
    return mpy.machine_code(code, arch)
