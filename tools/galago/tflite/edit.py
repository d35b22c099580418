# SPDX-License-Identifier: MIT
"""A .tflite that can be changed: its layers, their weights in real numbers, and the ranges of its tensors.

graph = EditableGraph(data)
for layer in graph.layers:
    layer.kind, layer.inputs, layer.output
graph.set_weights(layer, kernel, bias, absmax)      # in real numbers, channels last; stored as int8 and int32
graph.packed()
"""

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from galago.tflite import schema
from galago.tflite.schema import Operator

Floats = NDArray[np.float32]

WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_SAME_RANGE = ("RESHAPE", "AVERAGE_POOL_2D", "PAD")  # output has the input's scale and zero point
_LARGEST_BIAS = 2.0**30  # of int32, with room for what is added to it
_DTYPES: dict[int, Any] = {0: np.float32, 2: np.int32, 9: np.int8}  # TensorType → dtype


def without_names(data: bytes) -> bytes:
    """Returns a .tflite without the names of tensors, except those of its inputs and outputs.

    Converters give tensors names of 75 to 210 letters, a fifth of the file of a small network. Raises
    GalagoError model.malformed for bytes that are not a valid .tflite.
    """
    model = schema.parse(data)
    with schema.malformed():
        for graph in model.subgraphs:
            ends = {*graph.inputs, *graph.outputs}
            for number, tensor in enumerate(graph.tensors):
                if number not in ends:
                    tensor.name = None
    return schema.pack(model)


class EditableGraph:
    """The first graph of a .tflite, float or int8.

    Kernels are float32 with output channels last: [height, width, in, out], depthwise [height, width, out],
    dense [in, out]; biases are [out]. Raises GalagoError model.malformed for bytes that are not a valid
    .tflite.
    """

    def __init__(self, data: bytes) -> None:
        self._model = schema.parse(data)
        self.layers: list[Operator] = schema.operators(self._model)
        with schema.malformed():
            graph = self._model.subgraphs[0]
            self._tensors = graph.tensors
            self._unshare()
            self.input = int(graph.inputs[0])

    def _unshare(self) -> None:
        """Gives each tensor its own buffer: converters let equal ones, such as zero biases, share one."""
        buffers = self._model.buffers
        seen: set[int] = set()
        for tensor in self._tensors:
            if tensor.buffer in seen and buffers[tensor.buffer].data is not None:
                buffers.append(copy.copy(buffers[tensor.buffer]))
                tensor.buffer = len(buffers) - 1
            seen.add(tensor.buffer)

    def weighted(self) -> list[Operator]:
        """The layers with weights, in order."""
        return [layer for layer in self.layers if layer.kind in WEIGHTED]

    def shape(self, tensor: int) -> tuple[int, ...]:
        """The shape of a tensor, with the batch, which is 1."""
        return schema.shape(self._tensors[tensor])

    def set_shape(self, tensor: int, shape: tuple[int, ...]) -> None:
        """Sets the shape of a tensor; the values of a constant have to follow."""
        self._tensors[tensor].shape = list(shape)
        self._tensors[tensor].shapeSignature = None

    def constant(self, tensor: int) -> NDArray[Any]:
        """The stored values of a constant: float32, int32 or int8, in the file's layout."""
        with schema.malformed():
            data = self._model.buffers[self._tensors[tensor].buffer].data
            if data is None:
                raise ValueError(f"tensor {tensor} has no data")
            dtype = _DTYPES[self._tensors[tensor].type]
            return np.frombuffer(bytes(bytearray(data)), dtype).reshape(self.shape(tensor))

    def quantization(self, tensor: int) -> tuple[float, int]:
        """The scale and zero point of an int8 tensor."""
        scales, zero_points = schema.quantization(self._tensors[tensor])
        return float(scales[0]), zero_points[0]

    def limits(self, tensor: int) -> tuple[float, float]:
        """The smallest and the largest real number that an int8 tensor can hold."""
        scale, zero = self.quantization(tensor)
        return (-128 - zero) * scale, (127 - zero) * scale

    def set_limits(self, tensor: int, low: float, high: float) -> None:
        """Sets scale and zero point so that 255 steps reach from `low` to `high`, with zero on one of them.

        Layers that only move numbers get the same range. Layers with weights need `set_weights` afterwards:
        the scale of their bias depends on their input's.
        """
        low, high = min(low, 0.0), max(high, 0.0)
        scale = float(np.float32(max(high - low, 1e-6) / 255))
        zero = int(np.clip(round(-128 - low / scale), -128, 127))
        self._set_quantization(tensor, [scale], [zero])
        for layer in self.layers:
            if layer.kind in _SAME_RANGE and layer.inputs[0] == tensor:
                self.set_limits(layer.output, *self.limits(tensor))

    def kernel(self, layer: Operator) -> Floats:
        """A layer's kernel in real numbers, whether stored as float32 or int8; output channels last."""
        values = self.constant(layer.inputs[1])
        if layer.kind == "CONV_2D":
            values = values.transpose(1, 2, 3, 0)
        else:
            values = values[0] if layer.kind == "DEPTHWISE_CONV_2D" else values.T
        if values.dtype == np.float32:
            return values
        return (values * (self.absmax(layer) / 127)).astype(np.float32)

    def absmax(self, layer: Operator) -> Floats:
        """The absolute weight [out] that 127 in an int8 kernel stands for."""
        scales, _ = schema.quantization(self._tensors[layer.inputs[1]])
        return np.broadcast_to(scales.astype(np.float32) * 127, self.shape(layer.output)[-1:])

    def bias(self, layer: Operator) -> Floats:
        """A layer's bias [out] in real numbers, whether stored as float32 or int32; zeros if it has none."""
        if not self.has_bias(layer):
            return np.zeros(self.shape(layer.output)[-1], np.float32)
        values = self.constant(layer.inputs[2])
        if values.dtype != np.int32:
            return values
        scales, _ = schema.quantization(self._tensors[layer.inputs[2]])
        return (values * scales).astype(np.float32)

    def has_bias(self, layer: Operator) -> bool:
        """Whether the layer has a bias, which can then be changed."""
        return len(layer.inputs) > 2 and layer.inputs[2] >= 0

    def per_channel(self, layer: Operator) -> bool:
        """Whether each output channel of an int8 kernel has its own scale."""
        return len(schema.quantization(self._tensors[layer.inputs[1]])[0]) > 1

    def absmax_for(self, layer: Operator, kernel: Floats, bias: Floats) -> Floats:
        """The absolute weight [out] that 127 has to stand for: the largest of each channel, or of the kernel.

        It is larger than any weight of a channel whose bias would not fit into int32 otherwise.
        """
        absmax: NDArray[np.floating] = np.abs(kernel).reshape(-1, kernel.shape[-1]).max(axis=0)
        scale = self.quantization(layer.inputs[0])[0]
        absmax = np.maximum(absmax, np.maximum(127 * np.abs(bias) / (scale * _LARGEST_BIAS), 1e-9))
        return (absmax if self.per_channel(layer) else np.full_like(absmax, absmax.max())).astype(np.float32)

    def set_weights(self, layer: Operator, kernel: Floats, bias: Floats, absmax: Floats) -> None:
        """Quantizes and stores a layer's weights.

        The kernel becomes symmetric int8, where 127 stands for `absmax` [out], and the bias int32 with the
        input's scale times the kernel's.
        """
        scale = (absmax / 127).astype(np.float32)
        values = np.clip(np.round(kernel / scale), -127, 127).astype(np.int8)
        if layer.kind == "CONV_2D":
            values = values.transpose(3, 0, 1, 2)
        elif layer.kind == "FULLY_CONNECTED":
            values = values.T
        scales = scale if self.per_channel(layer) else scale[:1]
        self._store(layer.inputs[1], values, scales)
        if self.has_bias(layer):
            bias_scales = np.float32(self.quantization(layer.inputs[0])[0]) * scales
            quantized = np.round(bias / bias_scales.astype(np.float64)).astype(np.int32)
            self._store(layer.inputs[2], quantized, bias_scales)

    def _store(self, tensor: int, values: NDArray[Any], scales: Floats) -> None:
        self._set_quantization(tensor, scales.tolist(), [0] * len(scales))
        buffer = self._model.buffers[self._tensors[tensor].buffer]
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)

    def _set_quantization(self, tensor: int, scales: list[float], zero_points: list[int]) -> None:
        parameters = self._tensors[tensor].quantization
        if parameters is None:
            parameters = self._tensors[tensor].quantization = schema.new("QuantizationParametersT")
        parameters.scale = np.array(scales, np.float32)
        parameters.zeroPoint = np.array(zero_points, np.int64)

    def packed(self) -> bytes:
        """The .tflite with all changes."""
        return schema.pack(self._model)
