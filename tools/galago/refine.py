# SPDX-License-Identifier: MIT
"""What a converter leaves undone in a full-int8 model: biases that correct the mean error, and logits' range.

    tflite = refine(tflite, float_tflite, pixels)       # uint8 [n, h, w, c], the pictures of the calibration

Rounding weights shifts what a channel gives on average; its bias takes that back, layer by layer, from the
first on (Nagel et al. 2019, "bias correction"). Logits of a thousand classes need few of their low values:
their range is chosen so that the softmax changes least. Both cost the board nothing.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from galago import quiet

PICTURES = 50
_ROUNDS = 2
_LEAST_ACTIVE = 0.15  # share of a layer's outputs within (0, 6), where a change of bias shows
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def refine(tflite: bytes, plain: bytes, pixels: np.ndarray) -> bytes:
    """Corrects the biases and the logits' range of an int8 model by its float twin `plain`."""
    model, other = _Graph(tflite), _Graph(plain)
    layers, twins = model.layers(_CONVOLUTIONS), other.layers(_CONVOLUTIONS)
    softmax = model.layers(("SOFTMAX",))
    if len(layers) != len(twins) or len(softmax) != 1:
        return tflite
    chosen = pixels[:: max(1, len(pixels) // PICTURES)]
    floats = (chosen.astype(np.float32) - 128) / 128
    wanted, active, logits = _float_means(plain, floats, [layer.outputs[0] for layer in twins])
    low, high = _set_logits(model, softmax[0].inputs[0], logits)
    wanted[-1] = np.clip(logits, low, high).mean(axis=0)  # what lies outside of the range is no bias
    given = (chosen ^ 128).view(np.int8)
    for layer, want, share in zip(layers, wanted, active, strict=True):
        for _ in range(_ROUNDS):
            mean = _int8_mean(model.packed(), given, layer.outputs[0])
            model.shift_bias(layer, (want - mean) / share)
    return model.packed()


def logits_range(logits: np.ndarray) -> tuple[float, float]:
    """The range of 255 steps whose softmax is nearest to the exact one, by Kullback-Leibler divergence."""
    exact = _softmax(logits)
    best = (np.inf, 0.0, 1.0)
    for low in np.quantile(logits, [0, 0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5]):
        for high in np.quantile(logits.max(axis=1), [0.9, 0.95, 0.98, 1]):
            step = max(high - low, 1e-6) / 255
            said = _softmax(np.round(np.clip(logits, low, high) / step) * step)
            loss = float((exact * (np.log(exact + 1e-9) - np.log(said + 1e-9))).sum(axis=1).mean())
            best = min(best, (loss, float(low), float(high)))
    return best[1], best[2]


class _Graph:
    """A .tflite as objects that can be changed."""

    def __init__(self, data: bytes) -> None:
        from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

        self._schema = schema
        self._model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
        self.graph = self._model.subgraphs[0]

    def layers(self, kinds: tuple[str, ...]) -> list[Any]:
        codes = {getattr(self._schema.BuiltinOperator, kind) for kind in kinds}
        operators = self._model.operatorCodes
        return [o for o in self.graph.operators if operators[o.opcodeIndex].builtinCode in codes]

    def shift_bias(self, layer: Any, shift: np.ndarray) -> None:
        if len(layer.inputs) < 3 or layer.inputs[2] < 0:
            return  # a layer without a bias has nothing to correct with
        tensor = self.graph.tensors[layer.inputs[2]]
        buffer = self._model.buffers[tensor.buffer]
        bias = np.frombuffer(bytes(bytearray(buffer.data)), np.int32)
        moved = bias + np.round(shift / np.array(tensor.quantization.scale)).astype(np.int64)
        buffer.data = np.frombuffer(moved.astype(np.int32).tobytes(), np.uint8)

    def packed(self) -> bytes:
        import flatbuffers

        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def _set_logits(model: _Graph, tensor: int, logits: np.ndarray) -> tuple[float, float]:
    """Sets scale and zero point of the softmax's input, where its layer alone feeds it; gives its range."""
    producer = next(o for o in model.graph.operators if o.outputs[0] == tensor)
    if producer not in model.layers(("FULLY_CONNECTED", "CONV_2D")):
        return -np.inf, np.inf
    low, high = logits_range(logits)
    scale = float(np.float32((high - low) / 255))
    zero = round(-128 - low / scale)
    if -128 <= zero <= 127:
        quantization = model.graph.tensors[tensor].quantization
        quantization.scale, quantization.zeroPoint = [scale], [zero]
        return low, high
    return -np.inf, np.inf


def _float_means(
    plain: bytes, pictures: np.ndarray, tensors: list[int]
) -> tuple[list[np.ndarray], list[float], np.ndarray]:
    """Channel means and active share of each tensor, and the last one whole, float [n, classes]."""
    sums: list[Any] = [0.0] * len(tensors)
    active = np.zeros(len(tensors))
    last = []
    for values in _run(plain, pictures, tensors):
        for i, value in enumerate(values):
            sums[i] = sums[i] + value.reshape(-1, value.shape[-1]).mean(axis=0)
            active[i] += ((value > 0) & (value < 6)).mean()
        last.append(values[-1].ravel())
    shares = np.clip(active / len(pictures), _LEAST_ACTIVE, 1)
    shares[-1] = 1.0  # logits are never clipped
    return [total / len(pictures) for total in sums], shares.tolist(), np.array(last)


def _int8_mean(tflite: bytes, pictures: np.ndarray, tensor: int) -> np.ndarray:
    total: Any = 0.0
    for (value,) in _run(tflite, pictures, [tensor]):
        total = total + value.reshape(-1, value.shape[-1]).mean(axis=0)
    return total / len(pictures)


def _run(tflite: bytes, pictures: np.ndarray, tensors: list[int]) -> Iterator[list[np.ndarray]]:
    """The given tensors for each picture, in real numbers."""
    lite = quiet.tensorflow().lite
    with warnings.catch_warnings(action="ignore"), quiet.silence():
        interpreter = lite.Interpreter(
            model_content=tflite,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        interpreter.allocate_tensors()
    steps = {each["index"]: each["quantization"] for each in interpreter.get_tensor_details()}
    for picture in pictures:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture[None])
        interpreter.invoke()
        values = []
        for tensor in tensors:
            value = interpreter.get_tensor(tensor).astype(np.float32)
            scale, zero = steps[tensor]
            values.append((value - zero) * scale if scale else value)
        yield values


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
