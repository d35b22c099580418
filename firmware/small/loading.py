# SPDX-License-Identifier: MIT
"""Fills an Engine from the package and from the file of weights. It is dropped afterwards.

    facts = fill(net, "/models/flowers-nano-48")

The file `network` of the archive says in JSON what the host knows about the model.
"""

import gc
import json
import sys
from array import array
from binascii import crc32

from micropython import const

from .core import GalagoError

_SPARE = const(8192)  # bytes of heap to leave free when the weights are copied to RAM


def fill(net, folder):
    """Fills an Engine and returns what the host says about its model."""
    try:
        with open("/mobilenet/network") as file:
            facts = json.load(file)
        name = facts["model"]
        if folder.rsplit("/", 1)[-1] != name:
            raise GalagoError("model.missing", "%s: the board holds %s only" % (folder, name))
        package = sys.modules["mobilenet"]
        net.arena, net.plan, net.functions = package.arena, package.plan, package.functions
        net.pieces, net.calls = package.pieces, package.calls
        if facts["vipers"]:
            from .vipers import adapted

            net.functions = net.functions + [adapted(name, net) for name in facts["vipers"]]
        net.block = array("Q" if sys.maxsize >> 32 else "I", [0] * 7)
        net.input = _view(net.arena, *facts["input"])
        net.scores = _view(net.arena, *facts["output"][:2])
        _place(net, folder + "/" + facts["weights"], facts)
    except MemoryError:
        net.close()
        raise GalagoError(
            "memory.heap", "%s does not fit into the heap: flash a smaller model" % folder
        ) from None
    finally:
        gc.threshold(-1)  # __init__.py has set it
    return facts


def _view(arena, start, size):
    return memoryview(arena)[start : start + size]


def _place(net, path, facts):
    """Checks the weights, and decides where they are: in place, in RAM or streamed."""
    try:
        file = open(path, "rb")  # noqa: SIM115
    except OSError:
        raise GalagoError("model.missing", "%s is missing: flash the model again" % path) from None
    block = memoryview(bytearray(facts["buffer"]))
    crc = size = 0
    while True:
        count = file.readinto(block)
        if not count:
            break
        crc = crc32(block[:count], crc)
        size += count
    if crc != facts["crc32"]:
        raise GalagoError("model.hash", "%s is not what was flashed: flash the model again" % path)
    try:
        net.buffer = memoryview(file)  # a ROMFS lends its memory
        net.weights = "place"
        return
    except TypeError:
        pass
    gc.collect()
    free = gc.mem_free()
    if sys.maxsize >> 32:  # an emulated board has twice the heap, for objects of twice the size
        free //= 2
    net.weights, net.buffer, net.file, net.held = "stream", block, file, {}
    if free > size + _SPARE:
        try:
            net.buffer = memoryview(bytearray(size))
        except MemoryError:  # not in one piece
            return
        file.seek(0)
        file.readinto(net.buffer)
        file.close()
        net.weights, net.file, net.held = "ram", None, None
