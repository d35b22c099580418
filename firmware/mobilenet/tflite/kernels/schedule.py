# SPDX-License-Identifier: MIT
"""Runs a whole inference in one call of machine code, for a model whose weights stay where they are.

    schedule = Schedule(net, module)
    schedule.invoke(net)
    schedule.run(net, at, first, last)          # rows of one layer, like the `run` of a viper kernel

The function `schedule` of the module calls one kernel after the other, and returns only for a layer that
viper computes. tools/galago/native/kernels/schedule.py describes it, and the words that it works with.
"""

import sys
from array import array

from micropython import const

_RECORD = const(32)
# Words of a layer's record (record.toml).
_OUT_H = const(9)
_OUT_C = const(11)
_WEIGHTS = const(24)
_BIAS = const(25)
_SCALES = const(26)
_TILE = const(28)
_OPERATOR = const(31)

_DEPTHWISE = const(4)  # in the schema
_CONVOLUTIONS = (3, 9)  # CONV_2D, FULLY_CONNECTED
_ELEMENTWISE = (0, 18, 41, 54)  # ADD, MUL, SUB, PRELU

# Words of the header, then of each block.
_START = const(0)
_STOP = const(1)
_ORDER = const(2)
_SCALES_KERNEL = const(3)
_BIASES_KERNEL = const(4)
_ONE = const(10)
_HEADER = const(11)
_FIRST = const(3)
_LAST = const(4)
_KERNEL = const(7)
_STEP = const(8)
_ROWS = const(9)
_POSITION = const(12)  # of the layer's first call in the order: for this file
_BLOCK = const(13)

_WIDE = sys.maxsize >> 32


class Schedule:
    """The calls of an inference, for an Interpreter that has memory and weights."""

    def __init__(self, net, module):
        self._function = module.schedule
        self._module = module  # keeps its functions in memory, which are known here by their addresses
        self._words = words = array("Q" if _WIDE else "I", [0] * (_HEADER + _BLOCK * len(net.runs)))
        at = _HEADER
        for layer in range(len(net.runs)):
            for word in self._block(net, layer):
                words[at] = word
                at += 1
        self._order = self._calls_of(net.chains)
        words[_ORDER] = _address(self._order, 0)
        words[_ONE] = 0x3F800000  # as float32: the scale of layers whose input's scale includes it
        if hasattr(module, "scales"):
            words[_SCALES_KERNEL] = id(module.scales)
            words[_BIASES_KERNEL] = id(module.biases)

    def _calls_of(self, chains):
        """Returns the layer of each call. Notes in each block the position of the first."""
        words, order = self._words, bytearray()
        for chain in chains:
            if len(chain) == 1:
                block = _HEADER + chain[0] * _BLOCK
                chain = chain * -(-words[block + _ROWS] // words[block + _STEP])
            for layer in set(chain):
                words[_HEADER + layer * _BLOCK + _POSITION] = len(order) + chain.find(bytes([layer]))
            order.extend(chain)
        return order

    def _block(self, net, layer):
        plan, at, model = net.plan, layer * _RECORD, net.model
        rows, operator = plan[at + _OUT_H], plan[at + _OPERATOR]
        step = rows if net.alone(layer) else 1
        weights = scales = biases = channels = kernel = 0
        if layer in net.native:
            function, viper = net.native[layer]
            kernel = id(getattr(self._module, function))
            if operator not in _CONVOLUTIONS and operator != _DEPTHWISE:
                if operator in _ELEMENTWISE:
                    weights = _address(*net.second(at))
            elif function == viper:  # compiled from it: takes the whole model
                weights = _address(model, 0)
            else:
                if operator in _CONVOLUTIONS:
                    step = min(step, plan[at + _TILE])
                channels = plan[at + _OUT_C]
                weights = _address(model, plan[at + _WEIGHTS])
                scales = _address(self._words, _ONE * (8 if _WIDE else 4))
                if plan[at + _SCALES]:
                    scales = _address(model, plan[at + _SCALES])
                if plan[at + _BIAS]:
                    biases = _address(model, plan[at + _BIAS])
        record, arena = _address(plan, 4 * at), _address(net.arena, 0)
        return [record, arena, weights, 0, 0, 0, channels, kernel, step, rows, scales, biases, 0]

    @micropython.native
    def invoke(self, net):
        """Computes all layers."""
        words, order = self._words, self._order
        last = _HEADER + _LAST
        while last < len(words):
            words[last] = 0
            last += _BLOCK
        at = self._call(net, 0, len(order))
        while at < len(order):
            layer = order[at]
            block = _HEADER + layer * _BLOCK
            net.runs[layer](net, layer * _RECORD, words[block + _FIRST], words[block + _LAST])
            at = self._call(net, at + 1, len(order))

    @micropython.native
    def run(self, net, at, first, last):
        """Computes output rows [first, last) of the layer whose record starts at net.plan[at]."""
        words = self._words
        block = _HEADER + at // _RECORD * _BLOCK
        words[block + _LAST] = first
        start = words[block + _POSITION]
        self._call(net, start, start - (first - last) // words[block + _STEP])

    def viper(self, layer):
        """Leaves a layer to viper."""
        self._words[_HEADER + layer * _BLOCK + _KERNEL] = 0

    @micropython.native
    def _call(self, net, start, stop):
        """Makes calls from `start` on; returns the position of the first that viper must make, or `stop`."""
        words = self._words
        words[_START] = start
        words[_STOP] = stop
        # Passes the buffers to keep them alive.
        return self._function(words, self._order, net.plan, net.arena, net.model)


@micropython.viper
def _address(buffer, position: int) -> uint:
    return uint(int(ptr8(buffer)) + position)
