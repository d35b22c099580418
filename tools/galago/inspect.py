# SPDX-License-Identifier: MIT
"""What each layer of a network makes of a picture: its feature maps, from TensorFlow Lite Micro or a board.

layers = look(tflite, tensor)
sheet(layers[0].layer).save("01-conv_2d.png")         # all maps of a layer in a grid
look_on_board(board, model, tensor)             # the same layers, from the board's own tensors
"""

import base64
import math
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from galago import flash
from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.tflite.reference import reference
from galago.transport import Board
from galago.transport.answers import program_answer
from galago.web.recording import record

WIDTH = 960
"""Pixels that a sheet should not exceed, unless the maps are wider."""
_GAP = 1  # pixels of a map
_TIMEOUT = 600.0  # seconds for one inference with all tensors sent to the host
_WINDOW = 600_000  # bytes of tensors that one run prints, which is less than a board may print in all
_LOAD = """
import json
from binascii import b2a_base64
from mobilenet import GalagoError, report
from mobilenet.backends import builtin
from mobilenet.model import Model

def tensors(only, start, end):
    at = 0

    def hook(layer, first, last):
        nonlocal at
        if only >= 0 and layer != only:
            return
        rows = net.rows(layer, first, last)
        for i in range(max(0, start - at), min(len(rows), end - at), 384):
            print(layer, str(b2a_base64(rows[i : min(i + 384, len(rows), end - at)]), "ascii"), end="")
        at += len(rows)

    with open("/remote/input", "rb") as file:
        file.readinto(net.input)
    net.invoke(hook)
    print(json.dumps({{"bytes": at}}))

try:
    net = builtin.load(Model({path!r}))._interpreter
    print("{{}}")
except GalagoError as error:
    print(report.failure(error))
"""


@dataclass(frozen=True)
class Layer:
    """A layer's output."""

    number: int
    """From 1 on, in the order of the network."""
    operator: str
    """As its file in firmware/mobilenet/tflite/operators."""
    maps: NDArray[np.int8]
    """int8 (height, width, channels); (1, 1, values) for what is no image."""


@dataclass(frozen=True)
class Seen:
    """A layer's output, and if it is a board's, how it compares with TensorFlow Lite Micro's."""

    layer: Layer
    compared: int = 0
    """How many bytes the board has computed: it leaves out rows that no later layer reads."""
    differ: int = 0
    """How many of them differ."""


def look(model: bytes, picture: NDArray[np.int8]) -> list[Seen]:
    """The layers of a .tflite for an input, int8 (height, width, channels).

    Raises GalagoError model.* as the device's engine does for a model that it refuses.
    """
    layers = record(model).layers
    tensors = reference(model).tensors(picture)
    return [
        Seen(Layer(number, layer.operator, _image(tensors[layer.tensor])))
        for number, layer in enumerate(layers, 1)
    ]


def look_on_board(
    board: Board, model: ModelDirectory, picture: NDArray[np.int8], number: int | None = None
) -> list[Seen]:
    """The layers of a model that is on the board, or one of them, computed there by the built-in engine.

    Raises GalagoError as `look` does, memory.* if the board has no room, and port.* if it is lost.
    """
    expected = look(model.tflite.read_bytes(), picture)
    if board.has_flat_filesystem:
        raise GalagoError(
            "board.filesystem",
            "expected a board that can write to this computer, got MaixPy: leave out --port",
        )
    flash.clear_memory(board)
    found = [bytearray() for _ in expected]
    with tempfile.TemporaryDirectory(prefix="galago-") as folder, board.mount(Path(folder)):
        (Path(folder) / "input").write_bytes(picture.tobytes())
        path = board.root + flash.remote_path(model)
        program_answer(board.port, board.exec(_LOAD.format(path=path), timeout=_TIMEOUT), {})
        start, end = 0, 1
        while start < end:
            text = board.exec(f"tensors({(number or 0) - 1}, {start}, {start + _WINDOW})", timeout=_TIMEOUT)
            end = program_answer(board.port, text, {"bytes": int})["bytes"]
            _gather(text.splitlines()[:-1], found)
            start += _WINDOW
    return [
        _compared(seen.layer, bytes(rows))
        for seen, rows in zip(expected, found, strict=True)
        if number in (None, seen.layer.number)
    ]


def _gather(lines: list[str], found: list[bytearray]) -> None:
    """Appends to each layer the bytes that lines have of it."""
    for line in lines:
        try:
            layer, text = line.split()
            found[int(layer)] += base64.b64decode(text, validate=True)
        except (ValueError, IndexError):
            raise GalagoError(
                "port.corrupt", f"expected tensors from the board, got {line[:40]!r}: try again"
            ) from None


def _compared(expected: Layer, rows: bytes) -> Seen:
    values = np.frombuffer(rows, np.int8)
    if not 0 < values.size <= expected.maps.size:
        raise GalagoError(
            "board.answer",
            f"expected up to {expected.maps.size:,} bytes of layer {expected.number}, got {values.size:,}: "
            "run it again",
        )
    maps = np.full(expected.maps.size, values.min(), np.int8)
    maps[: values.size] = values
    differ = int((values != expected.maps.ravel()[: values.size]).sum())
    return Seen(replace(expected, maps=maps.reshape(expected.maps.shape)), values.size, differ)


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
