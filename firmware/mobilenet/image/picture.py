# SPDX-License-Identifier: MIT
"""Opens a picture file with the decoder that its first bytes call for, and reads files in few, large pieces.

    with open_picture("cat.jpg") as picture:
        for row in picture.rows(0, 0, picture.width, picture.height):
            ...

A raw RGB888 file (*.rgb, *.raw) has no header: it must have exactly the size of the input that is given.
"""

import gc
import os

from micropython import const

from ..errors import GalagoError
from .resize import LONGEST_SIDE, RGB

_BLOCK = const(4096)  # one read over `mpremote mount` is a round trip, whatever its size
_FOLDER = const(0x4000)

_PNM = (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"P7")

# Known, but not read on the board: the host converts them.
_OTHERS = (
    (b"\x89PNG", "PNG"),
    (b"GIF8", "GIF"),
    (b"RIFF", "WebP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"\0\0\1\0", "ICO"),
    (b"8BPS", "PSD"),
    (b"\0\0\0\x0cjP", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
)


def open_picture(path, height=0, width=0):
    """The picture in the file, a `Picture`; `height` and `width` are the input's, for raw files.

    Raises GalagoError: image.missing, .empty, .format, .unsupported, .size, .truncated or .corrupt.
    """
    gc.collect()  # a decoder that is compiled on the board needs the heap in one piece
    file = PictureFile(path)
    opened = False
    try:
        picture = _decoder(file)(file, height, width)
        opened = True
        return picture
    finally:
        if not opened:
            file.close()


def _decoder(file):
    if file.name.endswith((".rgb", ".raw")):
        from .raw import RawPicture

        return RawPicture
    file.want(8)
    magic = bytes(file.buffer[file.start : min(file.start + 8, file.stop)])
    if magic.startswith(b"\xff\xd8"):
        from .jpeg import JpegPicture

        return JpegPicture
    if magic.startswith(b"BM"):
        from .bmp import BmpPicture

        return BmpPicture
    if magic[:2] in _PNM and (magic[2:3].isspace() or magic[2:3] == b"#"):
        from .ppm import PpmPicture

        return PpmPicture
    for start, kind in _OTHERS:
        if magic.startswith(start):
            raise file.unsupported(kind)
    message = "{}: starts with {!r}, which is no picture: send JPEG, BMP, PPM or PGM"
    raise GalagoError("image.format", message.format(file.name, magic))


class Picture:
    """An open picture; closes its file at the end of a `with`."""

    layout = RGB  # of a row in memory: see resize.py
    bottom_up = False  # the order of `rows`
    padding = 0  # bytes after each row in the file
    reducible = False  # whether `reduce(divisor)` decodes it at 1/2, 1/4 or 1/8 of its size

    def __init__(self, file, kind, width, height):
        if not (1 <= width <= LONGEST_SIDE and 1 <= height <= LONGEST_SIDE):
            message = "{}: {} of {}x{} pixels, a side may have 1 to {:,}: resize it"
            raise GalagoError("image.size", message.format(file.name, kind, width, height, LONGEST_SIDE))
        self.file = file
        self.width = width
        self.height = height

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def rows(self, left, top, width, height):
        """Each row of this window, as a buffer in `layout` that the next one uses again."""
        pixel = self.layout[0]
        row = memoryview(bytearray(width * pixel))
        unused = (self.width - width) * pixel + self.padding
        first = self.height - top - height if self.bottom_up else top
        self.file.skip(first * (self.width * pixel + self.padding) + left * pixel)
        for y in range(height):
            if y:
                self.file.skip(unused)
            self.file.read_into(row)
            yield row


class PictureFile:
    """A file read in blocks: buffer[start:stop] is what is read and not yet used."""

    def __init__(self, path):
        self.name = path.rsplit("/", 1)[-1]
        try:
            mode, self.size = _stat(path)
            if mode & _FOLDER:
                raise GalagoError(
                    "image.missing", "{}: is a folder: give the path of a picture".format(self.name)
                )
            if not self.size:
                raise GalagoError("image.empty", "{}: has 0 bytes: copy it again".format(self.name))
            self._file = open(path, "rb")  # noqa: SIM115
        except OSError:
            raise GalagoError("image.missing", "{}: no such file: check the path".format(self.name))
        self.buffer = bytearray(_BLOCK)
        self.start = self.stop = 0
        self._read = 0  # bytes of the file up to buffer[stop]

    def close(self):
        """Close the file."""
        self._file.close()

    @property
    def position(self):
        """How many bytes of the file are used."""
        return self._read - (self.stop - self.start)

    def want(self, count):
        """Make buffer[start:stop] hold `count` bytes, at most a block; fewer only at the end of the file."""
        while self.stop - self.start < count:
            if self.start:  # the rest moves to the front
                rest = self.stop - self.start
                view = memoryview(self.buffer)
                view[:rest] = view[self.start : self.stop]
                self.start, self.stop = 0, rest
            got = self._file.readinto(memoryview(self.buffer)[self.stop :])
            if not got:
                return
            self.stop += got
            self._read += got

    def take(self, count):
        """The next `count` bytes, at most a block; fewer only at the end of the file."""
        self.want(count)
        end = min(self.start + count, self.stop)
        taken = bytes(memoryview(self.buffer)[self.start : end])
        self.start = end
        return taken

    def read_into(self, row):
        """Fill the buffer `row` from the file."""
        at = min(len(row), self.stop - self.start)
        row[:at] = memoryview(self.buffer)[self.start : self.start + at]
        self.start += at
        while at < len(row):
            if len(row) - at >= _BLOCK:  # no detour for long rows
                got = self._file.readinto(row[at:])
                self._read += got
            else:
                self.want(len(row) - at)
                got = min(len(row) - at, self.stop - self.start)
                row[at : at + got] = memoryview(self.buffer)[self.start : self.start + got]
                self.start += got
            if not got:
                message = "{}: ends after {:,} bytes: copy it again"
                raise GalagoError("image.truncated", message.format(self.name, self._read))
            at += got

    def skip(self, count):
        """Leave out `count` bytes."""
        ahead = self.stop - self.start
        if count <= ahead:
            self.start += count
        else:
            self._file.seek(count - ahead, 1)
            self._read += count - ahead
            self.start = self.stop = 0

    def need(self, kind, size):
        """Raise image.truncated unless the file has `size` bytes."""
        if self.size < size:
            message = "{}: {} ends after {:,} of {:,} bytes: copy it again"
            raise GalagoError("image.truncated", message.format(self.name, kind, self.size, size))

    def unsupported(self, what):
        """The error for a picture that only the host can read."""
        message = (
            "{}: {} is not read on the board: convert it, or send it with galago classify, which converts"
        )
        return GalagoError("image.unsupported", message.format(self.name, what))


def _stat(path):
    status = os.stat(path)
    return status[0], status[6]
