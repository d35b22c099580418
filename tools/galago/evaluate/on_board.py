# SPDX-License-Identifier: MIT
"""The same inputs on a board, real or emulated, and the first tensor in which it differs.

    for index, ranked in board_answers(board, model, inputs): ...     # [(class, int8), …], best first
    agreement = Agreement.of(all_of_these, wanted)                    # wanted: int8 [n, classes]
    first_difference(board, model, inputs[3])                         # "operator 5, depthwise …", or None

The device package and the model are on the board already. Inputs travel as PPM pictures of the model's own
size, over `mpremote mount`: the board reads the very bytes that the host computes with.
"""

import binascii
import json
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

MOST = 20  # classes that are compared on each picture, the best ones
_SILENCE = 600.0
_CODE = """
import json
from binascii import crc32
from mobilenet import GalagoError, report
from mobilenet.tflite import Interpreter

def sums(model, picture, layers):
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
    sums({model!r}, "/remote/input", {layers})
except GalagoError as error:
    print(report.failure(error))
"""


def ranked(answer: np.ndarray, top: int) -> list[tuple[int, int]]:
    """The classes of an answer, int8 [classes], with their values: best first, and of equals the first."""
    order = np.argsort(-answer.astype(int), kind="stable")[:top]
    return [(int(i), int(answer[i])) for i in order]


@dataclass(frozen=True)
class Agreement:
    """Of a board's answers with int8's: which photos differ in anything, how many have the same best class,
    and how far a value is off at most (1/256).
    """

    differ: list[int]
    same: int
    worst: int

    @classmethod
    def of(cls, answers: list[list[tuple[int, int]]], wanted: np.ndarray) -> "Agreement":
        """`answers` as board_answers gives them, `wanted` int8 [n, classes]."""
        pairs = list(zip(answers, wanted, strict=True))
        expected = [ranked(row, len(said)) for said, row in pairs]
        return cls(
            [index for index, (said, _) in enumerate(pairs) if said != expected[index]],
            sum(said[0][0] == best[0][0] for said, best in zip(answers, expected, strict=True)),
            max((abs(value - int(row[index])) for said, row in pairs for index, value in said), default=0),
        )


def board_answers(
    board: Board,
    model: ModelDirectory,
    inputs: np.ndarray,
    order: Sequence[str] | None = None,
    on_log: Callable[[str], None] = lambda text: None,
) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Position and ranked answer of each of int8 [n, h, w, c]; `order` and `on_log` as for galago.classify.

    Raises what the board reports.
    """
    top = min(MOST, len(model.labels))
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        paths = [_picture(Path(folder) / f"{i}.ppm", given) for i, given in enumerate(inputs)]
        for line in classify(board, model, paths, top, on_log, order):
            if "error" in line:
                raise GalagoError(line["error"]["code"], line["error"]["message"])
            said = [(entry["index"], round(entry["confidence"] * 256) - 128) for entry in line["top"]]
            yield line["seq"], said


def first_difference(board: Board, model: ModelDirectory, given: np.ndarray) -> str | None:
    """The first operator whose tensor on the board is not TensorFlow Lite Micro's, None if all are equal."""
    data = model.tflite.read_bytes()
    layers = summary.layers(data)
    wanted = [t.tobytes() for t in Tflm(data).tensors(given).values()]
    with tempfile.TemporaryDirectory(prefix="galago-") as folder, board.mount(Path(folder)):
        (Path(folder) / "input").write_bytes(given.tobytes())
        remote = f"{board.root}{flash.remote_path(model)}/{model.contract['files']['tflite']['name']}"
        reply = json.loads(
            board.exec(_CODE.format(model=remote, layers=len(layers)), timeout=_SILENCE).splitlines()[-1]
        )
    if "error" in reply:
        raise GalagoError(reply["error"]["code"], reply["error"]["message"])
    # Rows that no later layer looks at are not computed: a tensor may end early.
    for number, (layer, want) in enumerate(zip(layers, wanted, strict=True)):
        if binascii.crc32(want[: reply["size"][number]]) != reply["crc"][number]:
            return f"operator {number}, {layer.kind} to {'x'.join(map(str, layer.output))}"
    return None


def _picture(path: Path, given: np.ndarray) -> Path:
    pixels = given.view(np.uint8) ^ 128
    Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0]).save(path)
    return path
