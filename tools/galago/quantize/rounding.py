# SPDX-License-Identifier: MIT
"""Rounds weights so that a layer's sums stay right, instead of each weight to its nearest step.

    kernel = compensated_rounding(graph, layer, x, kernel, absmax)      # the values that int8 will hold

The error of one weight is compensated by the later weights of the same sum, as far as their inputs are
correlated (Frantar et al. 2023, "GPTQ", after Hassibi and Stork 1993, "Optimal Brain Surgeon"). Weights with
the strongest inputs are rounded first, while many others are left to compensate for them.
"""

from typing import Any

import numpy as np

from galago import lazy_tensorflow
from galago.quantize.fake_quant import PADDING, fake_quant_kernel
from galago.tflite.edit import EditableGraph
from galago.tflite.schema import Operator

_BATCH = 16  # pictures that are cut into windows at a time
_LONGEST = 9 * 512  # weights in a sum: memory grows with its square, time with its cube
_DAMPING = 0.01  # of the inputs' mean square: bounds how much one weight takes over from the others


def compensated_rounding(
    graph: EditableGraph, layer: Operator, x: Any, kernel: np.ndarray, absmax: np.ndarray
) -> np.ndarray:
    """Returns the kernel in the values that int8 can hold, float32 in the same shape; 127 is `absmax` [out].

    `x` are the layer's inputs [n, …] for typical pictures. Where sums have more than 4608 weights (a dense
    layer after Flatten), each weight goes to its nearest step.
    """
    if layer.kind != "DEPTHWISE_CONV_2D" and kernel[..., 0].size > _LONGEST:
        return np.asarray(fake_quant_kernel(kernel, absmax))
    products = _mean_products(graph, layer, x)
    groups, length, _ = products.shape  # one group per input channel in a depthwise layer, else one
    weights = kernel.reshape(length, groups, -1).transpose(1, 0, 2)
    step = np.asarray(absmax, np.float64).reshape(groups, -1) / 127
    return _compensated(products, weights, step).transpose(1, 0, 2).reshape(kernel.shape).astype(np.float32)


def _mean_products(graph: EditableGraph, layer: Operator, x: Any) -> np.ndarray:
    """Returns the mean product of each pair of inputs of a sum, float64 [groups, length, length]."""
    tf = lazy_tensorflow.tensorflow()
    if layer.kind == "FULLY_CONNECTED":
        rows = np.asarray(x, np.float64).reshape(-1, graph.shape(layer.inputs[1])[1])
        return (rows.T @ rows / len(rows))[None]
    height, width = graph.shape(layer.inputs[1])[1:3]
    options, channels = layer.options, x.shape[-1]
    strides, padding = (1, options.strideH, options.strideW, 1), PADDING[options.padding]
    groups = channels if layer.kind == "DEPTHWISE_CONV_2D" else 1
    length, count = height * width * channels // groups, 0
    total = np.zeros((groups, length, length))
    for first in range(0, len(x), _BATCH):
        part = x[first : first + _BATCH]
        windows = tf.image.extract_patches(part, (1, height, width, 1), strides, (1, 1, 1, 1), padding)
        rows = tf.transpose(tf.reshape(windows, (-1, length, groups)), (2, 1, 0))
        total += tf.matmul(rows, rows, transpose_b=True).numpy()
        count += rows.shape[-1]
    return total / count


def _compensated(products: np.ndarray, weights: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Rounds weights [groups, length, n] to steps [groups, n], each after the errors of those before it."""
    diagonal = np.diagonal(products, axis1=1, axis2=2)
    order = np.argsort(-diagonal, axis=1, kind="stable")
    damping = np.maximum(_DAMPING * diagonal.mean(axis=1), 1e-12)
    damped = products + damping[:, None, None] * np.eye(products.shape[1])
    damped = np.take_along_axis(damped, order[:, :, None], 1)
    damped = np.take_along_axis(damped, order[:, None, :], 2)
    remaining = np.take_along_axis(weights, order[:, :, None], 1).astype(np.float64)
    # A row of the inverse's upper Cholesky factor says how the later weights best compensate for an error.
    shares = np.swapaxes(np.linalg.cholesky(np.linalg.inv(damped)), 1, 2)
    for i in range(remaining.shape[1]):
        rounded = np.clip(np.round(remaining[:, i] / step), -127, 127) * step
        error = (remaining[:, i] - rounded) / shares[:, i, i, None]
        remaining[:, i] = rounded
        remaining[:, i + 1 :] -= shares[:, i, i + 1 :, None] * error[:, None]
    result = np.empty_like(remaining)
    np.put_along_axis(result, order[:, :, None], remaining, 1)
    return result
