# SPDX-License-Identifier: MIT
"""Lowers TFLite's padding. The KPU always pads 3x3 kernels by one pixel all around and keeps even pixels.

    padding = Padding(graph)
    padding.rotated         # whether picture and kernels must be rotated by 180 degrees
    padding.source(tensor)  # the input of a PAD, or the tensor itself

With stride 2 TFLite's SAME pads an even side only at its end, so that windows are centred on odd pixels.
Rotated by 180 degrees these are the even ones, and the padded end comes first: exact for every layer, at no
cost.
"""

import numpy as np

from galago.targets.k210.lowering.convolution import unsupported
from galago.tflite.graph import Graph, Operator

_SAME = 0
Pads = tuple[tuple[int, int], tuple[int, int]]  # before and after, of rows and of columns


class Padding:
    """Checks the padding of every convolution. Raises GalagoError model.operator with the layer's name."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._pads: dict[int, tuple[int, Pads]] = {}
        late: Operator | None = None
        early: Operator | None = None
        for operator in graph.operators:
            if operator.kind == "PAD":
                self._add_pad(operator)
            elif operator.kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
                kind = self._kind(operator)
                late = operator if kind == "late" else late
                early = operator if kind == "early" else early
        if late and early:
            raise unsupported(
                late, f"pads at the end, {early} all around", "use the same padding for stride 2"
            )
        self.rotated = late is not None

    def source(self, tensor: int) -> int:
        """Returns the input of a PAD for its output, and any other tensor itself."""
        return self._pads[tensor][0] if tensor in self._pads else tensor

    def _add_pad(self, operator: Operator) -> None:
        pads = self._graph.tensors[operator.inputs[1]].data
        source, padded = (self._graph.tensors[i] for i in (operator.inputs[0], operator.output))
        if pads is None or pads.shape != (4, 2) or np.any(pads[[0, 3]]):
            raise unsupported(operator, "pads more than rows and columns", "use ZeroPadding2D")
        if (source.scale, source.zero_point) != (padded.scale, padded.zero_point):
            raise unsupported(operator, "changes the scale", "quantize it again")
        (top, bottom), (left, right) = pads[1:3].tolist()
        self._pads[operator.output] = operator.inputs[0], ((top, bottom), (left, right))

    def _kind(self, operator: Operator) -> str:
        """Returns none, around, early (around, stride 2) or late (at the end, stride 2)."""
        options, weights = operator.options, self._graph.tensors[operator.inputs[1]].shape
        source, output = (self._graph.tensors[i].shape for i in (operator.inputs[0], operator.output))
        size, stride = weights[1:3], options.strideH
        if len(source) != 4 or len(output) != 4 or source[0] != 1:
            raise unsupported(operator, f"reads a tensor of shape {source}", "use one picture, channels last")
        if size not in ((1, 1), (3, 3)):
            raise unsupported(operator, f"has a kernel of {size[0]}x{size[1]}", "use 1x1 or 3x3")
        if stride not in (1, 2) or options.strideW != stride:
            raise unsupported(operator, f"has strides {stride} and {options.strideW}", "use 1 or 2 for both")
        if (options.dilationHFactor, options.dilationWFactor) != (1, 1):
            raise unsupported(operator, "has a dilation", "use none")
        if options.padding == _SAME and operator.inputs[0] in self._pads:
            raise unsupported(operator, "pads a padded tensor", "use padding 'valid' after ZeroPadding2D")
        pads = tuple(
            self._axis_pads(operator, axis, source[1 + axis], output[1 + axis], size[axis]) for axis in (0, 1)
        )
        if size == (1, 1):
            if stride != 1 or pads != ((0, 0), (0, 0)):
                raise unsupported(operator, f"is 1x1 with stride {stride} and padding {pads}", "use stride 1")
            return "none"
        if stride == 1:
            if pads != ((1, 1), (1, 1)):
                raise unsupported(
                    operator, f"pads {pads}, the KPU pads by 1 all around", "use padding 'same'"
                )
            return "around"
        height, width = self._graph.tensors[self.source(operator.inputs[0])].shape[1:3]
        if height % 2 or width % 2:
            raise unsupported(operator, f"halves {height}x{width}", "use a multiple of 32 as input")
        if pads == ((0, 1), (0, 1)):
            return "late"
        if pads == ((1, 1), (1, 1)):
            return "early"
        raise unsupported(operator, f"pads {pads}", "use padding 'same'")

    def _axis_pads(
        self, operator: Operator, axis: int, length: int, output: int, size: int
    ) -> tuple[int, int]:
        if operator.options.padding == _SAME:
            total = max(0, (output - 1) * operator.options.strideH + size - length)
            return total // 2, total - total // 2
        if operator.inputs[0] in self._pads:
            return self._pads[operator.inputs[0]][1][axis]
        return 0, 0
