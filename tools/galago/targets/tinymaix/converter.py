# SPDX-License-Identifier: MIT
"""Converts an int8 .tflite to TinyMaix's .tmdl.

    convert(tflite_bytes)                  # a Tmdl
    convert(tflite_bytes, pictures)        # with corrected biases (truncation_bias.py)

The final softmax is left to the board, because TinyMaix's own approximates the exponential roughly. A fully
connected layer becomes a 1x1 convolution, which may have a scale per output.
"""

import numpy as np

from galago.errors import GalagoError
from galago.targets.tinymaix import tmdl
from galago.targets.tinymaix.tmdl import Shape, Tmdl, TmdlLayer
from galago.targets.tinymaix.truncation_bias import correct
from galago.tflite.graph import Graph, Operator, Tensor

_ACTIVATIONS = {0: tmdl.NONE, 1: tmdl.RELU, 3: tmdl.RELU6}  # by ActivationFunctionType of the schema
# TinyMaix wraps values around that leave the range of a tensor. So the range of a feature map without
# activation is widened by this fraction on each side, and that of logits far more below: calibration clips
# there what no softmax would tell from 0. A range that starts at the zero point needs nothing below.
_MARGIN, _MARGIN_BELOW_LOGITS = 0.1, 1.5


def convert(tflite: bytes, pictures: np.ndarray | None = None) -> Tmdl:
    """Returns the model; with `pictures`, int8 [n, height, width, channels], its biases are corrected.

    Raises GalagoError model.malformed, or backend.refused for what TinyMaix or emlearn's build lacks.
    """
    converter = _Converter(Graph.read(tflite))
    model = converter.convert()
    if pictures is not None:
        correct(model, converter.tensors, tflite, pictures)
    return model


def refused(reason: str) -> GalagoError:
    """Returns the GalagoError backend.refused to raise."""
    return GalagoError("backend.refused", f"emlearn cannot run the model: {reason}: use another runtime")


class _Converter:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._layers: list[tuple[TmdlLayer, list[int], int]] = []  # with input and output tensors
        self._pads: dict[int, tuple[int, tuple[int, int, int, int]]] = {}
        self._aliases: dict[int, int] = {}  # reshaped tensors → the tensor with the same bytes
        self._scales: dict[int, tuple[float, int]] = {}  # of tensors with a new scale and zero point

    def convert(self) -> Tmdl:
        graph = self._graph
        operators = graph.operators[:-1] if graph.operators[-1].kind == "SOFTMAX" else graph.operators
        if len(operators) == len(graph.operators) or not operators:
            raise refused("its last layer is not a softmax")
        for operator in operators:
            self._add(operator)
        last, _, output = self._layers[-1]
        last.last = True
        if last.activation == tmdl.NONE and last.kind == tmdl.CONV:
            logits = graph.tensors[output]
            last.output_scale, last.output_zero_point = _widened_logits(logits.scale, logits.zero_point)
        if output != self._resolve(operators[-1].output) or last.output_shape[:2] != (1, 1):
            raise refused("its scores are not one vector")
        size = self._allocate()
        shape = _map_shape(graph.tensors[graph.input])
        return Tmdl(shape, last.output_shape[2], size, [layer for layer, _, _ in self._layers])

    @property
    def tensors(self) -> list[int]:
        """The output tensor of each layer."""
        return [output for _, _, output in self._layers]

    def _resolve(self, tensor: int) -> int:
        return self._aliases.get(tensor, tensor)

    def _add(self, operator: Operator) -> None:
        tensors = self._graph.tensors
        source, output = self._resolve(operator.inputs[0]), operator.output
        match operator.kind:
            case "PAD":
                self._pads[output] = source, self._padding(operator)
            case "RESHAPE":
                self._aliases[output] = source
            case "CONV_2D" | "DEPTHWISE_CONV_2D" | "FULLY_CONNECTED":
                self._convolution(operator)
            case "MEAN" | "AVERAGE_POOL_2D":
                if operator.kind == "AVERAGE_POOL_2D" and tensors[output].size != tensors[output].shape[-1]:
                    raise refused(f"{_name(operator)} does not average whole maps")
                self._append(tmdl.POOL, operator, [source])
            case "ADD" if operator.options.fusedActivationFunction == 0:
                second = self._resolve(operator.inputs[1])
                layer = self._append(tmdl.ADD, operator, [source, second])
                other = tensors[operator.inputs[1]]
                scales = self._scales.get(second, (other.scale, other.zero_point))
                layer.second_input = 0, *scales
            case "SOFTMAX":
                layer = self._append(tmdl.SOFTMAX, operator, [source])
                # With zero point 0 truncation makes the many small probabilities 0; with -128 each would be a
                # step.
                self._rescale(layer, operator, 1 / 127, 0)
            case _:
                raise refused(f"TinyMaix does not support {_name(operator)}")

    def _append(self, kind: int, operator: Operator, inputs: list[int]) -> TmdlLayer:
        source, output = self._graph.tensors[operator.inputs[0]], self._graph.tensors[operator.output]
        scales = self._scales.get(inputs[0], (source.scale, source.zero_point))
        shapes = _map_shape(source), _map_shape(output)
        layer = TmdlLayer(kind, 0, 0, *shapes, *scales, output.scale, output.zero_point)
        self._layers.append((layer, inputs, operator.output))
        return layer

    def _rescale(self, layer: TmdlLayer, operator: Operator, scale: float, zero_point: int) -> None:
        layer.output_scale, layer.output_zero_point = scale, zero_point
        self._scales[operator.output] = scale, zero_point

    def _padding(self, operator: Operator) -> tuple[int, int, int, int]:
        users = self._graph.users(operator.output)
        if [user.kind for user in users] not in (["CONV_2D"], ["DEPTHWISE_CONV_2D"]):
            raise refused(f"{_name(operator)} is not before a convolution")
        pads = self._graph.tensors[operator.inputs[1]].data
        if pads is None or pads.shape != (4, 2) or pads[[0, 3]].any():
            raise refused(f"{_name(operator)} pads more than rows and columns")
        return int(pads[1][0]), int(pads[1][1]), int(pads[2][0]), int(pads[2][1])

    def _convolution(self, operator: Operator) -> None:
        graph, options = self._graph, operator.options
        weights, source = graph.tensors[operator.inputs[1]], self._resolve(operator.inputs[0])
        depthwise = operator.kind == "DEPTHWISE_CONV_2D"
        if weights.zero_point:
            raise refused(f"the weights of {_name(operator)} have a zero point")
        pad = (0, 0, 0, 0)
        if source in self._pads:
            source, pad = self._pads[source]
        kind = tmdl.DEPTHWISE if depthwise else tmdl.CONV
        layer = self._append(kind, operator, [source])
        layer.input_shape = _map_shape(graph.tensors[source])
        if weights.data is None or options.fusedActivationFunction not in _ACTIVATIONS:
            raise refused(f"TinyMaix does not support this form of {_name(operator)}")
        layer.activation = _ACTIVATIONS[options.fusedActivationFunction]
        data = weights.data
        if operator.kind == "FULLY_CONNECTED":
            if graph.tensors[operator.output].size != len(data):
                raise refused(f"{_name(operator)} is a dense layer at each position of a map")
            layer.input_shape = (1, 1, data.shape[1])
            data = data.reshape(data.shape[0], 1, 1, data.shape[1])
        else:
            if (options.dilationHFactor, options.dilationWFactor) != (1, 1):
                raise refused(f"{_name(operator)} has a dilation")
            layer.stride = options.strideH, options.strideW
        layer.kernel = data.shape[1], data.shape[2]
        layer.weights = np.ascontiguousarray(data.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2)))
        if operator.kind != "FULLY_CONNECTED" and options.padding == 0 and not any(pad):
            pad = _same_padding(layer)
        layer.pad = pad
        self._check(operator, layer)
        outputs = layer.output_shape[2]
        layer.scales = np.broadcast_to(weights.scales.astype(np.float32), outputs).copy()
        biases = np.zeros(outputs, np.int64)
        if len(operator.inputs) > 2 and operator.inputs[2] != -1:
            data = graph.tensors[operator.inputs[2]].data
            if data is not None:  # scaled by the model's own scale of the input
                biases += np.rint(data * (graph.tensors[source].scale / layer.input_scale)).astype(np.int64)
        biases -= layer.input_zero_point * layer.weights.reshape(outputs, -1).sum(1, dtype=np.int64)
        layer.biases = biases.clip(-(1 << 31), (1 << 31) - 1).astype(np.int32)
        if layer.activation == tmdl.NONE:
            feeds_softmax = any(user.kind == "SOFTMAX" for user in graph.users(operator.output))
            widen = _widened_logits if feeds_softmax else _widened
            self._rescale(layer, operator, *widen(layer.output_scale, layer.output_zero_point))

    def _check(self, operator: Operator, layer: TmdlLayer) -> None:
        height, width = layer.kernel
        depthwise = layer.kind == tmdl.DEPTHWISE
        outputs, inputs = layer.output_shape[2], layer.input_shape[2]
        window = height * width * (outputs if depthwise else inputs)
        if outputs > tmdl.MAX_CHANNELS:
            raise refused(f"{_name(operator)} has {outputs:,} channels, emlearn allows {tmdl.MAX_CHANNELS:,}")
        if height * width > tmdl.MAX_KERNEL:
            raise refused(f"{_name(operator)} has a {height} x {width} kernel")
        if height * width > 1 and window > tmdl.MAX_WINDOW:
            raise refused(
                f"{_name(operator)} needs {window:,} bytes at once, emlearn has {tmdl.MAX_WINDOW:,}"
            )
        if height * width == 1 and (depthwise or any(layer.pad)):
            raise refused(f"TinyMaix does not support this form of {_name(operator)}")
        if depthwise and outputs != inputs:
            raise refused(f"{_name(operator)} has a depth multiplier")

    def _allocate(self) -> int:
        """Assigns every feature map an offset in the buffer, the input 0. Returns the size of the buffer."""
        ends: dict[int, int] = {}
        for index, (_, inputs, _) in enumerate(self._layers):
            ends.update(dict.fromkeys(inputs, index))
        first = self._layers[0][1][0]
        shape = self._layers[0][0].input_shape
        places = {first: (0, int(np.prod(shape)))}
        total = places[first][1]
        for index, (layer, inputs, output) in enumerate(self._layers):
            size = layer.output_bytes
            taken = sorted(place for name, place in places.items() if ends.get(name, 0) >= index)
            at = 0
            for start, length in taken:
                if at + size <= start:
                    break
                at = max(at, -(-(start + length) // 8) * 8)
            places[output] = at, size
            total = max(total, at + size)
            layer.input, layer.output = places[inputs[0]][0], at
            if layer.kind == tmdl.ADD:
                layer.second_input = places[inputs[1]][0], *layer.second_input[1:]
        return -(-total // 8) * 8


def _map_shape(tensor: Tensor) -> Shape:
    shape = tensor.shape[1:]
    return (1, 1, shape[0]) if len(shape) == 1 else (shape[0], shape[1], shape[2])


def _same_padding(layer: TmdlLayer) -> tuple[int, int, int, int]:
    """Returns top, bottom, left and right of TensorFlow's padding SAME."""
    total = [
        max(0, (out - 1) * step + size - length)
        for out, step, size, length in zip(
            layer.output_shape[:2], layer.stride, layer.kernel, layer.input_shape[:2], strict=True
        )
    ]
    return total[0] // 2, total[0] - total[0] // 2, total[1] // 2, total[1] - total[1] // 2


def _widened_logits(scale: float, zero_point: int) -> tuple[float, int]:
    return _widened(scale, zero_point, _MARGIN_BELOW_LOGITS if zero_point > -128 else _MARGIN)


def _widened(scale: float, zero_point: int, below: float = _MARGIN) -> tuple[float, int]:
    """Returns scale and zero point of a range widened by _MARGIN above and by the fraction `below` below."""
    span = 255 * scale
    low = (-128 - zero_point) * scale - below * span
    widened = (1 + below + _MARGIN) * span / 255
    return widened, round(-128 - low / widened)


def _name(operator: Operator) -> str:
    """Returns number and kind, without the name, which TensorFlow concatenates from all that it has fused."""
    return f"layer {operator.number} ({operator.kind})"
