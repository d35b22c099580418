# SPDX-License-Identifier: MIT
"""Weights rounded so that a layer's sums stay right, instead of each to its nearest step.

    kernel = rounded(graph, layer, x, kernel, absmax)     # what int8 will hold, in real numbers

What one weight loses by rounding, the later weights of the same sum make up for, as far as their inputs go
together (Frantar et al. 2023, "GPTQ", after Hassibi and Stork 1993, "Optimal Brain Surgeon"). Inputs that
carry most come first, while there are many others left to correct them.
"""

from typing import Any

import numpy as np

from galago import lazy_tensorflow
from galago.quantize.fake_quant import PADDING, round_kernel
from galago.tflite.edit import Graph, Layer

_BATCH = 16  # pictures cut into windows at a time
_LONGEST = 9 * 512  # weights in a sum: memory grows with its square, time with its cube
_DAMPING = 0.01  # of the mean square of the inputs: it bounds how much one weight takes over from others


def rounded(graph: Graph, layer: Layer, x: Any, kernel: np.ndarray, absmax: np.ndarray) -> np.ndarray:
    """The kernel as int8 holds it, with 127 for `absmax` [out], for the inputs x [n, …] of typical pictures.

    Each weight goes to its nearest step where sums are longer than 4608 (a dense layer after Flatten).
    """
    if layer.kind != "DEPTHWISE_CONV_2D" and kernel[..., 0].size > _LONGEST:
        return np.asarray(round_kernel(kernel, absmax))
    squares = _squares(graph, layer, x)
    groups, length, _ = squares.shape  # a depthwise layer has a group per input channel, others have one
    weights = kernel.reshape(length, groups, -1).transpose(1, 0, 2)
    step = np.asarray(absmax, np.float64).reshape(groups, -1) / 127
    return _compensated(squares, weights, step).transpose(1, 0, 2).reshape(kernel.shape).astype(np.float32)


def _squares(graph: Graph, layer: Layer, x: Any) -> np.ndarray:
    """Which inputs of a sum go together: means of their products, float64 [groups, length, length]."""
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


def _compensated(squares: np.ndarray, weights: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Weights [groups, length, n] in steps [groups, n], each rounded after what those before it lost."""
    diagonal = np.diagonal(squares, axis1=1, axis2=2)
    order = np.argsort(-diagonal, axis=1, kind="stable")
    damping = np.maximum(_DAMPING * diagonal.mean(axis=1), 1e-12)
    damped = squares + damping[:, None, None] * np.eye(squares.shape[1])
    damped = np.take_along_axis(damped, order[:, :, None], 1)
    damped = np.take_along_axis(damped, order[:, None, :], 2)
    left = np.take_along_axis(weights, order[:, :, None], 1).astype(np.float64)
    # A row of the inverse's upper Cholesky factor tells how the weights after it best make up for its loss.
    shares = np.swapaxes(np.linalg.cholesky(np.linalg.inv(damped)), 1, 2)
    for i in range(left.shape[1]):
        near = np.clip(np.round(left[:, i] / step), -127, 127) * step
        lost = (left[:, i] - near) / shares[:, i, i, None]
        left[:, i] = near
        left[:, i + 1 :] -= shares[:, i, i + 1 :, None] * lost[:, None]
    result = np.empty_like(left)
    np.put_along_axis(result, order[:, :, None], left, 1)
    return result
