# SPDX-License-Identifier: MIT
"""A .tflite as TinyMaix's .tmdl.

    convert(tflite_bytes)                  # a tinymaix.Tmdl
    convert(tflite_bytes, pictures)        # with biases that make up for what TinyMaix cuts off (cutoff.py)

The last softmax is left to the board: TinyMaix's own takes a rough exponential. A fully connected layer
becomes a 1x1 convolution, which may have a scale per output.
"""

import numpy as np

from galago.errors import GalagoError
from galago.targets import tinymaix
from galago.targets.tinymaix import Layer, Tmdl
from galago.targets.tinymaix.truncation_bias import correct
from galago.tflite.graph import Graph, Operator, Tensor

_ACTIVATIONS = {0: tinymaix.NONE, 1: tinymaix.RELU, 3: tinymaix.RELU6}  # of the schema
# TinyMaix wraps around what leaves a range: maps without activation get so much more of it than calibration
# saw, on each side, and logits far more below: their range leaves out on purpose what no softmax would tell
# from 0. Where calibration saw none below 0, nothing is to be expected there.
_ROOM, _BELOW = 0.1, 1.5


def convert(tflite: bytes, pictures: np.ndarray | None = None) -> Tmdl:
    """`pictures`, int8 [n, height, width, channels], are to correct biases with.

    Raises GalagoError model.malformed, or backend.refused with what TinyMaix or emlearn's build lacks.
    """
    converter = _Converter(Graph.read(tflite))
    model = converter.convert()
    if pictures is not None:
        correct(model, converter.tensors, tflite, pictures)
    return model


def refused(why: str) -> GalagoError:
    """What to raise, with the reason."""
    return GalagoError("backend.refused", f"emlearn cannot run the model: {why}: another runtime can")


class _Converter:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._layers: list[tuple[Layer, list[int], int]] = []  # with the tensors that it takes and makes
        self._pads: dict[int, tuple[int, tuple[int, int, int, int]]] = {}
        self._same: dict[int, int] = {}  # tensors that are another one's bytes
        self._scales: dict[int, tuple[float, int]] = {}  # of tensors that get others than the model's

    def convert(self) -> Tmdl:
        graph = self._graph
        operators = graph.operators[:-1] if graph.operators[-1].kind == "SOFTMAX" else graph.operators
        if len(operators) == len(graph.operators) or not operators:
            raise refused("its last layer is no softmax")
        for operator in operators:
            self._add(operator)
        last, _, output = self._layers[-1]
        last.last = True
        if last.activation == tinymaix.NONE and last.kind == tinymaix.CONV:
            logits = graph.tensors[output]
            last.output_scale, last.output_zero_point = _of_logits(logits.scale, logits.zero_point)
        if output != self._name(operators[-1].output) or last.output_shape[:2] != (1, 1):
            raise refused("its scores are not in one line")
        size = self._place()
        shape = _map_shape(graph.tensors[graph.input])
        return Tmdl(shape, last.output_shape[2], size, [layer for layer, _, _ in self._layers])

    @property
    def tensors(self) -> list[int]:
        """What each layer makes."""
        return [output for _, _, output in self._layers]

    def _name(self, tensor: int) -> int:
        return self._same.get(tensor, tensor)

    def _add(self, operator: Operator) -> None:
        tensors = self._graph.tensors
        source, output = self._name(operator.inputs[0]), operator.output
        match operator.kind:
            case "PAD":
                self._pads[output] = source, self._padding(operator)
            case "RESHAPE":
                self._same[output] = source
            case "CONV_2D" | "DEPTHWISE_CONV_2D" | "FULLY_CONNECTED":
                self._convolution(operator)
            case "MEAN" | "AVERAGE_POOL_2D":
                if operator.kind == "AVERAGE_POOL_2D" and tensors[output].size != tensors[output].shape[-1]:
                    raise refused(f"{_named(operator)} does not average whole maps")
                self._keep(tinymaix.POOL, operator, [source])
            case "ADD" if operator.options.fusedActivationFunction == 0:
                second = self._name(operator.inputs[1])
                layer = self._keep(tinymaix.ADD, operator, [source, second])
                other = tensors[operator.inputs[1]]
                scales = self._scales.get(second, (other.scale, other.zero_point))
                layer.other = 0, *scales
            case "SOFTMAX":
                layer = self._keep(tinymaix.SOFTMAX, operator, [source])
                # From 0 upwards cutting off makes the many small shares 0; below 0 it would make each a step.
                self._rescale(layer, operator, 1 / 127, 0)
            case _:
                raise refused(f"TinyMaix has no {_named(operator)}")

    def _keep(self, kind: int, operator: Operator, inputs: list[int]) -> Layer:
        given, made = self._graph.tensors[operator.inputs[0]], self._graph.tensors[operator.output]
        scales = self._scales.get(inputs[0], (given.scale, given.zero_point))
        layer = Layer(kind, 0, 0, _map_shape(given), _map_shape(made), *scales, made.scale, made.zero_point)
        self._layers.append((layer, inputs, operator.output))
        return layer

    def _rescale(self, layer: Layer, operator: Operator, scale: float, zero_point: int) -> None:
        layer.output_scale, layer.output_zero_point = scale, zero_point
        self._scales[operator.output] = scale, zero_point

    def _padding(self, operator: Operator) -> tuple[int, int, int, int]:
        users = self._graph.users(operator.output)
        if [user.kind for user in users] not in (["CONV_2D"], ["DEPTHWISE_CONV_2D"]):
            raise refused(f"{_named(operator)} is not before a convolution")
        pads = self._graph.tensors[operator.inputs[1]].data
        if pads is None or pads.shape != (4, 2) or pads[[0, 3]].any():
            raise refused(f"{_named(operator)} pads more than rows and columns")
        return int(pads[1][0]), int(pads[1][1]), int(pads[2][0]), int(pads[2][1])

    def _convolution(self, operator: Operator) -> None:
        graph, options = self._graph, operator.options
        weights, source = graph.tensors[operator.inputs[1]], self._name(operator.inputs[0])
        depthwise = operator.kind == "DEPTHWISE_CONV_2D"
        pad = (0, 0, 0, 0)
        if source in self._pads:
            source, pad = self._pads[source]
        kind = tinymaix.DEPTHWISE if depthwise else tinymaix.CONV
        layer = self._keep(kind, operator, [source])
        layer.input_shape = _map_shape(graph.tensors[source])
        if weights.data is None or options.fusedActivationFunction not in _ACTIVATIONS:
            raise refused(f"TinyMaix has no such {_named(operator)}")
        layer.activation = _ACTIVATIONS[options.fusedActivationFunction]
        data = weights.data
        if operator.kind == "FULLY_CONNECTED":
            layer.input_shape = (1, 1, data.shape[1])
            data = data.reshape(data.shape[0], 1, 1, data.shape[1])
        else:
            if (options.dilationHFactor, options.dilationWFactor) != (1, 1):
                raise refused(f"{_named(operator)} is dilated")
            layer.stride = options.strideH, options.strideW
        layer.kernel = data.shape[1], data.shape[2]
        layer.weights = np.ascontiguousarray(data.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2)))
        if operator.kind != "FULLY_CONNECTED" and options.padding == 0 and not any(pad):
            pad = _same(layer)
        layer.pad = pad
        self._check(operator, layer)
        outputs = layer.output_shape[2]
        layer.scales = np.broadcast_to(weights.scales.astype(np.float32), outputs).copy()
        biases = np.zeros(outputs, np.int64)
        if len(operator.inputs) > 2 and operator.inputs[2] != -1:
            given = graph.tensors[operator.inputs[2]].data
            if given is not None:  # in steps of the model's own scale of the input
                biases += np.rint(given * (graph.tensors[source].scale / layer.input_scale)).astype(np.int64)
        biases -= layer.input_zero_point * layer.weights.reshape(outputs, -1).sum(1, dtype=np.int64)
        layer.biases = biases.clip(-(1 << 31), (1 << 31) - 1).astype(np.int32)
        if layer.activation == tinymaix.NONE:
            inner = any(user.kind == "SOFTMAX" for user in graph.users(operator.output))
            scales = layer.output_scale, layer.output_zero_point
            self._rescale(layer, operator, *(_of_logits(*scales) if inner else _widened(*scales)))

    def _check(self, operator: Operator, layer: Layer) -> None:
        high, wide = layer.kernel
        depthwise = layer.kind == tinymaix.DEPTHWISE
        outputs, inputs = layer.output_shape[2], layer.input_shape[2]
        window = high * wide * (outputs if depthwise else inputs)
        if outputs > tinymaix.MOST_CHANNELS:
            raise refused(
                f"{_named(operator)} has {outputs:,} channels, its build takes {tinymaix.MOST_CHANNELS:,}"
            )
        if high * wide > tinymaix.LARGEST_KERNEL:
            raise refused(f"{_named(operator)} has a kernel of {high} x {wide}")
        if high * wide > 1 and window > tinymaix.LARGEST_WINDOW:
            raise refused(
                f"{_named(operator)} takes {window:,} bytes at once, its build {tinymaix.LARGEST_WINDOW:,}"
            )
        if high * wide == 1 and (depthwise or any(layer.pad)):
            raise refused(f"TinyMaix has no such {_named(operator)}")
        if depthwise and outputs != inputs:
            raise refused(f"{_named(operator)} has a multiplier")

    def _place(self) -> int:
        """Gives each map its place in the buffer, the input at 0; gives the size of the buffer."""
        ends: dict[int, int] = {}
        for index, (_, inputs, _) in enumerate(self._layers):
            ends.update(dict.fromkeys(inputs, index))
        first = self._layers[0][1][0]
        shape = self._layers[0][0].input_shape
        places = {first: (0, int(np.prod(shape)))}
        total = places[first][1]
        for index, (layer, inputs, output) in enumerate(self._layers):
            size = layer.room
            taken = sorted(place for name, place in places.items() if ends.get(name, 0) >= index)
            at = 0
            for start, length in taken:
                if at + size <= start:
                    break
                at = max(at, -(-(start + length) // 8) * 8)
            places[output] = at, size
            total = max(total, at + size)
            layer.input, layer.output = places[inputs[0]][0], at
            if layer.kind == tinymaix.ADD:
                layer.other = places[inputs[1]][0], *layer.other[1:]
        return -(-total // 8) * 8


def _map_shape(tensor: Tensor) -> tuple[int, int, int]:
    shape = tensor.shape[1:]
    return (1, 1, shape[0]) if len(shape) == 1 else (shape[0], shape[1], shape[2])


def _same(layer: Layer) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of TensorFlow's padding SAME."""
    total = [
        max(0, (out - 1) * step + size - given)
        for out, step, size, given in zip(
            layer.output_shape[:2], layer.stride, layer.kernel, layer.input_shape[:2], strict=True
        )
    ]
    return total[0] // 2, total[0] - total[0] // 2, total[1] // 2, total[1] - total[1] // 2


def _of_logits(scale: float, zero_point: int) -> tuple[float, int]:
    return _widened(scale, zero_point, _BELOW if zero_point > -128 else _ROOM)


def _widened(scale: float, zero_point: int, below: float = _ROOM) -> tuple[float, int]:
    """Scale and zero point of a range that has these shares more."""
    span = 255 * scale
    low = (-128 - zero_point) * scale - below * span
    wide = (1 + below + _ROOM) * span / 255
    return wide, round(-128 - low / wide)


def _named(operator: Operator) -> str:
    """Without its name, which TensorFlow puts together of all that it has fused."""
    return f"layer {operator.number} ({operator.kind})"
