# SPDX-License-Identifier: MIT
"""The K210 of an emulated Maix board: the simulated KPU, the firmware's image functions, and the LCD.

    chip = K210Chip()
    chip.services()             # called by device/standins/k210, maixpy and canmv_k210
    chip.screen                 # what the LCD shows, a PIL image of 320 x 240
    chip.flash[0x300000] = kmodel

Pixels are little-endian RGB565; conversions to and from 8 bits round, as MaixPy's tables do.
"""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from galago.emulator.host_calls import StandInError
from galago.errors import GalagoError
from galago.targets.k210.kmodel import Kmodel
from galago.targets.k210.simulator import Simulator

SYSTEM_HEAP = 3_460_000  # bytes for models under full MaixPy, measured on a board (docs/k210.md)
_CHANNEL_MAX = np.array([31, 63, 31])  # of red, green and blue in RGB565
_LETTER, _LINE = 8, 16  # width and height of a character on the LCD, in pixels
_VERSION, _FORMAT, _MEMORY, _FIRST = 2002, 2003, 2006, 2007  # error numbers of MaixPy's kpu.load
_TEXTS = {
    0: "",
    _VERSION: "ERR_KMODEL_VERSION: only support kmodel V3",
    _FORMAT: "ERR_KMODEL_FORMAT: layer_header.body_size <=0",
    _MEMORY: "ERR_NO_MEM: memory not enough",
    _FIRST: "ERR_GET_CONV_LAYER: first layer should be conv layer",
}


class K210Chip:
    """`reset` unloads all models; flash and screen keep their content."""

    def __init__(self) -> None:
        self.flash: dict[int, bytes] = {}
        self.screen = Image.new("RGB", (320, 240))
        self.written: list[str] = []
        """Every text that was written to the screen."""
        self.reset()

    def reset(self) -> None:
        """Restart the chip: all models are unloaded."""
        self._models: dict[int, tuple[Simulator, int]] = {}
        self._next = 0

    def services(self) -> dict[str, Callable[..., Any]]:
        """Returns the services by the names that stand-ins use."""
        names = ("load", "load_flash", "run", "free", "decode", "planes", "pool", "resize", "turn")
        screen = {f"screen_{name}": getattr(self, f"_screen_{name}") for name in ("clear", "show", "write")}
        return {f"k210_{name}": getattr(self, f"_{name}") for name in names} | screen

    # The KPU

    def _load(self, data: bytes) -> list[int | str]:
        """Returns MaixPy's error number (0 for success) and text, and the number of the loaded model."""
        used = sum(size for _, size in self._models.values())
        error, number = 0, self._next
        try:
            if data[:4] != b"\x03\0\0\0":
                error = _VERSION
            else:
                model = Kmodel.read(data)
                size = len(data) + model.main_bytes
                if used + size > SYSTEM_HEAP:
                    error = _MEMORY
                else:
                    self._models[number] = Simulator(model), size
                    self._next += 1
        except GalagoError as refusal:
            error = _FIRST if "first layer" in refusal.message else _FORMAT
        return [error, _TEXTS[error], number]

    def _load_flash(self, address: int) -> list[int | str]:
        return self._load(self.flash.get(address, b"\xff" * 64))

    def _run(self, number: int, width: int, height: int, data: bytes) -> list[float]:
        simulator, _ = self._models[number]
        planes = np.frombuffer(data, np.uint8).reshape(-1, height, width)
        if planes.shape != simulator.input_shape:
            raise StandInError("ValueError", "[MAIXPY]kpu: check img format err!\r\n")
        return [float(score) for score in simulator.run(planes)[0]]

    def _free(self, number: int) -> None:
        self._models.pop(number, None)

    # The firmware's image functions

    def _decode(self, data: bytes = b"") -> tuple[tuple[int, int], bytes]:
        """Decode a BMP or a baseline JPEG. Returns (width, height) and RGB565 pixels."""
        try:
            with Image.open(io.BytesIO(data), formats=("BMP", "JPEG")) as picture:
                if picture.info.get("progressive"):
                    raise StandInError("OSError", "Progressive JPEG not support")
                rgb = np.asarray(picture.convert("RGB"))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise StandInError("OSError", f"Not support: {error}") from None
        return (rgb.shape[1], rgb.shape[0]), to_565(rgb).tobytes()

    def _planes(self, width: int, height: int, data: bytes) -> tuple[None, bytes]:
        return None, from_565(_pixels(data, width, height)).transpose(2, 0, 1).tobytes()

    def _pool(self, width: int, height: int, across: int, down: int, data: bytes) -> tuple[None, bytes]:
        wide, high = width // across, height // down
        fields = _fields(_pixels(data, width, height)[: high * down, : wide * across])
        blocks = fields.reshape(high, down, wide, across, 3)
        return None, _packed(blocks.sum((1, 3)) // (across * down)).tobytes()

    def _resize(self, width: int, height: int, wide: int, high: int, data: bytes) -> tuple[None, bytes]:
        pixels = _pixels(data, width, height)
        rows, columns = np.arange(high) * height // high, np.arange(wide) * width // wide
        return None, pixels[rows[:, np.newaxis], columns].tobytes()

    def _turn(self, width: int, height: int, mirror: bool, flip: bool, data: bytes) -> tuple[None, bytes]:
        return None, _turned(_pixels(data, width, height), mirror, flip).tobytes()

    # The LCD

    def _screen_clear(self, color: int) -> None:
        self.screen.paste(tuple(from_565(np.array([color])).ravel().tolist()), (0, 0, 320, 240))

    def _screen_show(self, width: int, height: int, x: int, y: int, rotation: int, data: bytes) -> None:
        rgb = from_565(_turned(_pixels(data, width, height), rotation == 2, rotation == 2))
        left, top = (320 - width - x, 240 - height - y) if rotation == 2 else (x, y)
        self.screen.paste(Image.fromarray(rgb), (left, top))

    def _screen_write(self, x: int, y: int, text: str, rotation: int) -> None:
        letters = Image.new("RGB", (max(1, _LETTER * len(text)), _LINE))
        ImageDraw.Draw(letters).text((0, 2), text, font=ImageFont.load_default())
        if rotation == 2:
            letters, x, y = letters.rotate(180), 320 - letters.width - x, 240 - _LINE - y
        self.screen.paste(letters, (x, y))
        self.written.append(text)


def to_565(rgb: np.ndarray) -> np.ndarray:
    """RGB888 [height, width, 3] as RGB565, uint16 [height, width]."""
    return _packed(np.rint(rgb * (_CHANNEL_MAX / 255)))


def from_565(pixels: np.ndarray) -> np.ndarray:
    """RGB565, uint16 [...], as RGB888 [..., 3]."""
    return np.rint(_fields(pixels) * (255 / _CHANNEL_MAX)).astype(np.uint8)


def _fields(pixels: np.ndarray) -> np.ndarray:
    return np.stack([pixels >> 11, pixels >> 5 & 63, pixels & 31], axis=-1).astype(np.int64)


def _packed(fields: np.ndarray) -> np.ndarray:
    red, green, blue = np.moveaxis(fields.astype(np.uint16), -1, 0)
    return (red << 11 | green << 5 | blue).astype("<u2")


def _pixels(data: bytes, width: int, height: int) -> np.ndarray:
    return np.frombuffer(data, "<u2").reshape(height, width)


def _turned(pixels: np.ndarray, mirror: bool, flip: bool) -> np.ndarray:
    return np.ascontiguousarray(pixels[:: -1 if flip else 1, :: -1 if mirror else 1])
