# SPDX-License-Identifier: MIT
"""What a board's camera sees, frame by frame, over the serial line.

    with transport.connect(port) as board:
        watch(board, settings, Frames(160, 120, count=10), show, print)    # show(uint8 [120, 160, 3])

The board needs the device package. Its drivers take the frames (mobilenet.camera), which are cropped and
resized there as for a model: each line is a row of pixels in base64, with a CRC-32 of the frame at the end.
"""

import binascii
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from galago.errors import GalagoError
from galago.transport import Board

_SILENCE = 60.0  # seconds

_PROGRAM = """
import gc, time
from binascii import b2a_base64, crc32
from mobilenet import GalagoError, camera, report

class _Pixels:
    # For firmware on the K210, whose camera driver gives images in place of rows.
    def __init__(self, height, width):
        self.height, self.width, self.turned, self.image = height, width, False, None
        self.us_read = self.us_resize = 0
    def take(self, frame):
        self.image = frame
        step, wide = min(frame.width() // self.width, frame.height() // self.height), frame.width()
        for y in range(self.height):
            for x in range(self.width):
                at = 3 * (y * self.width + x)
                self.out[at : at + 3] = bytes(frame[y * step * wide + x * step])

def _watch(settings, width, height, count, pause):
    pixels = bytearray(width * height * 3)
    try:
        from mobilenet.image import Resizer
        taker, turn, target = Resizer(height, width, 3, "crop"), 128, pixels
    except ImportError:
        taker, turn = _Pixels(height, width), 0
        taker.out, target = pixels, taker
    eye = camera.open(settings)
    try:
        number = 0
        while number < count or not count:
            taker.image = None
            gc.collect()
            try:
                eye.capture(taker, target)
            except GalagoError as error:
                print(report.failure(error))
                time.sleep(1)
                continue
            print('{"frame": %d, "turn": %d}' % (number, turn))
            view = memoryview(pixels)
            for y in range(height):
                print(b2a_base64(view[3 * width * y : 3 * width * (y + 1)]).decode().strip())
            print('{"crc": %d}' % (crc32(pixels) & 0xFFFFFFFF))
            number += 1
            time.sleep(pause)
    finally:
        eye.close()

try:
    CALL
except GalagoError as error:
    print('{"fatal": true, ' + report.failure(error)[1:])
"""


@dataclass(frozen=True)
class Frames:
    """What to take: the size of the frames in pixels, how many, and how often."""

    width: int
    height: int
    count: int = 0
    """0: without end."""
    pause: float = 0.0
    """Seconds between frames."""


def watch(
    board: Board,
    settings: dict[str, Any],
    frames: Frames,
    on_frame: Callable[[np.ndarray], None],
    on_error: Callable[[str], None],
) -> None:
    """Take frames with the settings of mobilenet.camera; `on_frame` gets each, uint8 [height, width, 3].

    A frame that is lost or damaged gives a line to `on_error`. Raises GalagoError camera.* or config.invalid
    if the camera does not open.
    """
    board.soft_reset()  # a used heap is fragmented
    call = f"_watch({settings!r}, {frames.width}, {frames.height}, {frames.count}, {frames.pause!r})"
    reader = _Reader(frames.width, frames.height, on_frame, on_error)
    board.stream(_PROGRAM.replace("CALL", call), reader.line, timeout=_SILENCE + frames.pause)


class _Reader:
    """Puts the lines of a frame together."""

    def __init__(
        self, width: int, height: int, on_frame: Callable[[np.ndarray], None], on_error: Callable[[str], None]
    ) -> None:
        self._shape = height, width, 3
        self._on_frame, self._on_error = on_frame, on_error
        self._rows: list[bytes] = []
        self._turn = 0

    def line(self, text: str) -> None:
        """Take a line that the board printed."""
        if not text.startswith("{"):
            if len(self._rows) < self._shape[0]:
                self._rows.append(_decoded(text))
            return
        try:
            value = json.loads(text)
        except ValueError:
            value = {}
        error = value.get("error")
        if isinstance(error, dict):
            if value.get("fatal"):
                raise GalagoError(str(error.get("code")), str(error.get("message")))
            self._on_error(str(error.get("message")))
        elif "frame" in value:
            self._rows, self._turn = [], 128 if value.get("turn") else 0
        elif "crc" in value:
            self._end(value["crc"])

    def _end(self, crc: object) -> None:
        data = b"".join(self._rows)
        if len(data) == np.prod(self._shape) and zlib.crc32(data) == crc:
            self._on_frame(np.frombuffer(data, np.uint8).reshape(self._shape) ^ self._turn)
        else:
            self._on_error("a frame arrived damaged and is left out")


def _decoded(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text)
    except ValueError:
        return b""
