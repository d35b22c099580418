# SPDX-License-Identifier: MIT
"""Fake quantization: what an int8 model computes, in TensorFlow and in batches, exact or rounded as int8 is.

y = apply(graph, layer, [x], kernel, bias)          # one layer, not rounded
y = fake_quant(y, graph.limits(layer.output))       # rounded to the steps that int8 can hold

The gradient passes straight through `fake_quant` where a value lies within the limits, and is 0 where it is
clipped (Jacob et al. 2018, "Quantization and training of neural networks for efficient
integer-arithmetic-only inference").
"""

from typing import Any

from galago import lazy_tensorflow
from galago.tflite.edit import WEIGHTED, EditableGraph
from galago.tflite.schema import Operator

PADDING = ("SAME", "VALID")  # numbered as in the TFLite schema
LINEAR, _RELU, _RELU6 = 0, 1, 3  # fused activation functions, likewise
KINDS = (
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "ADD",
    "AVERAGE_POOL_2D",
    "MEAN",
    "PAD",
    "RESHAPE",
    "SOFTMAX",
)
"""The operators that `apply` computes."""


def apply(
    graph: EditableGraph, layer: Operator, inputs: list[Any], kernel: Any = None, bias: Any = None
) -> Any:
    """Computes a layer in float32 from its inputs [n, …]; `kernel` and `bias` as EditableGraph gives them."""
    tf = lazy_tensorflow.tensorflow()
    options, x = layer.options, inputs[0]
    if layer.kind == "CONV_2D":
        x = tf.nn.conv2d(x, kernel, (options.strideH, options.strideW), PADDING[options.padding]) + bias
    elif layer.kind == "DEPTHWISE_CONV_2D":
        kernel = tf.reshape(kernel, (*kernel.shape[:2], x.shape[-1], -1))
        strides = (1, options.strideH, options.strideW, 1)
        x = tf.nn.depthwise_conv2d(x, kernel, strides, PADDING[options.padding]) + bias
    elif layer.kind == "FULLY_CONNECTED":
        x = tf.matmul(tf.reshape(x, (-1, kernel.shape[0])), kernel) + bias
    elif layer.kind == "ADD":
        x = x + inputs[1]
    elif layer.kind == "AVERAGE_POOL_2D":
        window = (options.filterHeight, options.filterWidth)
        x = tf.nn.avg_pool2d(x, window, (options.strideH, options.strideW), PADDING[options.padding])
    elif layer.kind == "MEAN":
        axes = graph.constant(layer.inputs[1]).ravel().tolist()
        x = tf.reduce_mean(x, axes, keepdims=bool(options.keepDims))
    elif layer.kind == "PAD":
        x = tf.pad(x, graph.constant(layer.inputs[1]))
    elif layer.kind == "RESHAPE":
        x = tf.reshape(x, (-1, *graph.shape(layer.output)[1:]))
    elif layer.kind == "SOFTMAX":
        x = tf.nn.softmax(x * options.beta)
    fused = activation(layer)
    return tf.nn.relu6(x) if fused == _RELU6 else tf.nn.relu(x) if fused == _RELU else x


def activation(layer: Operator) -> int:
    """Returns the number of the activation function that is fused into a layer, LINEAR if there is none."""
    return getattr(layer.options, "fusedActivationFunction", LINEAR)


def fake_quant(x: Any, limits: tuple[float, float]) -> Any:
    """Clips and rounds values to the 256 steps between the limits (low, high)."""
    return lazy_tensorflow.tensorflow().quantization.fake_quant_with_min_max_args(x, *limits)


def fake_quant_kernel(kernel: Any, absmax: Any) -> Any:
    """Rounds a kernel to symmetric int8 steps per output channel; 127 stands for `absmax` [out]."""
    fake = lazy_tensorflow.tensorflow().quantization.fake_quant_with_min_max_vars_per_channel
    return fake(kernel, -absmax, absmax, narrow_range=True)


def run(
    graph: EditableGraph, pictures: Any, weights: list[tuple[Any, Any]], absmaxes: list[Any] | None
) -> dict[int, Any]:
    """Computes every layer for pictures [n, h, w, c], float32 (pixel - 128) / 128.

    `weights` are (kernel, bias) of each layer with weights, in order. With `absmaxes` of the kernels, weights
    and tensors are rounded as int8 rounds them; with None nothing is. Returns all tensors by number.
    """

    def quantized(x: Any, tensor: int) -> Any:
        return x if absmaxes is None else fake_quant(x, graph.limits(tensor))

    tensors = {graph.input: quantized(pictures, graph.input)}
    order = [layer.output for layer in graph.weighted()]
    for layer in graph.layers:
        inputs = [tensors[t] for t in layer.inputs if t in tensors]
        kernel = bias = None
        if layer.kind in WEIGHTED:
            number = order.index(layer.output)
            kernel, bias = weights[number]
            kernel = kernel if absmaxes is None else fake_quant_kernel(kernel, absmaxes[number])
        tensors[layer.output] = quantized(apply(graph, layer, inputs, kernel, bias), layer.output)
    return tensors
