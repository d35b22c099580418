# SPDX-License-Identifier: MIT
"""Runs a .tmdl with TinyMaix's arithmetic, bit for bit as on a core without a DSP.

    scores = run(model, pixels)            # uint8 [height * width * channels] → float32 [outputs]

TinyMaix requantizes in float32 and casts to int8, which truncates towards zero where TensorFlow Lite Micro
rounds.
"""

import numpy as np

from galago.targets.tinymaix.tmdl import (
    ADD,
    CONV,
    DEPTHWISE,
    POOL,
    RELU,
    RELU6,
    RESHAPE,
    SOFTMAX,
    Shape,
    Tmdl,
    TmdlLayer,
)


def run(model: Tmdl, pixels: np.ndarray) -> np.ndarray:
    """Returns the result of emlearn's run() for uint8 pixels: float32 [outputs]."""
    buffer = buffer_with(model, (pixels.astype(np.int16) - 128).astype(np.int8))
    result = np.zeros(0, np.int8)
    for layer in model.layers:
        result = compute(layer, buffer)
        store(layer, buffer, result)
    last = model.layers[-1]
    floats = result.ravel().astype(np.int32) - last.output_zero_point
    return floats.astype(np.float32) * np.float32(last.output_scale)


def buffer_with(model: Tmdl, picture: np.ndarray) -> np.ndarray:
    """Returns a model's buffer, int8 [buffer_bytes], with an int8 picture (pixel - 128) as input."""
    buffer = np.zeros(model.buffer_bytes, np.int8)
    buffer[: picture.size] = picture.ravel()
    return buffer


def compute(layer: TmdlLayer, buffer: np.ndarray) -> np.ndarray:
    """Returns the output of a layer for the feature maps in a buffer, int8 of its output shape."""
    x = _feature_map(buffer, layer.input, layer.input_shape).copy()
    return _COMPUTE[layer.kind](layer, x, buffer)


def store(layer: TmdlLayer, buffer: np.ndarray, output: np.ndarray) -> None:
    """Stores the output of a layer in the buffer."""
    buffer[layer.output : layer.output + output.size] = output.ravel()


def _feature_map(buffer: np.ndarray, offset: int, shape: Shape) -> np.ndarray:
    return buffer[offset : offset + int(np.prod(shape))].reshape(shape)


def _to_int8(values: np.ndarray) -> np.ndarray:
    """Casts float to int8 as C does: truncated towards zero; a value out of range keeps its low byte."""
    return values.astype(np.int64).astype(np.int8)


def _convolve(layer: TmdlLayer, x: np.ndarray, buffer: np.ndarray) -> np.ndarray:
    top, bottom, left, right = layer.pad
    (kernel_height, kernel_width), (stride_y, stride_x) = layer.kernel, layer.stride
    rows, columns, _ = layer.output_shape
    padded = np.pad(x, ((top, bottom), (left, right), (0, 0)), constant_values=layer.input_zero_point)
    padded = padded.astype(np.float64)  # sums of products stay far below 2^53
    sums = np.zeros(layer.output_shape)
    for y in range(kernel_height):
        for column in range(kernel_width):
            taps = padded[y : y + stride_y * rows : stride_y, column : column + stride_x * columns : stride_x]
            taps = taps[:rows, :columns]
            weights = layer.weights[:, :, y, column]
            sums += taps * weights[:, 0] if layer.kind == DEPTHWISE else taps @ weights.T.astype(np.float64)
    sums = (sums.astype(np.int64) + layer.biases).astype(np.int32).astype(np.float32)
    scaled = sums * (layer.scales * np.float32(layer.input_scale))
    if layer.activation in (RELU, RELU6):
        scaled = np.maximum(scaled, np.float32(0))
    if layer.activation == RELU6:
        scaled = np.minimum(scaled, np.float32(6))
    inverse = np.float32(1) / np.float32(layer.output_scale)
    return _to_int8(scaled * inverse + np.float32(layer.output_zero_point))


def _pool(layer: TmdlLayer, x: np.ndarray, buffer: np.ndarray) -> np.ndarray:
    sums = x.astype(np.int64).sum((0, 1))
    mean = np.trunc(sums / (x.shape[0] * x.shape[1])).astype(np.int32)
    scaled = (mean - layer.input_zero_point).astype(np.float32) * np.float32(layer.input_scale)
    return _to_int8(scaled / np.float32(layer.output_scale) + np.float32(layer.output_zero_point))


def _add(layer: TmdlLayer, x: np.ndarray, buffer: np.ndarray) -> np.ndarray:
    offset, scale, zero_point = layer.second_input
    other = _feature_map(buffer, offset, layer.input_shape)
    first = (x.astype(np.int32) - layer.input_zero_point).astype(np.float32)
    second = (other.astype(np.int32) - zero_point).astype(np.float32)
    total = first * np.float32(layer.input_scale) + second * np.float32(scale)
    return _to_int8(total / np.float32(layer.output_scale) + np.float32(layer.output_zero_point))


def _softmax(layer: TmdlLayer, x: np.ndarray, buffer: np.ndarray) -> np.ndarray:
    values = (x.ravel().astype(np.int32) - layer.input_zero_point).astype(np.float32)
    values *= np.float32(layer.input_scale)
    powers = _exp(values - values.max())
    total = np.float32(0)
    for power in powers:  # single floats in TinyMaix's order
        total += power
    probabilities = (powers - np.float32(0.000001)) / total
    return _to_int8(probabilities / np.float32(layer.output_scale) + np.float32(layer.output_zero_point))


def _exp(x: np.ndarray) -> np.ndarray:
    """Returns TinyMaix's exponential: the bits of a float, with a rational approximation for the fraction."""
    power = np.float32(1.442695040) * x
    fraction = power - np.trunc(power)
    curve = np.float32(27.7280233) / (np.float32(4.84252568) - fraction)
    bits = power + np.float32(121.2740838) + curve - np.float32(1.49012907) * fraction
    return (np.float32(1 << 23) * bits).astype(np.uint32).view(np.float32)


def _reshape(layer: TmdlLayer, x: np.ndarray, buffer: np.ndarray) -> np.ndarray:
    return x.reshape(layer.output_shape)


_COMPUTE = {
    CONV: _convolve,
    DEPTHWISE: _convolve,
    POOL: _pool,
    ADD: _add,
    RESHAPE: _reshape,
    SOFTMAX: _softmax,
}
