# SPDX-License-Identifier: MIT
"""The .tmdl format of TinyMaix, for int8 networks.

    model = Tmdl.read(data)                # every offset checked
    model.write() == data

A file is a header of 64 bytes, then layers: each a header of 48 bytes and the content of its type, all
little-endian. Feature maps are int8, channels last, at offsets into one buffer; outputs are floats.
"""

import struct
from dataclasses import dataclass, field

import numpy as np

from galago.errors import GalagoError

MAGIC = b"MAIX"
INT8 = 0
CONV, POOL, FC, SOFTMAX, RESHAPE, DEPTHWISE, ADD = range(7)
NONE, RELU, RELU6 = 0, 1, 3  # activations

# Limits of emlearn's build (its tm_port.h), which it does not check: beyond them memory is overrun.
MAX_CHANNELS = 1000
MAX_KERNEL = 25
MAX_WINDOW = 3 * 3 * 256
"""Bytes of a window: kernel x channels, of the input for a convolution, of the output for a depthwise one."""

_HEADER = struct.Struct("<4sBBHHHII4H4H28x")
_LAYER = struct.Struct("<HHIII4H4Hfifi")
_CONVOLUTION = struct.Struct("<6BH4B5I")
_ADD = struct.Struct("<Ifi4x")

Shape = tuple[int, int, int]
"""Height, width and channels."""


@dataclass
class TmdlLayer:
    """A layer. `input` and `output` are offsets into the buffer."""

    kind: int
    input: int
    output: int
    input_shape: Shape
    output_shape: Shape
    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int
    last: bool = False
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Rows and columns of padding: top, bottom, left, right."""
    activation: int = NONE
    second_input: tuple[int, float, int] = (0, 1.0, 0)
    """Offset, scale and zero point of the second input of ADD."""
    scales: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    """Scale of each output channel's weights, float32 [outputs]."""
    weights: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int8))
    """int8 [outputs, input channels, height, width]; depthwise [outputs, 1, height, width]."""
    biases: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    """int32 [outputs]."""

    @property
    def output_bytes(self) -> int:
        """Bytes of the buffer that the output takes, with the floats that TinyMaix writes after it."""
        elements = int(np.prod(self.output_shape))
        if self.last:
            return -(-elements // 8) * 8 + 4 * elements
        return 4 * elements if self.kind == SOFTMAX else elements


@dataclass
class Tmdl:
    """A model: its layers, and the size of the buffer for its feature maps in bytes."""

    input_shape: Shape
    outputs: int
    buffer_bytes: int
    layers: list[TmdlLayer]

    @classmethod
    def read(cls, data: bytes) -> "Tmdl":
        """Reads a file.

        Raises GalagoError model.malformed if TinyMaix could not load it or would overrun memory.
        """
        if len(data) < _HEADER.size:
            raise _malformed(f"it has {len(data)} bytes, its header alone needs {_HEADER.size}")
        magic, kind, floats, inputs, outputs, count, buffer, _, *dims = _HEADER.unpack_from(data)
        if (magic, kind, floats, inputs, outputs) != (MAGIC, INT8, 1, 1, 1):
            raise _malformed("not an int8 model with one input and one float output")
        layers, at = [], _HEADER.size
        for number in range(count):
            if at + _LAYER.size > len(data):
                raise _malformed(f"it ends before layer {number}")
            size = struct.unpack_from("<I", data, at + 4)[0]
            if size < _LAYER.size or at + size > len(data):
                raise _malformed(f"layer {number} has {size} bytes")
            layers.append(_read_layer(number, data[at : at + size], buffer))
            at += size
        if not layers or [layer.last for layer in layers] != [False] * (count - 1) + [True]:
            raise _malformed("its last layer, and no other, must be the output")
        return cls((dims[1], dims[2], dims[3]), layers[-1].output_shape[2], buffer, layers)

    def write(self) -> bytes:
        """Returns the file, at least as long as the buffer: emlearn allocates a buffer of the file's size."""
        parts = [_write_layer(layer) for layer in self.layers]
        dims = 3, *self.input_shape, 1, 1, 1, self.outputs
        header = _HEADER.pack(MAGIC, INT8, 1, 1, 1, len(parts), self.buffer_bytes, 0, *dims)
        return (header + b"".join(parts)).ljust(self.buffer_bytes, b"\0")


def _write_layer(layer: TmdlLayer) -> bytes:
    body = b""
    if layer.kind in (CONV, DEPTHWISE):
        start = _LAYER.size + _CONVOLUTION.size
        arrays = [_aligned(values.tobytes()) for values in (layer.scales, layer.weights, layer.biases)]
        weights = start + len(arrays[0])
        offsets = start, weights, weights + len(arrays[1])
        multiplier = int(layer.kind == DEPTHWISE)
        numbers = *reversed(layer.kernel), *reversed(layer.stride), 1, 1, layer.activation
        body = _CONVOLUTION.pack(*numbers, *layer.pad, multiplier, 0, *offsets) + b"".join(arrays)
    elif layer.kind == ADD:
        body = _ADD.pack(*layer.second_input)
    scales = layer.input_scale, layer.input_zero_point, layer.output_scale, layer.output_zero_point
    rank = 1 if layer.last else 3
    size = _LAYER.size + len(body)
    shapes = 3, *layer.input_shape, rank, *layer.output_shape
    return _LAYER.pack(layer.kind, layer.last, size, layer.input, layer.output, *shapes, *scales) + body


def _aligned(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // 8) * 8, b"\0")


def _read_layer(number: int, data: bytes, buffer: int) -> TmdlLayer:
    kind, last, _, source, target, *rest = _LAYER.unpack_from(data)
    input_shape, output_shape = (rest[1], rest[2], rest[3]), (rest[5], rest[6], rest[7])
    layer = TmdlLayer(kind, source, target, input_shape, output_shape, *rest[8:12], last=bool(last))
    if kind > ADD or kind == FC:
        raise _malformed(f"layer {number} has type {kind}")
    if source + int(np.prod(input_shape)) > buffer or target + layer.output_bytes > buffer:
        raise _malformed(f"layer {number} leaves the buffer")
    try:
        if kind in (CONV, DEPTHWISE):
            _read_convolution(layer, data)
        elif kind == ADD:
            layer.second_input = _ADD.unpack_from(data, _LAYER.size)
    except (struct.error, ValueError) as error:
        raise _malformed(f"layer {number}: {error}") from None
    return layer


def _read_convolution(layer: TmdlLayer, data: bytes) -> None:
    fields = _CONVOLUTION.unpack_from(data, _LAYER.size)
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


def _malformed(reason: str) -> GalagoError:
    return GalagoError("model.malformed", f"not a usable .tmdl: {reason}: flash the model again")
