# SPDX-License-Identifier: MIT
"""What an int8 model computes, in TensorFlow and batches: in floats, or rounded as int8 rounds.

    said = apply(graph, layer, [x], kernel, bias)       # one layer, exact
    said = round_to(said, graph.limits(layer.output))   # as int8 holds it; gradients pass (straight-through)

A gradient passes `round_to` where the number lies within the limits, and is 0 where it is clipped (Jacob et
al. 2018, "Quantization and training of neural networks for efficient integer-arithmetic-only inference").
"""

from typing import Any

from galago import lazy_tensorflow
from galago.tflite.edit import WEIGHTED, Graph, Layer

PADDING = ("SAME", "VALID")
LINEAR, _RELU, _RELU6 = 0, 1, 3  # fused activation functions
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


def apply(graph: Graph, layer: Layer, inputs: list[Any], kernel: Any = None, bias: Any = None) -> Any:
    """What a layer makes of float32 inputs [n, …]; `kernel` and `bias` as `Graph` has them."""
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


def activation(layer: Layer) -> int:
    """The activation function that is fused into a layer."""
    return getattr(layer.options, "fusedActivationFunction", LINEAR)


def round_to(x: Any, limits: tuple[float, float]) -> Any:
    """Numbers as 256 steps between the limits hold them."""
    return lazy_tensorflow.tensorflow().quantization.fake_quant_with_min_max_args(x, *limits)


def round_kernel(kernel: Any, absmax: Any) -> Any:
    """A kernel as int8 holds it, 127 for `absmax` [out]."""
    fake = lazy_tensorflow.tensorflow().quantization.fake_quant_with_min_max_vars_per_channel
    return fake(kernel, -absmax, absmax, narrow_range=True)


def run(
    graph: Graph, pictures: Any, weights: list[tuple[Any, Any]], absmaxes: list[Any] | None
) -> dict[int, Any]:
    """Every tensor that the layers make of pictures [n, h, w, c], float32 (pixel - 128) / 128, by number.

    `weights` are kernel and bias of each layer that has some, in order. With `absmaxes` of the kernels all is
    rounded as int8 does.
    """

    def kept(x: Any, tensor: int) -> Any:
        return x if absmaxes is None else round_to(x, graph.limits(tensor))

    values = {graph.input: kept(pictures, graph.input)}
    order = [layer.output for layer in graph.weighted()]
    for layer in graph.layers:
        inputs = [values[t] for t in layer.inputs if t in values]
        kernel = bias = None
        if layer.kind in WEIGHTED:
            number = order.index(layer.output)
            kernel, bias = weights[number]
            kernel = kernel if absmaxes is None else round_kernel(kernel, absmaxes[number])
        values[layer.output] = kept(apply(graph, layer, inputs, kernel, bias), layer.output)
    return values
