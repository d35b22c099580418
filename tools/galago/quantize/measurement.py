# SPDX-License-Identifier: MIT
"""What is measured on a finished .tflite for its model.json: MACs, arena size and golden outputs.

contract |= measure(tflite, (96, 96, 3))
"""

import hashlib
from typing import Any

import numpy as np

from galago.models.golden import pattern
from galago.tflite import engine, summary
from galago.tflite.reference import reference

GOLDEN = (0, 1, 2, 3, 4, 5)
"""Numbers of the test pictures (galago.models.golden.pattern) whose exact outputs go into model.json."""


def measure(tflite: bytes, shape: tuple[int, int, int]) -> dict[str, Any]:
    """Returns `macs`, `arena_bytes` and `golden`, the outputs of the reference on GOLDEN.

    `shape` is the input's (height, width, channels). Raises GalagoError as engine.plan does.
    """
    arena = engine.plan(tflite).arena  # first: it names what TensorFlow Lite Micro would abort on
    oracle = reference(tflite)
    golden = []
    for number in GOLDEN:
        picture = pattern(number, shape)
        golden.append(
            {
                "pattern": number,
                "input_sha256": hashlib.sha256(picture.tobytes()).hexdigest(),
                "output_int8": np.ravel(oracle.run(picture)).tolist(),
            }
        )
    return {
        "macs": sum(layer.macs for layer in summary.layers(tflite)),
        "arena_bytes": arena,
        "golden": golden,
    }
