# SPDX-License-Identifier: MIT
"""Runs inputs on a board, real or emulated, and finds the first tensor that differs from the host's.

    for index, ranked in board_answers(board, model, inputs): ...     # [(class, confidence), …], best first
    first_difference(board, model, inputs[3])                         # "operator 5, depthwise …", or None

The board must have the device package and the model. Inputs are sent as PPM pictures of the model's input
size over `mpremote mount`, so that the board reads exactly the bytes that the host computes with.
"""

import binascii
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from galago import flash
from galago.classify import classify
from galago.errors import GalagoError
from galago.evaluate.agreement import TOP, Ranked, answers_of, picture_file
from galago.models import ModelDirectory
from galago.tflite import summary
from galago.tflite.reference import reference
from galago.transport import Board
from galago.transport.answers import program_answer

_TIMEOUT = 600.0  # seconds for one inference with checksums of all tensors
_CODE = """
import json
from binascii import crc32
from mobilenet import GalagoError, report
from mobilenet.tflite import Interpreter

def checksums(model, picture, layers):
    net = Interpreter(model)
    crc = [0] * layers
    size = [0] * layers
    with open(picture, "rb") as file:
        file.readinto(net.input)

    def hook(layer, first, last):
        rows = net.rows(layer, first, last)
        crc[layer] = crc32(rows, crc[layer])
        size[layer] += len(rows)

    net.invoke(hook)
    print(json.dumps({{"crc": crc, "size": size}}))

try:
    checksums({model!r}, "/remote/input", {layers})
except GalagoError as error:
    print(report.failure(error))
"""


def board_answers(
    board: Board,
    model: ModelDirectory,
    inputs: np.ndarray,
    order: Sequence[str] | None = None,
    on_log: Callable[[str], None] = lambda text: None,
) -> Iterator[tuple[int, Ranked]]:
    """Yields the position and the ranked answer of each picture, int8 = pixel - 128 [n, h, w, c].

    `order` (of backends) and `on_log` are those of galago.classify. Raises the error that the board reports.
    """
    top = min(TOP, len(model.labels))
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        paths = [picture_file(Path(folder) / f"{i}.ppm", pixels) for i, pixels in enumerate(inputs)]
        yield from answers_of(classify(board, model, paths, top, on_log, order))


def first_difference(board: Board, model: ModelDirectory, picture: np.ndarray) -> str | None:
    """Returns the first operator whose output on the board differs from TensorFlow Lite Micro's, or None.

    `picture` is int8 = pixel - 128 [h, w, c].
    """
    picture = model.tensor(picture.view(np.uint8) ^ 128)
    data = model.tflite.read_bytes()
    layers = summary.layers(data)
    expected = [t.tobytes() for t in reference(data).tensors(picture).values()]
    with tempfile.TemporaryDirectory(prefix="galago-") as folder, board.mount(Path(folder)):
        (Path(folder) / "input").write_bytes(picture.tobytes())
        remote = f"{board.root}{flash.remote_path(model)}/{model.contract['files']['tflite']['name']}"
        text = board.exec(_CODE.format(model=remote, layers=len(layers)), timeout=_TIMEOUT)
    reply = program_answer(board.port, text, {"crc": [int], "size": [int]})
    if not len(reply["crc"]) == len(reply["size"]) == len(layers):
        raise GalagoError("board.answer", f"expected checksums of {len(layers)} layers: run it again")
    # The board does not compute rows that no later layer reads, so a tensor may end early.
    for number, (layer, tensor) in enumerate(zip(layers, expected, strict=True)):
        if binascii.crc32(tensor[: reply["size"][number]]) != reply["crc"][number]:
            return f"operator {number}, {layer.kind} to {'x'.join(map(str, layer.output))}"
    return None
