# SPDX-License-Identifier: MIT
"""Calls the kernels of a whole inference, one after the other, without a return to Python between them.

The function `schedule` of a kernels.mpy takes an array of words, the same on host and board
(firmware/mobilenet/tflite/kernels/schedule.py fills it): HEADER words, then BLOCK words for each layer.

header    0 START, 1 STOP      which calls to make, as positions in the order
          2 ORDER              address of a byte for each call: its layer
          3 SCALES, 4 BIASES   the kernels of these names, as functions of MicroPython
          5 … 9                of this function: arguments of kernels, an array object whose items are a block
          10                   1.0 as float32
block     0 … 6                as kernels take it (__init__.py)
          7 KERNEL             the layer's kernel, as a function of MicroPython; 0: viper computes the layer
          8 STEP, 9 ROWS       output rows of each call, and of all
          10, 11               WEIGHTS for `scales` and for `biases`; 0 and 0 if the layer has no table
          12                   of the caller

LAST is the row after those that a layer computed so far, which the caller sets to 0 before an inference. The
result is the position of the first call that was not made, as a small int: STOP, or that of a layer which
viper computes; FIRST and LAST then say which rows.

A kernel is called as MicroPython does (fun_viper_call in py/objfun.c): its address is the word at CODE of the
function.
"""

import functools
from pathlib import Path

from galago.native import compiler
from galago.native.compiler.direct import Direct

NAME = "schedule"
HEADER, BLOCK = 11, 13
ONE = 10
_THUMB = ("armv6m", "armv7", "helium")

_SOURCE = """
@micropython.viper
def schedule(function: int, count: int, keywords: int, arguments: ptr) -> int:
    header = ptr(ptr(arguments[0])[ITEMS])
    order = ptr8(header[2])
    header[5] = int(header) + (6 << WORD)
    at = header[0]
    while at < header[1]:
        block = ptr(int(header) + (HEADER << WORD) + order[at] * (BLOCK << WORD))
        first = block[4]
        last = first + block[8]
        if last > block[9]:
            last = block[9]
        block[3] = first
        block[4] = last
        if not block[7]:
            break
        header[6 + ITEMS] = int(block)
        if not first and block[10]:
            weights = block[2]
            block[2] = block[10]
            enter(header, ptr(header[3]))
            block[2] = block[11]
            enter(header, ptr(header[4]))
            block[2] = weights
        enter(header, ptr(block[7]))
        at += 1
    return at << 1 | 1

@micropython.viper
def enter(header: ptr, function: ptr):
    call(function[CODE] | THUMB, function, 1, 0, int(header) + (5 << WORD))
"""
_NAMES = {"ITEMS": 3, "CODE": 3, "HEADER": HEADER, "BLOCK": BLOCK}


@functools.cache
def code(arch: str) -> bytes | None:
    """The machine code of the function, or None for an architecture that the compiler has no target for."""
    if arch not in compiler.TARGETS:
        return None
    names = _NAMES | {"THUMB": int(arch.startswith(_THUMB)), "WORD": compiler.TARGETS[arch].word // 32 + 1}
    constants = "\n".join(f"{name} = {value}" for name, value in names.items())
    return compiler.compile_function(compiler.parse(constants + _SOURCE, Path(__file__)), NAME, arch, Direct)
