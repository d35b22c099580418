# SPDX-License-Identifier: MIT
"""The camera of an emulated board: it plays the pictures of a folder as real cameras would see them.

    camera = EmulatedCamera(Path("photos"), swap=True, faults={7: "none"})
    camera.show(Path("cat.jpg"))          # show this picture only
    camera.captures                       # every frame delivered: Capture(picture, exposed, number)

Each capture sees the next picture of the folder. A free frame buffer is exposed at once, so a frame may show
what the camera saw when the last frame was given back; the very first frames are old, too.
"""

import io
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from galago import pictures
from galago.emulator.host_calls import StandInError
from galago.errors import GalagoError

Fault = Literal["none", "error", "short", "late"]
"""What goes wrong with a capture: no frame, an exception, a truncated frame, or an old one."""

_PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".webp"}


@dataclass(frozen=True)
class Capture:
    """One frame that a program got: `number` counts captures, and it was exposed during capture `exposed`."""

    picture: Path
    exposed: int
    number: int
    fault: Fault | None = None


class EmulatedCamera:
    """A camera outlives resets of the board. `faults` maps numbers of captures to their fault."""

    def __init__(
        self, folder: Path | None = None, *, swap: bool = False, faults: Mapping[int, Fault] | None = None
    ) -> None:
        """Without `folder` every frame is grey. Raises GalagoError dataset.missing or dataset.empty.

        `swap` exchanges red and blue, as a misconfigured sensor does.
        """
        self.pictures = []
        if folder:
            if not folder.is_dir():
                raise GalagoError("dataset.missing", f"no folder {folder}: pass a folder of pictures")
            self.pictures = sorted(path for path in folder.iterdir() if path.suffix.lower() in _PICTURES)
            if not self.pictures:
                raise GalagoError("dataset.empty", f"no pictures in {folder}: pass a folder of pictures")
        self.swap = swap
        self.faults: dict[int, Fault] = dict(faults or {})
        self.captures: list[Capture] = []
        self._shown: Path | None = None
        self._number = -1
        self._buffers: deque[tuple[Path, int]] = deque()
        self._lent = False
        self._count = 1
        self._fresh = True
        self._mode = (320, 240, "rgb565", 85)
        self._turned = (False, False)

    def show(self, picture: Path | None) -> None:
        """Show only this picture from now on; None returns to the pictures of the folder."""
        self._shown = picture

    # Services of the stand-in modules

    def start(
        self, width: int, height: int, kind: str, quality: int = 85, buffers: int = 1, fresh: bool = False
    ) -> None:
        """Start or restart. `kind` is rgb565, rgb565le, rgb888, bgr888, grey or jpeg.

        With `fresh`, exposure starts when a frame is requested, not as soon as a buffer is free.
        """
        self._mode, self._count, self._fresh = (width, height, kind, quality), buffers, fresh
        self._turned = (False, False)
        self._buffers.clear()
        self._lent = False
        self._expose()

    def turn(self, mirror: bool, flip: bool) -> None:
        """Set whether frames are mirrored and flipped vertically."""
        self._turned = mirror, flip

    def capture(self) -> tuple[int | None, bytes]:
        """Returns size in bytes and the next frame, or (None, b""). Raises StandInError RuntimeError."""
        old = self._scene(), self._number
        self._number += 1
        self.release()
        fault = self.faults.get(self._number)
        if self._fresh:
            self._buffers.append(old if fault == "late" else (self._scene(), self._number))
        picture, exposed = self._buffers.popleft()
        self._lent = True
        self.captures.append(Capture(picture, exposed, self._number, fault))
        if fault == "error":
            raise StandInError("RuntimeError", "Frame capture has timed out.")
        if fault == "none":
            return None, b""
        frame = _frame(picture, self._mode, self._turned, self.swap)
        if fault == "short":
            frame = frame[: len(frame) // 2]
        return len(frame), frame

    def release(self) -> None:
        """Give the last frame back; its buffer is exposed again."""
        if self._lent:
            self._lent = False
            self._expose()

    def scale(
        self, width: int, height: int, to_width: int, to_height: int, data: bytes
    ) -> tuple[None, bytes]:
        """Stretch a little-endian RGB565 image with bilinear interpolation. Returns RGB888."""
        rgb = _from_565(np.frombuffer(data, "<u2").reshape(height, width))
        small = Image.fromarray(rgb).resize((to_width, to_height), Image.Resampling.BILINEAR)
        return None, _from_565(_to_565(np.asarray(small))).tobytes()

    def _expose(self) -> None:
        while not self._fresh and len(self._buffers) < self._count:
            self._buffers.append((self._scene(), self._number))

    def _scene(self) -> Path:
        if self._shown or not self.pictures:
            return self._shown or Path("grey")
        return self.pictures[self._number % len(self.pictures)]


@lru_cache(64)
def _frame(picture: Path, mode: tuple[int, int, str, int], turned: tuple[bool, bool], swap: bool) -> bytes:
    width, height, kind, quality = mode
    mirror, flip = turned
    rgb = scene(picture, width, height)[:: -1 if flip else 1, :: -1 if mirror else 1]
    if swap:
        rgb = rgb[:, :, ::-1]
    if kind == "jpeg":
        file = io.BytesIO()  # 4:2:2, the sampling of OV2640 and OV5640
        Image.fromarray(np.ascontiguousarray(rgb)).save(file, "JPEG", quality=quality, subsampling=1)
        return file.getvalue()
    if kind == "grey":
        return np.asarray(Image.fromarray(np.ascontiguousarray(rgb)).convert("L")).tobytes()
    if kind in ("rgb888", "bgr888"):
        return (rgb if kind == "rgb888" else rgb[:, :, ::-1]).tobytes()
    return _to_565(rgb).astype(">u2" if kind == "rgb565" else "<u2").tobytes()


def scene(picture: Path, width: int, height: int) -> np.ndarray:
    """Returns a picture as the sensor sees it, scaled and cropped to the frame: uint8 [height, width, 3]."""
    if not picture.suffix:
        return np.full((height, width, 3), 128, np.uint8)
    image = Image.fromarray(pictures.load(picture))
    scale = max(width / image.width, height / image.height)
    size = max(width, round(image.width * scale)), max(height, round(image.height * scale))
    image = image.resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return np.asarray(image.crop((left, top, left + width, top + height)))


def _to_565(rgb: np.ndarray) -> np.ndarray:
    red, green, blue = (rgb[:, :, i].astype(np.uint16) for i in range(3))
    return red >> 3 << 11 | green >> 2 << 5 | blue >> 3


def _from_565(value: np.ndarray) -> np.ndarray:
    red, green, blue = value >> 11, value >> 5 & 63, value & 31
    planes = red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2
    return np.stack(planes, axis=2).astype(np.uint8)
