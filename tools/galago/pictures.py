# SPDX-License-Identifier: MIT
"""Pictures on the host: read with Pillow, and resized to a model's input exactly as the board does it.

    rgb = load("cat.png")                                   # uint8 (height, width, 3)
    pixels = resize(rgb, 96, 96, channels=3, how="crop")    # uint8 (96, 96, 3), the board's bytes
    tensor = to_input(rgb, 96, 96)                          # int8 = pixel - 128
    tensor = as_board("photo.jpg", 96, 96)                  # decoded at the scale that a board chooses
    sent = prepare_upload("cat.png", folder)                # a copy, converted if boards cannot read it

docs/pictures.md has the formula; mobilenet.image.resize is the implementation on the board.
"""

import functools
import importlib.util
import io
import re
import shutil
import struct
import warnings
import zlib
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

from galago.errors import GalagoError
from galago.resources import install_command
from galago.special_files import special

Resize = Literal["crop", "stretch", "pad"]

SUFFIXES = {".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jpe", ".jpeg", ".jpg"}
SUFFIXES |= {".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
"""How the names of photos end, in lower case. HEIC needs the extra `heif`, AVIF Pillow 11.3."""

LONGEST_SIDE = 16384  # pixels; up to here the board's sums are proved not to overflow
_TURNED = 5  # from this EXIF orientation on, rows are seen as columns
# By EXIF orientation from 1 to 8: the order in which rows and columns of what is seen are stored.
_REVERSED = ((1, 1), (1, -1), (-1, -1), (-1, 1), (1, 1), (1, -1), (-1, -1), (-1, 1))
_LONGEST_ROW = 2048  # pixels of a JPEG that the board decodes at a time

_STRIP = 1 << 20  # samples of the picture that are resized at a time
_ROWS = 256  # rows of the picture that are converted at a time
# What Pillow's decoders raise for broken files.
_BROKEN = (OSError, SyntaxError, ValueError, IndexError, KeyError, TypeError, EOFError, OverflowError)
_BROKEN = (*_BROKEN, struct.error, zlib.error)


def load(path: str | Path) -> npt.NDArray[np.uint8]:
    """Read any picture that Pillow can read, as uint8 RGB (height, width, 3).

    It is turned upright by its EXIF orientation. Of several frames the first is used, of 16 bits the upper 8,
    and alpha is composited over white. Raises GalagoError image.missing, .empty, .format, .size,
    .unsupported, .truncated or .corrupt.
    """
    with open_with_pillow(path) as image:
        _decode(image, Path(path).name)
        turn = orientation(image)
        rgb = np.empty((image.height, image.width, 3), np.uint8)
        for start in range(0, image.height, _ROWS):  # Pillow's own conversion holds three copies at once
            rgb[start : start + _ROWS] = _part(image, 0, start, image.width, start + _ROWS)
        return np.ascontiguousarray(_upright(rgb, turn))


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation of a decoded picture, from 1 to 8; 1 (as stored) where it has none.

    A JPEG need not be decoded yet. Pillow looks for that of a PNG behind its pixels, and so decodes it.
    """
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    except _BROKEN:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright(pixels: npt.NDArray[np.uint8], turn: int) -> npt.NDArray[np.uint8]:
    """Return pixels (h, w, 3) as the EXIF orientation `turn` wants them to be seen; a view."""
    if turn >= _TURNED:
        pixels = pixels.swapaxes(0, 1)
    rows, columns = _REVERSED[turn - 1]
    return pixels[::rows, ::columns]


def open_with_pillow(path: str | Path) -> Image.Image:
    """Open a picture of acceptable size, without decoding it yet. Raises GalagoError as `load` does."""
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else f"is {kind}" if (kind := special(path)) else "no such file"
        raise GalagoError("image.missing", f"{path.name}: {what}: pass the path of a picture")
    try:
        if path.stat().st_size == 0:
            raise GalagoError("image.empty", f"{path.name}: has 0 bytes: copy it again")
        with warnings.catch_warnings(category=UserWarning, action="ignore"):  # about odd metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            _reads_heif()
            image = Image.open(path)
    except UnidentifiedImageError:
        message = f"{path.name}: not a picture that Pillow can read: send JPEG, PNG or BMP"
        if path.suffix.lower() in (".heic", ".heif") and not _reads_heif():
            message = f"{path.name}: HEIC needs pillow-heif: {install_command('heif')}"
        raise GalagoError("image.format", message) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        message = f"{path.name}: more than {Image.MAX_IMAGE_PIXELS:,} pixels: make it smaller"
        raise GalagoError("image.size", message) from None
    except _BROKEN as error:
        raise GalagoError("image.corrupt", f"{path.name}: cannot be read ({error}): copy it again") from None
    if image.format == "EPS":
        image.close()
        raise GalagoError("image.unsupported", f"{path.name}: EPS is a program: convert it to a picture")
    if max(image.size) > LONGEST_SIDE:
        image.close()
        width, height = image.size
        message = f"{path.name}: {width}x{height} pixels, a side may have {LONGEST_SIDE:,}: make it smaller"
        raise GalagoError("image.size", message)
    return image


@functools.cache
def _reads_heif() -> bool:
    """Whether Pillow reads HEIC, with the help of pillow-heif; registers it the first time."""
    if importlib.util.find_spec("pillow_heif") is None:
        return False
    import pillow_heif

    pillow_heif.register_heif_opener()
    return True


def _decode(image: Image.Image, name: str) -> None:
    """Decode an opened picture in place. Raises GalagoError image.truncated, .corrupt or .unsupported."""
    try:
        with warnings.catch_warnings(category=UserWarning, action="ignore"):
            image.load()
    except _BROKEN as error:
        ended = isinstance(error, EOFError) or "truncated" in str(error)
        message = f"{name}: {image.format} cannot be decoded ({error}): copy it again"
        raise GalagoError("image.truncated" if ended else "image.corrupt", message) from None
    if image.mode == "F":
        raise GalagoError("image.unsupported", f"{name}: pixels are floating point: convert it to 8 bits")


def _part(
    picture: npt.NDArray[np.uint8] | Image.Image, left: int, top: int, right: int, bottom: int
) -> npt.NDArray[np.uint8]:
    """Return a part of a decoded picture as uint8 RGB; rows beyond the last are left out."""
    if not isinstance(picture, Image.Image):
        return picture[top:bottom, left:right]
    part = picture.crop((left, top, right, min(bottom, picture.height)))
    if part.mode.startswith("I"):
        part = Image.fromarray((np.asarray(part).clip(0, 65535) >> 8).astype(np.uint8))
    elif part.has_transparency_data:
        part = Image.alpha_composite(Image.new("RGBA", part.size, "white"), part.convert("RGBA"))
    return np.asarray(part.convert("RGB"))


def resize(
    rgb: npt.NDArray[np.uint8] | Image.Image, height: int, width: int, channels: int = 3, how: Resize = "crop"
) -> npt.NDArray[np.uint8]:
    """Resize uint8 (h, w, 3), or a decoded picture, to uint8 (height, width, channels), as the board does.

    Shrinking takes the exact area mean, enlarging is linear; each axis is resized separately, in integers.
    `how` is "crop" (the largest centred part with the shape of the target), "stretch" or "pad" (with 128).
    Raises GalagoError model.contract for any other `how`.
    """
    size = rgb.size if isinstance(rgb, Image.Image) else (rgb.shape[1], rgb.shape[0])
    return _resize(rgb, size, 1, height, width, channels, how)


def _resize(
    picture: npt.NDArray[np.uint8] | Image.Image,
    size: tuple[int, int],
    divisor: int,
    height: int,
    width: int,
    channels: int,
    how: Resize,
) -> npt.NDArray[np.uint8]:
    """As `resize`, for a picture of `size` (width, height) that was decoded at 1/divisor of it."""
    check_resize(how)
    left, top, columns, rows = _window(*size, width, height, how)
    x, y, wide, high = _target(*size, width, height, how)
    across, down = _Axis(left, columns, divisor, wide), _Axis(top, rows, divisor, high)

    strip = max(1, _STRIP // (3 * across.count))
    lines = np.empty((down.count, wide, 3), np.int64)  # every row resized, in 1/256
    for start in range(0, down.count, strip):
        end = min(start + strip, down.count)
        part = _part(picture, across.first, down.first + start, across.first + across.count, down.first + end)
        sums = across.weighted_sums(part.swapaxes(0, 1))
        lines[start:end] = ((sums * 256 + across.total // 2) // across.total).swapaxes(0, 1)
    pixels = (down.weighted_sums(lines) + 128 * down.total) // (256 * down.total)

    if channels == 1:  # ITU-R 601 luma in 1/65536, as Pillow computes "L"
        pixels = ((pixels @ np.array([19595, 38470, 7471]) + 0x8000) >> 16)[..., np.newaxis]
    resized = np.full((height, width, channels), 128, np.uint8)
    resized[y : y + high, x : x + wide] = pixels
    return resized


def check_resize(how: str) -> None:
    """Raises GalagoError model.contract unless `how` is a way to resize."""
    if how not in ("crop", "stretch", "pad"):
        raise GalagoError(
            "model.contract", f"expected resize to be crop, stretch or pad, got {how!r}: choose one of them"
        )


def to_input(
    rgb: npt.NDArray[np.uint8] | Image.Image, height: int, width: int, channels: int = 3, how: Resize = "crop"
) -> npt.NDArray[np.int8]:
    """Resize, and apply the input rule of all models, int8 = pixel - 128: int8 (height, width, channels)."""
    return (resize(rgb, height, width, channels, how) ^ 128).view(np.int8)


def as_board(
    path: str | Path, height: int, width: int, channels: int = 3, how: Resize = "crop"
) -> npt.NDArray[np.int8]:
    """The input that a board computes from this file: int8 (height, width, channels).

    It differs from `to_input(load(path), ...)` for large baseline JPEGs, which a board decodes at 1/2, 1/4 or
    1/8 of their size; libjpeg does the same here. A picture with an EXIF orientation is resized as it is
    stored, and then turned: if rows become columns, the rounding differs by a step. Raises GalagoError as
    `load` does.
    """
    with open_with_pillow(path) as image:
        size, divisor, jpeg = image.size, 1, image.format in ("JPEG", "MPO")
        if not jpeg:
            _decode(image, Path(path).name)
        turn = orientation(image)
        if turn >= _TURNED:
            height, width = width, height
        if jpeg and board_reads(path):
            divisor = reduction(*size, width, height, how)
            image.draft(None, (max(1, image.width // divisor), max(1, image.height // divisor)))
        _decode(image, Path(path).name)
        pixels = _upright(_resize(image, size, divisor, height, width, channels, how), turn)
        return np.ascontiguousarray(pixels ^ 128).view(np.int8)


def write_as_board(path: str | Path, out: Path, height: int, width: int, channels: int, how: Resize) -> None:
    """Write the input that a board computes from a file as a PPM or PGM of its size.

    Raises GalagoError as `load` does.
    """
    pixels = as_board(path, height, width, channels, how).view(np.uint8) ^ 128
    Image.fromarray(pixels if channels == 3 else pixels[..., 0]).save(out, "PPM")


def reduction(width: int, height: int, target_width: int, target_height: int, how: Resize = "crop") -> int:
    """The divisor (1, 2, 4 or 8) by which a board reduces a JPEG of this size while it decodes it."""
    _, _, columns, rows = _window(width, height, target_width, target_height, how)
    _, _, wide, high = _target(width, height, target_width, target_height, how)
    divisor = 8
    while divisor > 1 and (4 * columns < 5 * wide * divisor or 4 * rows < 5 * high * divisor):
        divisor //= 2
    while columns > _LONGEST_ROW * divisor:
        divisor *= 2
    return divisor


def prepare_upload(
    path: str | Path, folder: Path, height: int = 0, width: int = 0, how: Resize = "crop"
) -> Path:
    """Copy the picture into `folder` under its own name, in a format that boards read; returns the new path.

    BMP, PPM, PGM and baseline JPEG are copied unchanged, even broken ones, for which the board reports the
    error. Other formats become PPM under the same name, because boards look at the content. They are resized
    if the size of the model's input is given, which changes no byte of the result and saves most of the
    transfer. Raises GalagoError as `load` does.
    """
    path = Path(path)
    sent = folder / path.name
    if board_reads(path):
        shutil.copyfile(path, sent)
        return sent
    rgb = resized(path, height, width, how) if height and width else load(path)
    Image.fromarray(rgb).save(sent, "PPM")
    return sent


def resized(path: str | Path, height: int, width: int, how: Resize = "crop") -> npt.NDArray[np.uint8]:
    """The picture in this size, uint8 (height, width, 3), without all of it as an array.

    Raises GalagoError as `load` does.
    """
    with open_with_pillow(path) as image:
        _decode(image, Path(path).name)
        turn = orientation(image)
        if turn >= _TURNED:
            height, width = width, height
        return np.ascontiguousarray(_upright(resize(image, height, width, 3, how), turn))


def resized_bmp(path: str | Path, height: int, width: int, how: Resize = "crop") -> bytes:
    """The picture as a 24-bit BMP of exactly this size. Raises GalagoError as `load` does."""
    file = io.BytesIO()
    Image.fromarray(resized(path, height, width, how)).save(file, "BMP")
    return file.getvalue()


def board_reads(path: str | Path) -> bool:
    """Whether a board can decode the file itself, judged by its name and header."""
    path = Path(path)
    if not path.is_file():
        return False
    if path.suffix in (".rgb", ".raw"):
        return True
    with path.open("rb") as file:
        head = file.read(4096)
        if head[:2] == b"\xff\xd8":
            file.seek(2)
            return _is_baseline(file)
    if head[:2] == b"BM" and len(head) >= 54:
        size, _, _, _, bits, compression = struct.unpack_from("<IiiHHI", head, 14)
        return size >= 40 and bits in (24, 32) and compression == 0
    numbers = re.sub(rb"#[^\r\n]*", b" ", head).split(maxsplit=4)  # magic, width, height, largest value
    return head[:2] in (b"P5", b"P6") and numbers[3:4] == [b"255"]


def _is_baseline(file: BinaryIO) -> bool:
    """Whether the segments that follow belong to a JPEG that mobilenet.image.jpeg can read."""
    frame = b""
    while file.read(1) == b"\xff":
        while (marker := file.read(1)) == b"\xff":
            pass
        if not marker or marker == b"\xd9":
            return False
        if marker == b"\x01" or b"\xd0" <= marker <= b"\xd7":
            continue
        content = file.read(max(0, int.from_bytes(file.read(2)) - 2))
        if marker == b"\xda":  # one scan of all components: one or three of 8 bits, sampling factors 1 and 2
            plain = frame[:1] == b"\x08" and frame[5:6] in (b"\x01", b"\x03")
            sampling = {factor for byte in frame[7::3] for factor in (byte >> 4, byte & 15)}
            return plain and content[:1] == frame[5:6] and (len(frame) == 9 or sampling <= {1, 2})
        if marker in (b"\xc0", b"\xc1"):
            frame = content
    return False


def _window(
    width: int, height: int, target_width: int, target_height: int, how: Resize
) -> tuple[int, int, int, int]:
    """Left, top, width and height of the part of the picture that is used."""
    columns, rows = width, height
    if how == "crop":
        columns = min(width, max(1, height * target_width // target_height))
        rows = min(height, max(1, width * target_height // target_width))
    return (width - columns) // 2, (height - rows) // 2, columns, rows


def _target(
    width: int, height: int, target_width: int, target_height: int, how: Resize
) -> tuple[int, int, int, int]:
    """Left, top, width and height of the part of the target that the picture fills."""
    wide, high = target_width, target_height
    if how == "pad":
        wide = min(target_width, max(1, (2 * width * target_height + height) // (2 * height)))
        high = min(target_height, max(1, (2 * height * target_width + width) // (2 * width)))
    return (target_width - wide) // 2, (target_height - high) // 2, wide, high


class _Axis:
    """One axis of a resize: which decoded pixels each target pixel is made of, with which weights.

    `first` and `count` are the decoded pixels of the window, each of which is `divisor` pixels of the
    picture; the weights of all that make a target pixel add up to `total`.
    """

    def __init__(self, start: int, source: int, divisor: int, target: int) -> None:
        self.first = start // divisor
        self.count = (start + source - 1) // divisor + 1 - self.first
        index = np.arange(target)
        if source >= target:  # area: a pixel is `target` units long and a target pixel `source` units
            self.total, self._unit = source, divisor * target
            begin = start % divisor * target + index * source
            end = begin + source
            self._from = begin // self._unit
            self._last = (end - 1) // self._unit
            self._head = np.minimum((self._from + 1) * self._unit, end) - begin
            self._tail = np.where(self._last > self._from, end - self._last * self._unit, 0)
        else:  # linear between the two nearest pixel centres, constant beyond the outermost
            self.total, self._unit = 2 * target, 0
            centre = ((2 * index + 1) * self.count - target).clip(0, 2 * target * (self.count - 1))
            self._from = centre // (2 * target)
            self._last = np.minimum(self._from + 1, self.count - 1)
            self._tail = centre % (2 * target)
            self._head = 2 * target - self._tail

    def weighted_sums(self, samples: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """Axis 0 resized, to be divided by `total`: int64 (target, …)."""
        before = np.zeros((self.count + 1, *samples.shape[1:]), np.int64)  # sums of all pixels before this
        np.cumsum(samples, axis=0, out=before[1:])
        middle = before[np.maximum(self._last, self._from + 1)] - before[self._from + 1]
        head, tail = (weight[:, np.newaxis, np.newaxis] for weight in (self._head, self._tail))
        return head * samples[self._from] + self._unit * middle + tail * samples[self._last]
