# SPDX-License-Identifier: MIT
"""Runs inputs through an exported page's code, in Node.js, and finds the first tensor that differs.

    with Node(export.script(model)) as node:
        for index, ranked in web_answers(node, model, inputs): ...
        first_difference(node, model, inputs[3])                # "operator 5, depthwise …", or None

Inputs are read from PPM pictures of the model's input size, as on a board.
"""

import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np

from galago.evaluate.agreement import TOP, Ranked, answers_of, picture_file
from galago.models import ModelDirectory
from galago.tflite import summary
from galago.tflite.reference import reference
from galago.web.node import Node, classify


def web_answers(node: Node, model: ModelDirectory, inputs: np.ndarray) -> Iterator[tuple[int, Ranked]]:
    """Yields the position and the ranked answer of each picture, int8 = pixel - 128 [n, h, w, c]."""
    top = min(TOP, len(model.labels))
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        paths = (picture_file(Path(folder) / f"{i}.ppm", pixels) for i, pixels in enumerate(inputs))
        yield from answers_of(classify(node, model, paths, top))


def first_difference(node: Node, model: ModelDirectory, picture: np.ndarray) -> str | None:
    """Returns the first operator whose output differs from TensorFlow Lite Micro's, or None.

    `picture` is int8 = pixel - 128 [h, w, c].
    """
    picture = model.tensor(picture.view(np.uint8) ^ 128)
    data = model.tflite.read_bytes()
    expected = reference(data).tensors(picture)
    layers = summary.layers(data)
    for number, (tensor, digest) in enumerate(node.layers(picture)):
        if sha256(expected[tensor].tobytes()).hexdigest() != digest:
            return f"operator {number}, {layers[number].kind} to {'x'.join(map(str, layers[number].output))}"
    return None
