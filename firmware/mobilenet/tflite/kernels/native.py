# SPDX-License-Identifier: MIT
"""Runs machine code that the host generated for one model and one processor, instead of viper kernels.

It calls the kernels one by one, and reads the weights between the calls where they are streamed. Where they
are not, schedule.py runs a whole inference in one call.

    kernel = MachineCode("pointwise_16", module, alone=False)
    kernel.run(net, at, first, last)            # like the `run` of a viper kernel

tools/galago/native/kernels/__init__.py documents the module and the calling convention of its functions.
"""

import sys
from array import array

from micropython import const

# Words of a layer's record (record.toml).
_IN_C = const(8)
_OUT_C = const(11)
_K_H = const(12)
_K_W = const(13)
_WEIGHTS = const(24)
_BIAS = const(25)
_SCALES = const(26)
_SCALE_STEP = const(27)
_TILE = const(28)
_OPERATOR = const(31)

_DEPTHWISE = const(4)  # in the schema
_CONVOLUTIONS = (3, 9)  # CONV_2D, FULLY_CONNECTED
_ELEMENTWISE = (0, 18, 41, 54)  # ADD, MUL, SUB, PRELU
_ONE = b"\0\0\x80\x3f"  # float32 1.0: the input's scale includes it (operators/fully_connected.py)
_WORD = "Q" if sys.maxsize >> 32 else "I"
_BLOCK = array(_WORD, [0] * 7)  # arguments of a function


class MachineCode:
    """A function in a module of machine code; `alone` says that its layer runs as a whole, not in a chain."""

    def __init__(self, name, module, alone):
        self._function = getattr(module, name)
        self._scales = getattr(module, "scales", None)
        self._biases = getattr(module, "biases", None)
        # A layer of a chain keeps its arguments, of which only the row changes, once it has run its row 0.
        self._block = _BLOCK if alone else array(_WORD, [0] * 7)
        self._constants = None if alone else b""

    @micropython.native
    def run(self, net, at, first, last):
        """Computes output rows [first, last) of the layer whose record starts at net.plan[at]."""
        if first and self._constants is not None:
            block = self._block
            block[3] = first
            block[4] = last
            self._function(block, net.plan, net.arena, self._constants)
        else:
            self._begin(net, at, first, last)

    def _begin(self, net, at, first, last):
        plan = net.plan
        operator = plan[at + _OPERATOR]
        if operator in _CONVOLUTIONS:
            if not first:
                self._table(net, at)
            self._convolve(net, at, first, last)
            return
        channels = 0
        filters, position = b"", -1
        if operator == _DEPTHWISE:
            channels = plan[at + _OUT_C]
            self._table(net, at)
            size = channels * plan[at + _K_H] * plan[at + _K_W]
            filters, position = net.constant(plan[at + _WEIGHTS], size)
        elif operator in _ELEMENTWISE:
            filters, position = net.second(at)
        _call(self._function, self._block, net, at, filters, position, first, last, 0, channels)
        self._block[2] = 0  # weights are valid for row 0 alone

    @micropython.native
    def _convolve(self, net, at, first, last):
        plan = net.plan
        channels, rows = plan[at + _OUT_C], plan[at + _TILE]
        size = plan[at + _K_H] * plan[at + _K_W] * plan[at + _IN_C]
        group = net.group(size) & ~1
        if group < channels:
            self._groups(net, at, first, last, size, group)
            return
        function, block, arena = self._function, self._block, net.arena
        filters, position = net.constant(plan[at + _WEIGHTS], channels * size)
        _addresses(block, plan, at, arena, filters, position)
        block[5] = 0
        block[6] = channels
        while first < last:
            end = first + rows
            if end > last:
                end = last
            block[3] = first
            block[4] = end
            function(block, plan, arena, filters)
            first = end
        if block is not _BLOCK:
            self._constants = None if net.weights == "stream" else filters

    def _groups(self, net, at, first, last, size, group):
        """Computes a layer whose weights do not fit the buffer that they are streamed through."""
        plan = net.plan
        channels, rows = plan[at + _OUT_C], plan[at + _TILE]
        self._constants = None
        while first < last:
            end = min(last, first + rows)
            channel = 0
            while channel < channels:
                stop = min(channels, channel + group)
                if channels - stop == 1:  # kernels compute two channels at a time
                    stop -= 2
                filters, position = net.constant(
                    plan[at + _WEIGHTS] + channel * size, (stop - channel) * size
                )
                _call(self._function, self._block, net, at, filters, position, first, end, channel, stop)
                channel = stop
            first = end

    def _table(self, net, at):
        """Writes multipliers, shifts and biases of all output channels at the start of the scratch."""
        plan = net.plan
        channels = plan[at + _OUT_C]
        if not self._scales:
            from .conv_2d import table

            table(net, at, channels)
            return
        scales, position = _ONE, 0
        if plan[at + _SCALES]:
            scales, position = net.constant(plan[at + _SCALES], plan[at + _SCALE_STEP] * channels or 4)
        _call(self._scales, _BLOCK, net, at, scales, position, 0, 0, 0, channels)
        biases, position = b"", -1
        if plan[at + _BIAS]:
            biases, position = net.constant(plan[at + _BIAS], 4 * channels)
        _call(self._biases, _BLOCK, net, at, biases, position, 0, 0, 0, channels)


def _call(function, block, net, at, constants, position, first, last, channel, stop):
    _addresses(block, net.plan, at, net.arena, constants, position)
    block[3], block[4], block[5], block[6] = first, last, channel, stop
    function(block, net.plan, net.arena, constants)  # passes the buffers to keep them alive


@micropython.viper
def _addresses(block: ptr32, plan, at: int, arena, constants, position: int):
    """Writes the first three items of a block: addresses; position -1 stands for address 0."""
    wide = 1
    wide = (wide << 16 << 16) >> 27  # bits of an int beyond 32: 0, or 32 on x64
    step = 1 + (wide >> 5)
    record = int(ptr32(plan)) + (at << 2)
    base = int(ptr8(arena))
    weights = 0
    if position >= 0:
        weights = int(ptr8(constants)) + position
    block[0] = record
    block[step] = base
    block[step + step] = weights
    if wide:
        block[1] = record >> wide
        block[3] = base >> wide
        block[5] = weights >> wide
