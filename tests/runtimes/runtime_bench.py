# SPDX-License-Identifier: MIT
"""A board for tests of runtimes and cameras: it runs a script and reads one JSON value per line."""

import contextlib
import dataclasses
import json
from typing import Any

import numpy as np

from galago import pictures, transport
from galago.emulator.camera import EmulatedCamera

RUNTIMES = ("openmv", "microlite", "emlearn")
OPEN = """
import gc
from mobilenet import camera, GalagoError
from mobilenet.image import Resizer
resizer, tensor = Resizer(24, 32, {channels}, "crop"), bytearray(24 * 32 * {channels})
try:
    eye = camera.open({settings!r})
except GalagoError as error:
    print(json.dumps([error.code, error.message]))
    eye = None
"""
CAPTURE = """
eye.capture(resizer, tensor)
print(json.dumps(list(tensor)))
eye.close()
"""
LONGEST = 600.0  # seconds without output; the machine may be busy


@dataclasses.dataclass
class Bench:
    """`run` returns the JSON values that a script prints, one per line; `camera` is the board's."""

    board: transport.Board
    camera: EmulatedCamera
    path: str

    def run(self, script: str) -> list[Any]:
        reply = self.board.exec(f"import json\nPATH = {self.path!r}\n{script}", timeout=LONGEST)
        values = []
        for line in reply.splitlines():
            with contextlib.suppress(ValueError):  # other output of runtimes
                values.append(json.loads(line))
        return values


def seen(bench: Bench, settings: dict, channels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Returns the tensor of one capture as pixels, and the pixels of the picture that was captured."""
    (values,) = bench.run(OPEN.format(settings=settings, channels=channels) + CAPTURE)
    got = np.array(values, np.uint8) ^ 128
    picture = pictures.load(bench.camera.captures[-1].picture)
    return got.reshape(24, 32, channels).astype(int), pictures.resize(picture, 24, 32, channels).astype(int)
