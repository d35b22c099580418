# SPDX-License-Identifier: MIT
"""The picture decoder's machine code in an emulated core, and the JPEGs that it is given."""

import functools
import io
from pathlib import Path

import numpy as np
from PIL import Image

from galago.errors import GalagoError
from galago.native.compiler import pictures
from galago.native.verify.device import Device
from galago.pictures import Resize, as_board, board_reads

ARCHITECTURES = ("armv6m", "armv7emsp", "rv32imc")
_SIZES: list[tuple[int, int, Resize]] = [(24, 3, "crop"), (96, 3, "crop"), (40, 1, "pad"), (9, 3, "stretch")]
_MOST_SIDE = 400  # pixels of a photo that is encoded anew


class Decoder:
    """A core with the compiled functions."""

    def __init__(self, arch: str) -> None:
        self._device = device = Device(arch, strict=arch == "armv6m", counting=False)
        self._image = device.load("mobilenet.image")
        for name, functions in pictures.FUNCTIONS.items():
            if not name.startswith("camera"):
                device.compile(f"mobilenet.{name.replace('/', '.')}", functions)
        self._error = device.load("mobilenet.errors").GalagoError

    def compare(self, path: Path, number: int) -> str:
        """What a photo gives for one of some inputs: a tensor "equal" to the host's, or a "different" one."""
        size, channels, how = _SIZES[number // len(ARCHITECTURES) % len(_SIZES)]
        tensor = bytearray(size * size * channels)
        self._image.Resizer(size, size, channels, how).read(str(path), tensor)
        return "equal" if tensor == as_board(path, size, size, channels, how).tobytes() else "different"

    def survives(self, path: Path) -> str:
        """What a damaged file gives: "decoded", "refused", or "fault"."""
        try:
            self._image.Resizer(8, 8).read(str(path), bytearray(192))
        except self._error:
            return "refused"
        except GalagoError as error:  # of the emulator
            print(f"{path}: {error.message}")
            return "fault"
        return "decoded"


def photos(folder: Path) -> list[Path]:
    """The photos below a folder that boards read, in a fixed order."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    return [path for path in found if board_reads(path)]


def encoded(sources: list[Path], number: int) -> bytes:
    """One of the photos: every other one as it is, the others encoded anew in many ways."""
    path = sources[number * 7 % len(sources)]
    if number % 2:
        return path.read_bytes()
    random = np.random.default_rng(number)
    width, height = (int(n) for n in random.integers(1, _MOST_SIDE, 2))
    with Image.open(path) as photo:
        picture = photo.convert("L" if number % 10 == 0 else "RGB").resize((width, height))
    file = io.BytesIO()
    restarts = {} if number % 3 else {"restart_marker_blocks": int(random.integers(1, 9))}
    quality = int(random.integers(1, 101))
    picture.save(file, "JPEG", quality=quality, subsampling=number % 3, optimize=number % 4 == 0, **restarts)
    return file.getvalue()


def damaged(number: int) -> bytes:
    """A small JPEG with one to three wrong bytes."""
    random = np.random.default_rng(number)
    data = bytearray(_whole()[number % len(_whole())])
    for _ in range(random.integers(1, 4)):
        data[random.integers(2, len(data))] = random.integers(256)
    return bytes(data)


@functools.cache
def _whole() -> list[bytes]:
    noise = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    found = []
    for options in ({"subsampling": 2}, {"subsampling": 1, "restart_marker_blocks": 1}, {"subsampling": 0}):
        file = io.BytesIO()
        Image.fromarray(noise).save(file, "JPEG", quality=40, **options)
        found.append(file.getvalue())
    return found
