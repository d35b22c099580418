# SPDX-License-Identifier: MIT
"""TinyMaix's .tmdl: a model file for int8 networks, read and run as TinyMaix does on a core without a DSP.

    model = read(data)                     # every offset checked
    scores = run(model, pixels)            # uint8 [height * width * channels] → float32 [outputs]

The file is a head of 64 bytes, then layers, each a head of 48 bytes and what its type needs; all
little-endian. Maps are rows of pixels of channels, int8, at offsets into one buffer. Results are floats, cut
off towards zero.
"""

import struct
from dataclasses import dataclass, field

import numpy as np

from galago.errors import GalagoError

MAGIC = b"MAIX"
INT8 = 0
CONV, POOL, FC, SOFTMAX, RESHAPE, DEPTHWISE, ADD = range(7)
NONE, RELU, RELU6 = 0, 1, 3  # activations

# Limits that emlearn's build has and does not check (its tm_port.h): beyond them memory is overrun.
MOST_CHANNELS = 1000
LARGEST_KERNEL = 25
LARGEST_WINDOW = 3 * 3 * 256
"""Bytes of a window: kernel x channels, of the input for a convolution, of the output for a depthwise one."""

HEAD = struct.Struct("<4sBBHHHII4H4H28x")
LAYER = struct.Struct("<HHIII4H4Hfifi")
CONVOLUTION = struct.Struct("<6BH4B5I")
SUM = struct.Struct("<Ifi4x")


@dataclass
class Layer:
    """`input` and `output` are offsets into the buffer; shapes are (height, width, channels)."""

    kind: int
    input: int
    output: int
    input_shape: tuple[int, int, int]
    output_shape: tuple[int, int, int]
    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int
    last: bool = False
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    activation: int = NONE
    other: tuple[int, float, int] = (0, 1.0, 0)
    """A sum's second input: offset, scale, zero point."""
    scales: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    weights: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int8))
    """[outputs, channels of the input, height, width]; depthwise [outputs, 1, height, width]."""
    biases: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))

    @property
    def room(self) -> int:
        """Bytes of the output in the buffer, and of the floats that TinyMaix makes there."""
        elements = int(np.prod(self.output_shape))
        if self.last:
            return -(-elements // 8) * 8 + 4 * elements
        return 4 * elements if self.kind == SOFTMAX else elements


@dataclass
class Tmdl:
    """A model: its layers, and the bytes of the buffer that its maps lie in."""

    input_shape: tuple[int, int, int]
    outputs: int
    buffer_bytes: int
    layers: list[Layer]


def write(model: Tmdl) -> bytes:
    """The file, as long as the buffer at least: emlearn makes a buffer of the size of the file."""
    parts = [_write_layer(layer) for layer in model.layers]
    dims = 3, *model.input_shape, 1, 1, 1, model.outputs
    head = HEAD.pack(MAGIC, INT8, 1, 1, 1, len(parts), model.buffer_bytes, 0, *dims)
    return (head + b"".join(parts)).ljust(model.buffer_bytes, b"\0")


def _write_layer(layer: Layer) -> bytes:
    body = b""
    if layer.kind in (CONV, DEPTHWISE):
        start = LAYER.size + CONVOLUTION.size
        arrays = [_aligned(values.tobytes()) for values in (layer.scales, layer.weights, layer.biases)]
        weights = start + len(arrays[0])
        offsets = start, weights, weights + len(arrays[1])
        multiplier = int(layer.kind == DEPTHWISE)
        numbers = *reversed(layer.kernel), *reversed(layer.stride), 1, 1, layer.activation
        body = CONVOLUTION.pack(*numbers, *layer.pad, multiplier, 0, *offsets) + b"".join(arrays)
    elif layer.kind == ADD:
        body = SUM.pack(*layer.other)
    scales = layer.input_scale, layer.input_zero_point, layer.output_scale, layer.output_zero_point
    rank = 1 if layer.last else 3
    size = LAYER.size + len(body)
    shapes = 3, *layer.input_shape, rank, *layer.output_shape
    return LAYER.pack(layer.kind, layer.last, size, layer.input, layer.output, *shapes, *scales) + body


def _aligned(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // 8) * 8, b"\0")


def read(data: bytes) -> Tmdl:
    """Raises GalagoError model.malformed for what TinyMaix would not load, or run out of its memory for."""
    if len(data) < HEAD.size:
        raise _malformed(f"{len(data)} bytes, its head alone has {HEAD.size}")
    magic, kind, floats, inputs, outputs, count, buffer, _, *dims = HEAD.unpack_from(data)
    if (magic, kind, floats, inputs, outputs) != (MAGIC, INT8, 1, 1, 1):
        raise _malformed("not an int8 model with one input and one output in floats")
    layers, at = [], HEAD.size
    for number in range(count):
        if at + LAYER.size > len(data):
            raise _malformed(f"ends before layer {number}")
        size = struct.unpack_from("<I", data, at + 4)[0]
        if size < LAYER.size or at + size > len(data):
            raise _malformed(f"layer {number} has {size} bytes")
        layers.append(_read_layer(number, data[at : at + size], buffer))
        at += size
    if not layers or [layer.last for layer in layers] != [False] * (count - 1) + [True]:
        raise _malformed("its last layer, and no other, must be the output")
    return Tmdl((dims[1], dims[2], dims[3]), layers[-1].output_shape[2], buffer, layers)


def _read_layer(number: int, data: bytes, buffer: int) -> Layer:
    kind, last, _, source, target, *rest = LAYER.unpack_from(data)
    given, made = (rest[1], rest[2], rest[3]), (rest[5], rest[6], rest[7])
    layer = Layer(kind, source, target, given, made, *rest[8:12], last=bool(last))
    if kind > ADD or kind == FC:
        raise _malformed(f"layer {number} is of type {kind}")
    room = layer.room
    if source + int(np.prod(given)) > buffer or target + room > buffer:
        raise _malformed(f"layer {number} leaves the buffer")
    try:
        if kind in (CONV, DEPTHWISE):
            _read_convolution(layer, data)
        elif kind == ADD:
            layer.other = SUM.unpack_from(data, LAYER.size)
    except (struct.error, ValueError) as error:
        raise _malformed(f"layer {number}: {error}") from None
    return layer


def _read_convolution(layer: Layer, data: bytes) -> None:
    fields = CONVOLUTION.unpack_from(data, LAYER.size)
    layer.kernel, layer.stride = (fields[1], fields[0]), (fields[3], fields[2])
    layer.activation = fields[6]
    layer.pad = fields[7], fields[8], fields[9], fields[10]
    offsets = fields[13:]
    outputs = layer.output_shape[2]
    channels = 1 if layer.kind == DEPTHWISE else layer.input_shape[2]
    shape = outputs, channels, *layer.kernel
    layer.scales = np.frombuffer(data, "<f4", outputs, offsets[0])
    layer.weights = np.frombuffer(data, np.int8, int(np.prod(shape)), offsets[1]).reshape(shape)
    layer.biases = np.frombuffer(data, "<i4", outputs, offsets[2])


def run(model: Tmdl, pixels: np.ndarray) -> np.ndarray:
    """What emlearn's run() gives for uint8 pixels: float32 [outputs]."""
    memory = buffer(model, (pixels.astype(np.int16) - 128).astype(np.int8))
    result = np.zeros(0, np.int8)
    for layer in model.layers:
        result = compute(layer, memory)
        store(layer, memory, result)
    last = model.layers[-1]
    floats = result.ravel().astype(np.int32) - last.output_zero_point
    return floats.astype(np.float32) * np.float32(last.output_scale)


def buffer(model: Tmdl, picture: np.ndarray) -> np.ndarray:
    """A buffer of a model, int8, with a picture (int8 = pixel - 128) in its place."""
    memory = np.zeros(model.buffer_bytes, np.int8)
    memory[: picture.size] = picture.ravel()
    return memory


def compute(layer: Layer, memory: np.ndarray) -> np.ndarray:
    """What a layer makes of the maps in a buffer, int8 of its output's shape."""
    given = _map(memory, layer.input, layer.input_shape).copy()
    return _COMPUTE[layer.kind](layer, given, memory)


def store(layer: Layer, memory: np.ndarray, made: np.ndarray) -> None:
    """Puts what a layer made into its place in the buffer."""
    memory[layer.output : layer.output + made.size] = made.ravel()


def _map(buffer: np.ndarray, at: int, shape: tuple[int, int, int]) -> np.ndarray:
    return buffer[at : at + int(np.prod(shape))].reshape(shape)


def _cut(values: np.ndarray) -> np.ndarray:
    """As C casts a float to int8: towards zero, and what does not fit keeps its low byte."""
    return values.astype(np.int64).astype(np.int8)


def _convolve(layer: Layer, given: np.ndarray, buffer: np.ndarray) -> np.ndarray:
    top, bottom, left, right = layer.pad
    (high, wide), (down, across) = layer.kernel, layer.stride
    rows, columns, _ = layer.output_shape
    padded = np.pad(given, ((top, bottom), (left, right), (0, 0)), constant_values=layer.input_zero_point)
    padded = padded.astype(np.float64)  # sums of products stay far below 2^53
    sums = np.zeros(layer.output_shape)
    for y in range(high):
        for x in range(wide):
            part = padded[y : y + down * rows : down, x : x + across * columns : across][:rows, :columns]
            weights = layer.weights[:, :, y, x]
            sums += part * weights[:, 0] if layer.kind == DEPTHWISE else part @ weights.T.astype(np.float64)
    sums = (sums.astype(np.int64) + layer.biases).astype(np.int32).astype(np.float32)
    scaled = sums * (layer.scales * np.float32(layer.input_scale))
    if layer.activation in (RELU, RELU6):
        scaled = np.maximum(scaled, np.float32(0))
    if layer.activation == RELU6:
        scaled = np.minimum(scaled, np.float32(6))
    inverse = np.float32(1) / np.float32(layer.output_scale)
    return _cut(scaled * inverse + np.float32(layer.output_zero_point))


def _pool(layer: Layer, given: np.ndarray, buffer: np.ndarray) -> np.ndarray:
    sums = given.astype(np.int64).sum((0, 1))
    mean = np.trunc(sums / (given.shape[0] * given.shape[1])).astype(np.int32)
    scaled = (mean - layer.input_zero_point).astype(np.float32) * np.float32(layer.input_scale)
    return _cut(scaled / np.float32(layer.output_scale) + np.float32(layer.output_zero_point))


def _add(layer: Layer, given: np.ndarray, buffer: np.ndarray) -> np.ndarray:
    at, scale, zero_point = layer.other
    other = _map(buffer, at, layer.input_shape)
    first = (given.astype(np.int32) - layer.input_zero_point).astype(np.float32)
    second = (other.astype(np.int32) - zero_point).astype(np.float32)
    total = first * np.float32(layer.input_scale) + second * np.float32(scale)
    return _cut(total / np.float32(layer.output_scale) + np.float32(layer.output_zero_point))


def _softmax(layer: Layer, given: np.ndarray, buffer: np.ndarray) -> np.ndarray:
    values = (given.ravel().astype(np.int32) - layer.input_zero_point).astype(np.float32)
    values *= np.float32(layer.input_scale)
    powers = _exp(values - values.max())
    total = np.float32(0)
    for power in powers:  # in its order: single floats
        total += power
    shares = (powers - np.float32(0.000001)) / total
    return _cut(shares / np.float32(layer.output_scale) + np.float32(layer.output_zero_point))


def _exp(x: np.ndarray) -> np.ndarray:
    """TinyMaix's exponential: the bits of a float, put together by a formula for the fraction."""
    power = np.float32(1.442695040) * x
    fraction = power - np.trunc(power)
    curve = np.float32(27.7280233) / (np.float32(4.84252568) - fraction)
    bits = power + np.float32(121.2740838) + curve - np.float32(1.49012907) * fraction
    return (np.float32(1 << 23) * bits).astype(np.uint32).view(np.float32)


def _reshape(layer: Layer, given: np.ndarray, buffer: np.ndarray) -> np.ndarray:
    return given.reshape(layer.output_shape)


_COMPUTE = {
    CONV: _convolve,
    DEPTHWISE: _convolve,
    POOL: _pool,
    ADD: _add,
    RESHAPE: _reshape,
    SOFTMAX: _softmax,
}


def _malformed(what: str) -> GalagoError:
    return GalagoError("model.malformed", f"no .tmdl that can be used: {what}: flash the model again")
