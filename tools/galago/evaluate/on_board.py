# SPDX-License-Identifier: MIT
"""Runs inputs on a board, real or emulated, and finds the first tensor that differs from the host's.

    for index, ranked in board_answers(board, model, inputs): ...     # [(class, int8), …], best first
    agreement = Agreement.of(answers, expected)                       # expected: int8 [n, classes]
    first_difference(board, model, inputs[3])                         # "operator 5, depthwise …", or None

The board must have the device package and the model. Inputs are sent as PPM pictures of the model's input
size over `mpremote mount`, so that the board reads exactly the bytes that the host computes with.
"""

import binascii
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from galago import flash
from galago.classify import classify
from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.tflite import summary
from galago.tflite.tflm import Tflm
from galago.transport import Board
from galago.transport.answers import program_answer

TOP = 20  # the best classes of each picture, which are compared
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


def ranked(answer: np.ndarray, top: int) -> list[tuple[int, int]]:
    """Returns the `top` best classes of an answer, int8 [classes], with their values, best first.

    Of equal values the lower class number comes first.
    """
    order = np.argsort(-answer.astype(int), kind="stable")[:top]
    return [(int(i), int(answer[i])) for i in order]


@dataclass(frozen=True)
class Agreement:
    """How far a board's answers agree with the host's int8."""

    differ: list[int]
    """Positions of the photos whose ranked answers differ in anything."""
    same: int
    """Number of photos with the same best class."""
    worst: int
    """Largest difference of a value, in steps of 1/256."""

    @classmethod
    def of(cls, answers: list[list[tuple[int, int]]], expected: np.ndarray) -> "Agreement":
        """Compares ranked answers, as from `board_answers`, with outputs int8 [n, classes]."""
        pairs = list(zip(answers, expected, strict=True))
        best = [ranked(row, len(answer)) for answer, row in pairs]
        return cls(
            differ=[index for index, answer in enumerate(answers) if answer != best[index]],
            same=sum(answer[0][0] == top[0][0] for answer, top in zip(answers, best, strict=True)),
            worst=max((abs(value - int(row[index])) for a, row in pairs for index, value in a), default=0),
        )


def board_answers(
    board: Board,
    model: ModelDirectory,
    inputs: np.ndarray,
    order: Sequence[str] | None = None,
    on_log: Callable[[str], None] = lambda text: None,
) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Yields the position and the ranked answer of each input of int8 [n, h, w, c].

    `order` (of backends) and `on_log` are those of galago.classify. Raises the error that the board reports.
    """
    top = min(TOP, len(model.labels))
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        paths = [_picture(Path(folder) / f"{i}.ppm", pixels) for i, pixels in enumerate(inputs)]
        for line in classify(board, model, paths, top, on_log, order):
            if "error" in line:
                raise GalagoError(line["error"]["code"], line["error"]["message"])
            answer = [(entry["index"], round(entry["confidence"] * 256) - 128) for entry in line["top"]]
            yield line["seq"], answer


def first_difference(board: Board, model: ModelDirectory, picture: np.ndarray) -> str | None:
    """Returns the first operator whose output on the board differs from TensorFlow Lite Micro's, or None.

    `picture` is an input, int8 [h, w, c].
    """
    data = model.tflite.read_bytes()
    layers = summary.layers(data)
    expected = [t.tobytes() for t in Tflm(data).tensors(picture).values()]
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


def _picture(path: Path, inputs: np.ndarray) -> Path:
    """Writes an input, int8 [h, w, c], as a PPM or PGM picture."""
    pixels = inputs.view(np.uint8) ^ 128
    Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0]).save(path)
    return path
