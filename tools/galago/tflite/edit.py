# SPDX-License-Identifier: MIT
"""A .tflite as objects that can be changed: what each layer computes, its weights, and what a step is worth.

graph = Graph(tflite)
for layer in graph.layers:
    layer.kind, layer.inputs, layer.output
graph.set_weights(layer, kernel, bias)      # in real numbers, channels last; quantized as TFLite wants it
graph.packed()
"""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_SAME_STEPS = ("RESHAPE", "AVERAGE_POOL_2D", "PAD")  # give their input's scale and zero point on
_LARGEST_BIAS = 2.0**30  # of int32, with room for what is added to it


@dataclass(frozen=True)
class Layer:
    """An operator: `inputs` and `output` are numbers of tensors, `options` those of the TFLite schema."""

    kind: str
    inputs: tuple[int, ...]
    output: int
    options: Any


class Graph:
    """The one graph of a .tflite, float or int8. Kernels are float32 with output channels last:
    [height, width, in, out], depthwise [height, width, out], dense [in, out]; biases are [out]."""

    def __init__(self, data: bytes) -> None:
        from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

        names = {v: name for name, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
        self._model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
        graph = self._model.subgraphs[0]
        self._tensors = graph.tensors
        self._unshare()
        self.input = int(graph.inputs[0])
        codes = [names[max(c.builtinCode, c.deprecatedBuiltinCode)] for c in self._model.operatorCodes]
        self.layers = [
            Layer(codes[o.opcodeIndex], tuple(map(int, o.inputs)), int(o.outputs[0]), o.builtinOptions)
            for o in graph.operators
        ]

    def _unshare(self) -> None:
        """Gives each tensor its own buffer: converters let equal ones, such as zero biases, share one."""
        buffers, seen = self._model.buffers, set()
        for tensor in self._tensors:
            if tensor.buffer in seen and buffers[tensor.buffer].data is not None:
                buffers.append(copy.copy(buffers[tensor.buffer]))
                tensor.buffer = len(buffers) - 1
            seen.add(tensor.buffer)

    def weighted(self) -> list[Layer]:
        """The layers with weights, in order."""
        return [layer for layer in self.layers if layer.kind in WEIGHTED]

    def shape(self, tensor: int) -> tuple[int, ...]:
        """With the batch, which is 1."""
        return tuple(int(n) for n in self._tensors[tensor].shape)

    def constant(self, tensor: int) -> np.ndarray:
        """A constant's numbers as they are stored."""
        data = self._model.buffers[self._tensors[tensor].buffer].data
        kind = {0: np.float32, 2: np.int32, 9: np.int8}[self._tensors[tensor].type]
        return np.frombuffer(bytes(bytearray(data)), kind).reshape(self.shape(tensor))

    def steps(self, tensor: int) -> tuple[float, int]:
        """Scale and zero point of a tensor of int8."""
        quantization = self._tensors[tensor].quantization
        return float(quantization.scale[0]), int(quantization.zeroPoint[0])

    def limits(self, tensor: int) -> tuple[float, float]:
        """The least and the largest number that a tensor of int8 can hold."""
        scale, zero = self.steps(tensor)
        return (-128 - zero) * scale, (127 - zero) * scale

    def set_limits(self, tensor: int, low: float, high: float) -> None:
        """Chooses scale and zero point: low to high in 255 steps, zero on one of them.

        Layers that only move numbers follow. Those with weights need `set_weights` afterwards, as their bias
        counts in these steps.
        """
        low, high = min(low, 0.0), max(high, 0.0)
        scale = float(np.float32(max(high - low, 1e-6) / 255))
        zero = int(np.clip(round(-128 - low / scale), -128, 127))
        self._tensors[tensor].quantization.scale = [scale]
        self._tensors[tensor].quantization.zeroPoint = [zero]
        for layer in self.layers:
            if layer.kind in _SAME_STEPS and layer.inputs[0] == tensor:
                self.set_limits(layer.output, *self.limits(tensor))

    def kernel(self, layer: Layer) -> np.ndarray:
        """A layer's kernel in real numbers, whether stored as float32 or int8; output channels last."""
        values = self.constant(layer.inputs[1])
        if layer.kind == "CONV_2D":
            values = values.transpose(1, 2, 3, 0)
        else:
            values = values[0] if layer.kind == "DEPTHWISE_CONV_2D" else values.T
        return values if values.dtype == np.float32 else values * (self.absmax(layer) / 127)

    def absmax(self, layer: Layer) -> np.ndarray:
        """The |weight| [out] that 127 of an int8 kernel stands for."""
        scale = np.array(self._tensors[layer.inputs[1]].quantization.scale, np.float32)
        return np.broadcast_to(scale * 127, self.shape(layer.output)[-1:])

    def bias(self, layer: Layer) -> np.ndarray:
        """A layer's bias in real numbers, whether stored as float32 or int32."""
        if len(layer.inputs) < 3 or layer.inputs[2] < 0:
            return np.zeros(self.shape(layer.output)[-1], np.float32)
        values = self.constant(layer.inputs[2])
        scales = self._tensors[layer.inputs[2]].quantization
        if values.dtype == np.int32:
            return (values * np.array(scales.scale)).astype(np.float32)
        return values

    def has_bias(self, layer: Layer) -> bool:
        """Whether there is a bias that can be changed."""
        return len(layer.inputs) > 2 and layer.inputs[2] >= 0

    def per_channel(self, layer: Layer) -> bool:
        """Whether each output channel of an int8 kernel has its own scale."""
        return len(self._tensors[layer.inputs[1]].quantization.scale) > 1

    def absmax_for(self, layer: Layer, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
        """The |weight| [out] that 127 has to stand for: the largest, of its channel where the file has it so.

        It is larger for the bias of a dead channel, which would not fit into int32 otherwise.
        """
        absmax = np.abs(kernel).reshape(-1, kernel.shape[-1]).max(axis=0)
        step = self.steps(layer.inputs[0])[0]
        absmax = np.maximum(absmax, np.maximum(127 * np.abs(bias) / (step * _LARGEST_BIAS), 1e-9))
        return (absmax if self.per_channel(layer) else np.full_like(absmax, absmax.max())).astype(np.float32)

    def set_weights(self, layer: Layer, kernel: np.ndarray, bias: np.ndarray, absmax: np.ndarray) -> None:
        """Quantizes and stores a layer's weights: symmetric int8, 127 for `absmax` [out]; the bias is int32 in
        steps of input times weight."""
        scale = (absmax / 127).astype(np.float32)
        values = np.clip(np.round(kernel / scale), -127, 127).astype(np.int8)
        if layer.kind == "CONV_2D":
            values = values.transpose(3, 0, 1, 2)
        elif layer.kind == "FULLY_CONNECTED":
            values = values.T
        shown = scale if self.per_channel(layer) else scale[:1]
        self._store(layer.inputs[1], values, shown)
        if self.has_bias(layer):
            steps = np.float32(self.steps(layer.inputs[0])[0]) * shown
            values = np.round(bias / steps.astype(np.float64))
            self._store(layer.inputs[2], values.astype(np.int32), steps)

    def _store(self, tensor: int, values: np.ndarray, scales: np.ndarray) -> None:
        quantization = self._tensors[tensor].quantization
        quantization.scale, quantization.zeroPoint = scales.tolist(), [0] * len(scales)
        buffer = self._model.buffers[self._tensors[tensor].buffer]
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)

    def packed(self) -> bytes:
        """The .tflite."""
        import flatbuffers

        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
