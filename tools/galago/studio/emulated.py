# SPDX-License-Identifier: MIT
"""The process of the emulated board: it ends with the server, whose pipe it reads.

python -m galago.studio.emulated RPI_PICO2 .galago/emulated/RPI_PICO2.img [PICTURES]
"""

import sys
from pathlib import Path

from galago import boards
from galago.emulator import EmulatedBoard
from galago.emulator.camera import EmulatedCamera
from galago.errors import GalagoError


def main(board: str, storage: str, pictures: str = "") -> None:
    """Runs a board until standard input ends, and prints its port, or its error as `error CODE MESSAGE`."""
    try:
        camera = EmulatedCamera(Path(pictures)) if pictures else None
        spec = boards.load(board)
        # The firmware with a camera, where the board's usual one has none.
        firmware = ["esp32"] if spec.camera and spec.camera.module == "camera" else None
        with EmulatedBoard(spec, Path(storage), firmware, camera) as running:
            print("port", running.port, flush=True)
            sys.stdin.read()
    except GalagoError as error:
        print("error", error.code, error.message, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
