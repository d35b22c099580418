# SPDX-License-Identifier: MIT
"""Puts machine code made for a model (kernels/native.py) in place of its viper kernels, before planning.

    kernels = native.module("/models/everyday-v1-025-96/kernels.mpy")
    operators = native.replace(graph.operators, kernels)

A layer that the file does not name, or whose record is not the one it was made for, stays with viper.
"""

import sys

from micropython import const

# Words of a layer's record (loading/graph.py).
_IN_H = const(6)
_IN_C = const(8)
_OUT_C = const(11)
_K_H = const(12)
_K_W = const(13)
_IN_SCALE = const(22)
_OPERATOR = const(31)


def module(path):
    """The module at a path that ends in .mpy; None, and a line of log, where this board cannot load it."""
    folder, name = path[:-4].rsplit("/", 1)
    sys.path.insert(0, folder or "/")
    try:
        return __import__(name)
    except (ImportError, ValueError, MemoryError) as error:
        print("kernels: %s cannot be loaded (%s), viper computes" % (path, error))
    finally:
        sys.path.pop(0)
        sys.modules.pop(name, None)


def replace(operators, kernels):
    """The operators of a graph, with an Operator for those that the module `kernels` computes."""
    layers = {layer[0]: layer[1:] for layer in kernels.LAYERS}
    replaced = []
    for number, (operator, record, inputs, output) in enumerate(operators):
        name, made_for, rows, whole = layers.get(number, ("", 0, 0, 0))
        if name and made_for == signature(record):
            operator = (Weighted if hasattr(operator, "piece") else Operator)(operator, name, rows, whole)
        elif name:
            print("kernels: layer %d is not what %s was made for, viper computes it" % (number, name))
        replaced.append((operator, record, inputs, output))
    return replaced


def signature(record):
    """What must be as it was when a kernel was generated: shapes, window, zero points and clamps."""
    found = record[_OPERATOR]
    for word in record[_IN_H:_IN_SCALE]:
        found = (found * 31 + word) & 0xFFFFFF
    return found


class Operator:
    """What loading must know of an operator whose kernel is machine code, or viper where that is not trusted.

    FUNCTION names the machine code, KERNEL the viper kernel. There is scratch for either.
    """

    def __init__(self, operator, function, rows, whole):
        self.operator = operator
        self.KERNEL, self.FUNCTION = operator.KERNEL, function
        self.STREAMS = operator.STREAMS
        # A depthwise kernel in the same place would have to go channel by channel.
        self.OVERLAP = "never" if operator.OVERLAP == "same" else operator.OVERLAP
        self._sizes = rows, whole

    def step(self, record):
        """As viper's."""
        return self.operator.step(record)

    def scratch(self, record, whole):
        """Bytes of scratch."""
        return max(self._sizes[1 if whole else 0], self.operator.scratch(record, whole))


class Weighted(Operator):
    """One that has weights."""

    def piece(self, record):
        """Bytes of the model needed at once: of a convolution, the weights of four channels."""
        if self.KERNEL != "conv_2d":
            return self.operator.piece(record)
        return max(4 * record[_K_H] * record[_K_W] * record[_IN_C], 4 * record[_OUT_C])

    def macs(self, record):
        """Multiplications of one inference."""
        return self.operator.macs(record)
