# SPDX-License-Identifier: MIT
"""A model directory that takes moments to write, flash and run, and a picture for it.

model = make_model(folder, "red", seed=1)       # a ModelDirectory with golden outputs
device.put(picture(), "/pictures/red.ppm")
"""

import hashlib
from pathlib import Path

import numpy as np

from galago import models
from galago.models import ModelDirectory
from galago.models.golden import pattern
from galago.tflite import tflm
from support.builder import RELU6, Builder

SIDE = 16  # pixels of the models' inputs


def make_model(folder: Path, name: str, seed: int) -> ModelDirectory:
    """A network of about 70 kB with weights and labels of its own, and TensorFlow Lite Micro's outputs."""
    random = np.random.default_rng(seed)

    def weights(*shape: int) -> np.ndarray:
        return random.integers(-127, 128, shape).astype(np.int8)

    graph = Builder((1, SIDE, SIDE, 3))
    x = graph.input
    for size, outputs in ((3, 16), (1, 64), (1, 512), (1, 64)):
        scales = list(random.uniform(0.002, 0.004, outputs))
        channels = graph.shape(x)[-1]
        x = graph.conv(
            x, weights(outputs, size, size, channels), None, scales, stride=(2, 2), activation=RELU6
        )
    x = graph.dense(graph.reshape(graph.mean(x), (1, 64)), weights(2, 64), None, [0.01])
    x = graph.softmax(x)
    data = graph.finish(x)
    shape = (SIDE, SIDE, 3)
    oracle = tflm.Tflm(data)
    golden = []
    for number in (3, 4):
        given = pattern(number, shape)
        output = oracle.run(given).ravel().tolist()
        digest = hashlib.sha256(given.tobytes()).hexdigest()
        golden.append({"pattern": number, "input_sha256": digest, "output_int8": output})
    contract = {
        "name": name,
        "architecture": "small",
        "alpha": 1,
        "input": {
            "height": SIDE,
            "width": SIDE,
            "channels": 3,
            "color": "rgb",
            "resize": "crop",
            "scale": 1 / 128,
            "zero_point": 0,
        },
        "output": {"scale": 1 / 256, "zero_point": -128, "activation": "softmax"},
        "labels": [f"{name} zero", f"{name} one"],
        "unknown_below": 0.0,
        "macs": 1000,
        "arena_bytes": 10000,
        "golden": golden,
    }
    return models.write(folder / name, data, contract)


def picture() -> bytes:
    """A red PPM."""
    return b"P6 %d %d 255\n" % (SIDE, SIDE) + bytes([200, 30, 10]) * SIDE * SIDE
