# SPDX-License-Identifier: MIT
"""Replaces viper kernels by machine code generated for the model (kernels/native.py), before planning.

    kernels = native.module("/models/everyday-v1-025-96/kernels.mpy")
    operators = native.replace(graph.operators, kernels)

A layer that the file does not name, or whose record differs from the one it was generated for, keeps viper.
"""

import sys

from micropython import const

# Words of a layer's record (record.toml).
_IN_H = const(6)
_IN_C = const(8)
_OUT_C = const(11)
_K_H = const(12)
_K_W = const(13)
_IN_SCALE = const(22)
_OPERATOR = const(31)


def module(path):
    """Returns the module at a path that ends in .mpy; logs a line if this board cannot load it."""
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
    """Returns the operators of a graph, with a NativeOperator for each that the module `kernels` computes."""
    layers = {layer[0]: layer[1:] for layer in kernels.LAYERS}
    replaced = []
    for number, (operator, record, inputs, output) in enumerate(operators):
        name, expected, rows, whole = layers.get(number, ("", 0, 0, 0))
        if name and expected == signature(record):
            kind = WeightedNativeOperator if hasattr(operator, "piece") else NativeOperator
            operator = kind(operator, name, rows, whole)
        elif name:
            print("kernels: layer %d is not the one that %s was made for, viper computes it" % (number, name))
        replaced.append((operator, record, inputs, output))
    return replaced


def signature(record):
    """Returns a hash of what a kernel was generated for: operator, shapes, window, zero points and clamps."""
    result = record[_OPERATOR]
    for word in record[_IN_H:_IN_SCALE]:
        result = (result * 31 + word) & 0xFFFFFF
    return result


class NativeOperator:
    """An operator whose kernel is machine code, in the form of a module of `operators`.

    FUNCTION names the machine code, KERNEL the viper kernel that replaces it if it computes wrong results
    (kernels/proof.py). The scratch is large enough for either.
    """

    def __init__(self, operator, function, rows, whole):
        self.operator = operator
        self.KERNEL, self.FUNCTION = operator.KERNEL, function
        self.STREAMS = operator.STREAMS
        # Generated depthwise code does not work channel by channel, so that it cannot run in place.
        generated = function != operator.KERNEL
        self.OVERLAP = "never" if generated and operator.OVERLAP == "same" else operator.OVERLAP
        self._sizes = rows, whole

    def step(self, record):
        """Returns the output rows of a tile, as the viper kernel's."""
        return self.operator.step(record)

    def scratch(self, record, whole):
        """Returns the bytes of scratch, to run as a whole or row by row."""
        return max(self._sizes[1 if whole else 0], self.operator.scratch(record, whole))


class WeightedNativeOperator(NativeOperator):
    """A NativeOperator with weights."""

    def piece(self, record):
        """Returns the bytes of the model needed at once: for a convolution, the weights of four channels."""
        if self.KERNEL != "conv_2d":
            return self.operator.piece(record)
        return max(4 * record[_K_H] * record[_K_W] * record[_IN_C], 4 * record[_OUT_C])

    def macs(self, record):
        """Returns the MACs of one inference."""
        return self.operator.macs(record)
