# SPDX-License-Identifier: MIT
"""Runs the calls of machine code that the host recorded for one model (tools/galago/small/tape.py).

    net = Engine("/models/flowers-nano-48")
    net.input[:] = picture              # int8 as raw bytes
    net.invoke()
    net.output                          # array of int8

loading.py fills it, and leaves memory afterwards.
"""

from array import array
from binascii import crc32

from micropython import const

from . import once

_CALL = const(8)  # items of a call: function, layer, first row, last row, channel, stop, piece, done
# Words of a layer's record (record.toml).
_RECORD = const(32)
_OUTPUT = const(2)
_OUTPUT_ROWS = const(3)
_OUT_W = const(10)
_OUT_C = const(11)


class Engine:
    """One model, ready to run. Raises GalagoError model.missing, model.hash or memory.heap.

    input, output   a writable view of int8 as raw bytes, and an array of int8
    weights         where they are: "place" (in a ROMFS), "ram" or "stream" (read from the file)
    plan, arena     the records of all layers (record.toml), and the memory that they refer to
    facts           what the host says about the model (tools/galago/small/network.py)
    """

    def __init__(self, folder):
        self.file = self.held = None
        self.filled = 0
        self.facts = once("loading").fill(self, folder)

    @property
    def output(self):
        """The scores, int8."""
        return array("b", self.scores)

    def invoke(self, sums=None):
        """Runs the model; adds the output of each layer to its CRC-32 in the list `sums`, if there is one."""
        calls, block = self.calls, self.block
        plan, arena, buffer = self.plan, self.arena, self.buffer
        records, base = address(plan, 0), address(arena, 0)
        at = 0
        while at < len(calls):
            layer = calls[at + 1]
            block[0] = records + 4 * _RECORD * layer
            block[1] = base
            piece = calls[at + 6]
            block[2] = address(buffer, self._piece(piece - 1)) if piece else 0
            first, last = calls[at + 2], calls[at + 3]
            block[3], block[4], block[5], block[6] = first, last, calls[at + 4], calls[at + 5]
            self.functions[calls[at]](block, plan, arena, buffer)  # passes them to keep them alive
            if sums and calls[at + 7]:
                sums[layer] = crc32(self._rows(layer * _RECORD, first, last), sums[layer])
            at += _CALL

    def _rows(self, at, first, last):
        plan = self.plan
        size = plan[at + _OUT_W] * plan[at + _OUT_C]
        start = plan[at + _OUTPUT] + first % plan[at + _OUTPUT_ROWS] * size
        return memoryview(self.arena)[start : start + (last - first) * size]

    def _piece(self, number):
        """Returns where a piece of the weights is in the buffer, to which it is read if they are streamed."""
        position = self.pieces[2 * number]
        held = self.held
        if held is None:
            return position
        if number not in held:
            size = self.pieces[2 * number + 1]
            start = self.filled + 3 & ~3
            if start + size > len(self.buffer):
                held.clear()
                start = 0
            self.file.seek(position)
            if self.file.readinto(self.buffer[start : start + size]) != size:
                raise once("problems").weights()
            held[number] = start
            self.filled = start + size
        return held[number]

    def close(self):
        """Frees the memory of the weights; the package keeps the rest, for the next one."""
        if self.file:
            self.file.close()
        self.arena = self.buffer = self.file = self.input = self.scores = None
        self.functions = []


@micropython.viper
def address(buffer, position: int) -> uint:
    """Returns the address of a byte of a buffer."""
    return uint(int(ptr8(buffer)) + position)


@micropython.viper
def flip(buffer: ptr8, size: int):
    """Turns pixels into int8 = pixel - 128, in place."""
    while size:
        size -= 1
        buffer[size] = buffer[size] ^ 0x80
