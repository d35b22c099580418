# SPDX-License-Identifier: MIT
"""What each layer of a network makes of a picture: its feature maps, from TensorFlow Lite Micro.

    layers = look(tflite, tensor)
    sheet(layers[0]).save("01-conv_2d.png")         # all maps of a layer in a grid

A board computes the same bytes (docs/architecture.md).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from galago.tflite.tflm import Tflm
from galago.web.recording import record

WIDTH = 960
"""Pixels that a sheet should not exceed, unless the maps are wider."""
_GAP = 1  # pixels of a map


@dataclass(frozen=True)
class Layer:
    """A layer's output."""

    number: int
    """From 1 on, in the order of the network."""
    operator: str
    """As its file in firmware/mobilenet/tflite/operators."""
    maps: NDArray[np.int8]
    """int8 (height, width, channels); (1, 1, values) for what is no image."""


def look(model: bytes, picture: NDArray[np.int8]) -> list[Layer]:
    """The layers of a .tflite for an input, int8 (height, width, channels).

    Raises GalagoError model.* as the device's engine does for a model that it refuses.
    """
    layers = record(model).layers
    tensors = Tflm(model).tensors(picture)
    return [
        Layer(number, layer.operator, _image(tensors[layer.tensor])) for number, layer in enumerate(layers, 1)
    ]


def sheet(layer: Layer) -> Image.Image:
    """All maps of a layer in a grid, row by row: the least value of each map is black, the largest white."""
    height, width, channels = layer.maps.shape
    columns = min(channels, math.ceil(math.sqrt(channels * height / width)))
    rows = -(-channels // columns)
    down, right = height + _GAP, width + _GAP
    grid = np.full((rows * down + _GAP, columns * right + _GAP), 64, np.uint8)
    for channel in range(channels):
        row, column = divmod(channel, columns)
        top, left = row * down + _GAP, column * right + _GAP
        grid[top : top + height, left : left + width] = _grey(layer.maps[..., channel])
    zoom = max(1, WIDTH // grid.shape[1])
    return Image.fromarray(grid.repeat(zoom, 0).repeat(zoom, 1))


def _grey(values: NDArray[np.int8]) -> NDArray[np.uint8]:
    low, high = int(values.min()), int(values.max())
    return ((values.astype(np.int32) - low) * 255 // max(1, high - low)).astype(np.uint8)


def _image(tensor: NDArray[np.int8]) -> NDArray[np.int8]:
    return tensor[0] if tensor.ndim == 4 and tensor.shape[0] == 1 else tensor.reshape(1, 1, -1)
