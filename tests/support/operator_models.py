# SPDX-License-Identifier: MIT
"""Random models of one operator each: a function for every file of `firmware/mobilenet/tflite/operators`.

    model = build("max_pool_2d", seed)          # the bytes of a .tflite; the same for the same seed

The functions have the operators' names. They draw shapes, scales, zero points and options that the engine and
TensorFlow Lite Micro both accept.
"""

from typing import Any

import numpy as np

from galago.tflite import schema
from support.builder import NONE, RELU, RELU6, SAME, VALID, Builder

Shape = tuple[int, ...]


def names() -> list[str]:
    """The operators, as their files are called."""
    return sorted(name for name, value in globals().items() if getattr(value, "is_operator", False))


def build(name: str, seed: int) -> bytes:
    """The model of an operator for a seed."""
    return globals()[name](Draw(seed))


def operator(function: Any) -> Any:
    """Marks a function that builds the model of the operator with its name."""
    function.is_operator = True
    return function


class Draw:
    """Random values of the kinds that a model consists of."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def choice(self, *values: Any) -> Any:
        return values[self.rng.integers(len(values))]

    def integer(self, low: int, high: int) -> int:
        """A number from low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def scale(self, low: float = 0.002, high: float = 0.2) -> float:
        return float(np.float32(np.exp(self.rng.uniform(np.log(low), np.log(high)))))

    def zero(self) -> int:
        return int(self.choice(-128, 0, 127, self.integer(-128, 127)))

    def out(self, low: float = 0.002, high: float = 0.2) -> tuple[float, int]:
        return self.scale(low, high), self.zero()

    def image(self, least: int = 1, most: int = 9, channels: int = 9) -> Shape:
        """The shape of an image."""
        return (1, self.integer(least, most), self.integer(least, most), self.integer(1, channels))

    def shape(self) -> Shape:
        """The shape of an image or of another tensor."""
        return self.choice(self.image(), self.image(), (1, self.integer(1, 40)), (3, self.integer(1, 7)))

    def int8(self, *shape: int) -> np.ndarray:
        return self.rng.integers(-127, 128, shape).astype(np.int8)

    def int32(self, count: int) -> np.ndarray:
        return self.rng.integers(-3000, 3000, count).astype(np.int32)

    def activation(self) -> int:
        return self.choice(NONE, RELU, RELU6)

    def graph(self, shape: Shape) -> Builder:
        return Builder(shape, *self.out())


def _unary(draw: Draw, kind: str, out: tuple[float, int] | None = None, options: Any = None) -> bytes:
    graph = draw.graph(draw.shape())
    y = graph.computed(graph.shape(graph.input), out or draw.out())
    return graph.finish(graph.operator(kind, [graph.input], y, options))


@operator
def quantize(draw: Draw) -> bytes:
    return _unary(draw, "QUANTIZE", options=schema.new("QuantizeOptionsT"))


@operator
def relu(draw: Draw) -> bytes:
    return _unary(draw, "RELU")


@operator
def relu6(draw: Draw) -> bytes:
    graph = draw.graph(draw.shape())
    y = graph.computed(graph.shape(graph.input), graph.out(graph.input))
    return graph.finish(graph.operator("RELU6", [graph.input], y))


@operator
def leaky_relu(draw: Draw) -> bytes:
    options = schema.new("LeakyReluOptionsT")
    options.alpha = draw.choice(0.0, 0.1, 0.2, 0.3, 1.0, 1.7, draw.scale())
    return _unary(draw, "LEAKY_RELU", options=options)


@operator
def hard_swish(draw: Draw) -> bytes:
    low = draw.choice(1e-9, 1e-6, 0.0005, 0.0005)  # tiny ones shift beyond 16 bits
    graph = Builder(draw.shape(), draw.scale(low, 2.0), draw.zero())
    out = (graph.out(graph.input)[0] * draw.scale(0.1, draw.choice(20, 1e5)), draw.zero())
    options = draw.choice(None, schema.new("HardSwishOptionsT"))
    y = graph.computed(graph.shape(graph.input), out)
    return graph.finish(graph.operator("HARD_SWISH", [graph.input], y, options))


@operator
def logistic(draw: Draw) -> bytes:
    return _unary(draw, "LOGISTIC", out=(1 / 256, -128))


@operator
def tanh(draw: Draw) -> bytes:
    return _unary(draw, "TANH", out=(1 / 128, 0))


def _second(draw: Draw, graph: Builder, *, constant: bool) -> int:
    """A second input: constant or computed, of the input's shape, for each channel, or one number."""
    shape = graph.shape(graph.input)
    scale, zero = draw.out()
    if not constant and len(shape) == 4 and draw.choice(True, False):  # computed from the input
        count = shape[3]
        weights = draw.int8(count, 1, 1, count)
        x = graph.input
        if draw.choice(True, False):
            x = graph.mean(x, keep=True, out=draw.out())
        return graph.conv(x, weights, None, [draw.scale(0.001, 0.02)] * count, out=(scale, zero))
    if not constant and draw.choice(True, False):
        return graph.input
    shape = draw.choice(shape, shape[-1:], (1,) * (len(shape) - 1) + shape[-1:], (1,), ())
    return graph.tensor("second", shape, [scale], zero, data=draw.int8(*shape))


def _binary(draw: Draw, kind: str, options: Any) -> bytes:
    graph = draw.graph(draw.shape())
    inputs = [graph.input, _second(draw, graph, constant=draw.choice(True, False))]
    if draw.choice(True, False):
        inputs.reverse()
    options.fusedActivationFunction = draw.activation()
    scales = [graph.out(tensor)[0] for tensor in inputs]
    spread = scales[0] * scales[1] * 127 if kind == "MUL" else sum(scales)
    out = (spread * draw.scale(0.1, 3.0), draw.zero())
    output = graph.computed(graph.shape(graph.input), out)
    return graph.finish(graph.operator(kind, inputs, output, options))


@operator
def add(draw: Draw) -> bytes:
    return _binary(draw, "ADD", schema.new("AddOptionsT"))


@operator
def sub(draw: Draw) -> bytes:
    return _binary(draw, "SUB", schema.new("SubOptionsT"))


@operator
def mul(draw: Draw) -> bytes:
    return _binary(draw, "MUL", schema.new("MulOptionsT"))


@operator
def prelu(draw: Draw) -> bytes:
    graph = draw.graph(draw.shape())
    slopes = _second(draw, graph, constant=True)
    output = graph.computed(graph.shape(graph.input), draw.out())
    return graph.finish(graph.operator("PRELU", [graph.input, slopes], output))


def _windowed(draw: Draw, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int], int]:
    """A window, a stride and a padding that fit an image."""
    kernel = draw.integer(1, 4), draw.integer(1, 4)
    fits = kernel[0] <= height and kernel[1] <= width
    return kernel, (draw.integer(1, 3), draw.integer(1, 3)), draw.choice(SAME, VALID) if fits else SAME


def _pool(draw: Draw, kind: str) -> bytes:
    graph = draw.graph(draw.image())
    _, height, width, _ = graph.shape(graph.input)
    kernel, stride, padding = _windowed(draw, height, width)
    return graph.finish(
        graph.pool(
            graph.input, kernel, kind=kind, stride=stride, padding=padding, activation=draw.activation()
        )
    )


@operator
def average_pool_2d(draw: Draw) -> bytes:
    return _pool(draw, "AVERAGE_POOL_2D")


@operator
def max_pool_2d(draw: Draw) -> bytes:
    return _pool(draw, "MAX_POOL_2D")


@operator
def mean(draw: Draw) -> bytes:
    graph = draw.graph(draw.image())
    low = graph.out(graph.input)[0]
    return graph.finish(
        graph.mean(
            graph.input, axes=draw.choice((1, 2), (2, 1)), keep=draw.choice(True, False),
            out=(low * draw.scale(0.2, 2), draw.zero()),
        )
    )  # fmt: skip


@operator
def reduce_max(draw: Draw) -> bytes:
    graph = draw.graph(draw.image())
    options = schema.new("ReducerOptionsT")
    options.keepDims = draw.choice(True, False)
    channels = graph.shape(graph.input)[3]
    axes = graph.constant(np.array(draw.choice((1, 2), (2, 1), (-3, -2)), np.int32))
    shape = (1, 1, 1, channels) if options.keepDims else (1, channels)
    output = graph.computed(shape, graph.out(graph.input))
    return graph.finish(graph.operator("REDUCE_MAX", [graph.input, axes], output, options))


@operator
def concatenation(draw: Draw) -> bytes:
    graph = draw.graph(draw.image())
    out = graph.out(graph.input)
    shape = graph.shape(graph.input)
    axis = draw.integer(1, 3)
    tensors = [graph.input]
    for _ in range(draw.integer(0, 4)):
        count = draw.integer(1, 5)
        x = graph.conv(graph.input, draw.int8(shape[3], 1, 1, shape[3]), None, [0.01], out=out)
        if axis == 3:
            x = graph.conv(x, draw.int8(count, 1, 1, shape[3]), None, [0.01], out=out)
        elif draw.choice(True, False):
            x = graph.pad(
                x, [(0, 0), (count, 0) if axis == 1 else (0, 0), (0, count) if axis == 2 else (0, 0), (0, 0)]
            )
        tensors.insert(draw.integer(0, len(tensors)), x)
    options = schema.new("ConcatenationOptionsT")
    options.axis = draw.choice(axis, axis - 4)
    whole = list(shape)
    whole[axis] = sum(graph.shape(tensor)[axis] for tensor in tensors)
    return graph.finish(graph.operator("CONCATENATION", tensors, graph.computed(tuple(whole), out), options))


def _copied(graph: Builder, kind: str, constants: list[Any], shape: Shape, options: Any = None) -> bytes:
    """An operator that copies bytes, on the input; `constants` are its other inputs."""
    others = [graph.constant(np.array(values, np.int32)) for values in constants]
    output = graph.computed(shape, graph.out(graph.input))
    return graph.finish(graph.operator(kind, [graph.input, *others], output, options))


@operator
def reshape(draw: Draw) -> bytes:
    graph = draw.graph(draw.shape())
    size = int(np.prod(graph.shape(graph.input)))
    return graph.finish(graph.reshape(graph.input, draw.choice((1, size), (size,), (1, 1, size))))


@operator
def squeeze(draw: Draw) -> bytes:
    graph = draw.graph((1, draw.integer(1, 5), 1, draw.integer(2, 5)))
    _, height, _, channels = graph.shape(graph.input)
    options = schema.new("SqueezeOptionsT")
    options.squeezeDims = [2]
    return _copied(graph, "SQUEEZE", [], (1, height, channels), options)


@operator
def expand_dims(draw: Draw) -> bytes:
    graph = draw.graph((1, draw.integer(1, 20)))
    axis = draw.integer(0, 2)
    shape = list(graph.shape(graph.input))
    shape.insert(axis, 1)
    return _copied(graph, "EXPAND_DIMS", [axis], tuple(shape), schema.new("ExpandDimsOptionsT"))


@operator
def transpose(draw: Draw) -> bytes:
    graph = draw.graph(
        draw.choice((1, 1, draw.integer(1, 9), 5), (1, 1, 1, 7), (1, draw.integer(1, 9), 1, 4))
    )
    shape = graph.shape(graph.input)
    order = sorted(range(4), key=lambda i: (shape[i] > 1, i if shape[i] > 1 else draw.rng.random()))
    return _copied(
        graph, "TRANSPOSE", [order], tuple(shape[i] for i in order), schema.new("TransposeOptionsT")
    )


@operator
def strided_slice(draw: Draw) -> bytes:
    graph = draw.graph(draw.choice(draw.image(), draw.image(), (1, draw.integer(1, 30))))
    options = schema.new("StridedSliceOptionsT")
    options.beginMask = options.endMask = 1
    options.ellipsisMask = options.newAxisMask = options.shrinkAxisMask = 0
    begins, ends, strides, shape = [0], [1], [1], [1]
    for i, n in enumerate(graph.shape(graph.input)[1:], 1):
        begin = draw.integer(0, n - 1)
        end, stride = draw.integer(begin + 1, n), draw.integer(1, 3)
        if draw.choice(True, False):
            options.beginMask |= 1 << i
            begin = 0
        if draw.choice(True, False):
            options.endMask |= 1 << i
            end = n
        if draw.integer(0, 5):
            shape.append(-(-(end - begin) // stride))
        else:
            options.shrinkAxisMask |= 1 << i
        begins.append(draw.choice(begin, begin - n))
        ends.append(end if end == n else draw.choice(end, end - n))
        strides.append(stride)
    return _copied(graph, "STRIDED_SLICE", [begins, ends, strides], tuple(shape), options)


@operator
def pad(draw: Draw) -> bytes:
    graph = draw.graph(draw.image())
    sides = [(draw.integer(0, 2), draw.integer(0, 2)) for _ in range(3)]
    return graph.finish(graph.pad(graph.input, [(0, 0), *sides]))


@operator
def padv2(draw: Draw) -> bytes:
    graph = draw.graph(draw.image())
    sides = [(0, 0), *[(draw.integer(0, 2), draw.integer(0, 2)) for _ in range(3)]]
    scale, zero = graph.out(graph.input)
    shape = tuple(n + a + b for n, (a, b) in zip(graph.shape(graph.input), sides, strict=True))
    filler = graph.tensor("filler", (1,), [scale], zero, data=draw.int8(1))
    inputs = [graph.input, graph.constant(np.array(sides, np.int32)), filler]
    output = graph.computed(shape, (scale, zero))
    return graph.finish(graph.operator("PADV2", inputs, output, schema.new("PadV2OptionsT")))


@operator
def mirror_pad(draw: Draw) -> bytes:
    graph = draw.graph(draw.image())
    options = schema.new("MirrorPadOptionsT")
    options.mode = draw.choice(0, 1)  # REFLECT, SYMMETRIC
    most = [n - 1 + options.mode for n in graph.shape(graph.input)[1:]]
    sides = [(0, 0), *[(draw.integer(0, n), draw.integer(0, n)) for n in most]]
    shape = tuple(n + a + b for n, (a, b) in zip(graph.shape(graph.input), sides, strict=True))
    return _copied(graph, "MIRROR_PAD", [sides], shape, options)


def _resized(draw: Draw, kind: str, options: Any) -> bytes:
    graph = draw.graph(draw.image())
    channels = graph.shape(graph.input)[3]
    size = draw.integer(1, 20), draw.integer(1, 20)
    options.alignCorners, options.halfPixelCenters = draw.choice((False, False), (True, False), (False, True))
    return _copied(graph, kind, [size], (1, *size, channels), options)


@operator
def resize_bilinear(draw: Draw) -> bytes:
    return _resized(draw, "RESIZE_BILINEAR", schema.new("ResizeBilinearOptionsT"))


@operator
def resize_nearest_neighbor(draw: Draw) -> bytes:
    return _resized(draw, "RESIZE_NEAREST_NEIGHBOR", schema.new("ResizeNearestNeighborOptionsT"))


@operator
def softmax(draw: Draw) -> bytes:
    graph = Builder((draw.integer(1, 3), draw.integer(1, 30)), draw.scale(0.01, 1.0), draw.zero())
    return graph.finish(graph.softmax(graph.input, beta=draw.choice(1.0, 0.5)))


@operator
def conv_2d(draw: Draw) -> bytes:
    """Ordinary ones, and some with dilation or in groups."""
    groups = draw.choice(1, 1, 1, 2, 3)
    height, width, depth = draw.integer(1, 9), draw.integer(1, 9), draw.integer(1, 5) * groups
    graph = draw.graph((1, height, width, depth))
    kernel, stride, padding = _windowed(draw, height, width)
    dilation = draw.choice(1, 1, 2, 3)
    if dilation > 1:
        stride, padding = (1, 1), SAME
    count = draw.integer(1, 5) * groups
    scales = [draw.scale(0.001, 0.02) for _ in range(draw.choice(1, count))]
    scale = graph.out(graph.input)[0] * max(scales) * 4000 * draw.scale(0.3, 3)
    return graph.finish(
        graph.conv(
            graph.input, draw.int8(count, *kernel, depth // groups), draw.choice(None, draw.int32(count)),
            scales, stride=stride, padding=padding, dilation=dilation, activation=draw.activation(),
            out=(scale, draw.zero()),
        )
    )  # fmt: skip


@operator
def depthwise_conv_2d(draw: Draw) -> bytes:
    """Ordinary ones, some with several channels for each of the input's, and some with dilation."""
    graph = draw.graph(draw.image())
    _, height, width, depth = graph.shape(graph.input)
    kernel, stride, padding = _windowed(draw, height, width)
    dilation = draw.choice(1, 1, 2, 3)
    if dilation > 1:
        stride, padding = (1, 1), SAME
    count = depth * draw.choice(1, 1, 2, 3)
    scales = [draw.scale(0.001, 0.02) for _ in range(draw.choice(1, count))]
    scale = graph.out(graph.input)[0] * max(scales) * 4000 * draw.scale(0.1, 1)
    return graph.finish(
        graph.depthwise(
            graph.input, draw.int8(1, *kernel, count), draw.choice(None, draw.int32(count)), scales,
            stride=stride, padding=padding, dilation=dilation, activation=draw.activation(),
            out=(scale, draw.zero()),
        )
    )  # fmt: skip


@operator
def fully_connected(draw: Draw) -> bytes:
    graph = draw.graph((draw.integer(1, 3), draw.integer(1, 30)))
    count = draw.integer(1, 12)
    scales = [draw.scale(0.001, 0.02) for _ in range(draw.choice(1, count))]
    scale = graph.out(graph.input)[0] * max(scales) * 8000 * draw.scale(0.3, 3)
    weights = draw.int8(count, graph.shape(graph.input)[1])
    bias = draw.choice(None, draw.int32(count))
    return graph.finish(
        graph.dense(
            graph.input, weights, bias, scales, activation=draw.activation(), out=(scale, draw.zero())
        )
    )
