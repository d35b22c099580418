# SPDX-License-Identifier: MIT
"""The base class of all decoders, and the file that they read from.

    class BmpPicture(Picture):
        layout = BGR

        def __init__(self, file, height, width): ...    # reads the header from a PictureFile

A decoder sets width, height and layout; `strips` then yields the pixels.
"""

import os

from micropython import const

from ..errors import GalagoError

# Pixel layout of a row in memory: bytes per pixel, then the offsets of red, green and blue.
RGB = (3, 0, 1, 2)
BGR = (3, 2, 1, 0)
BGRX = (4, 2, 1, 0)
GREY = (1, 0, 0, 0)

_LONGEST_SIDE = const(16384)  # pixels

_BLOCK = const(4096)  # a read over `mpremote mount` is one round trip, whatever its size
_FOLDER = const(0x4000)  # bit of st_mode


class Picture:
    """An open picture; leaving a `with` block closes its file."""

    layout = RGB  # pixel layout of a row in memory
    bottom_up = False  # order of `rows`
    orientation = 1  # of EXIF: how what is stored is turned to be seen
    padding = 0  # bytes after each row in the file
    reducible = False  # whether it has `reduce(divisor)`, which decodes at 1/2, 1/4 or 1/8 of the size

    def __init__(self, file, kind, width, height):
        if not (1 <= width <= _LONGEST_SIDE and 1 <= height <= _LONGEST_SIDE):
            message = "{}: {} of {}x{} pixels, a side may have 1 to {:,}: resize it"
            raise GalagoError("image.size", message.format(file.name, kind, width, height, _LONGEST_SIDE))
        self.file = file
        self.width = width
        self.height = height

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def rows(self, left, top, width, height):
        """Yields each row of this window; it is valid until the next one."""
        size = width * self.layout[0]
        for buffer, at, stride, count in self.strips(left, top, width, height):
            view = memoryview(buffer)
            for _ in range(count):
                yield view[at : at + size]
                at += stride

    def strips(self, left, top, width, height):
        """Yields rows of this window, several at a time: a buffer of `layout`, where the first row begins in
        it, how far apart rows are, and their number. They are valid until the next strip."""
        pixel = self.layout[0]
        size = width * pixel
        stride = self.width * pixel + self.padding
        first = self.height - top - height if self.bottom_up else top
        file = self.file
        file.skip(first * stride + left * pixel)
        row = memoryview(bytearray(size)) if size > _BLOCK else None
        while height:
            count = 1
            if row:
                file.read_into(row)
                yield row, 0, 0, 1
                file.skip(stride - size)
            else:
                file.fill(min(_BLOCK, (height - 1) * stride + size))
                ahead = file.stop - file.start
                if ahead < size:
                    raise file.ended()
                count = min(height, (ahead - size) // stride + 1)
                yield file.buffer, file.start, stride, count
                file.skip(count * stride)
            height -= count


class PictureFile:
    """A file that is read in blocks: buffer[start:stop] holds the bytes read but not yet used."""

    def __init__(self, path):
        self.name = path.rsplit("/", 1)[-1]
        try:
            mode, self.size = _stat(path)
            if mode & _FOLDER:
                raise GalagoError(
                    "image.missing", "{}: is a folder: pass the path of a picture".format(self.name)
                )
            if not self.size:
                raise GalagoError("image.empty", "{}: has 0 bytes: copy it again".format(self.name))
            self._file = open(path, "rb")  # noqa: SIM115
        except OSError:
            raise GalagoError("image.missing", "{}: no such file: check the path".format(self.name))
        self.buffer = bytearray(_BLOCK)
        self.start = self.stop = 0
        self._read = 0  # position in the file of buffer[stop]

    def close(self):
        """Closes the file."""
        self._file.close()

    @property
    def position(self):
        """The number of bytes of the file that were used."""
        return self._read - (self.stop - self.start)

    def fill(self, count):
        """Fills buffer[start:stop] to `count` bytes, at most a block; fewer only at the end of the file."""
        while self.stop - self.start < count:
            if self.start:  # moves the rest to the front
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
        """Returns the next `count` bytes, at most a block; fewer only at the end of the file."""
        self.fill(count)
        end = min(self.start + count, self.stop)
        taken = bytes(memoryview(self.buffer)[self.start : end])
        self.start = end
        return taken

    def read_into(self, row):
        """Fills the buffer `row` from the file. Raises GalagoError image.truncated."""
        at = min(len(row), self.stop - self.start)
        row[:at] = memoryview(self.buffer)[self.start : self.start + at]
        self.start += at
        while at < len(row):
            if len(row) - at >= _BLOCK:  # long rows bypass the buffer
                got = self._file.readinto(row[at:])
                self._read += got
            else:
                self.fill(len(row) - at)
                got = min(len(row) - at, self.stop - self.start)
                row[at : at + got] = memoryview(self.buffer)[self.start : self.start + got]
                self.start += got
            if not got:
                raise self.ended()
            at += got

    def skip(self, count):
        """Skips `count` bytes."""
        ahead = self.stop - self.start
        if count <= ahead:
            self.start += count
        else:
            self._file.seek(count - ahead, 1)
            self._read += count - ahead
            self.start = self.stop = 0

    def need(self, kind, size):
        """Raises GalagoError image.truncated unless the file has at least `size` bytes."""
        if self.size < size:
            message = "{}: {} ends after {:,} of {:,} bytes: copy it again"
            raise GalagoError("image.truncated", message.format(self.name, kind, self.size, size))

    def ended(self):
        """Returns the error for a file that became shorter while it was read."""
        message = "{}: ends after {:,} bytes: copy it again"
        return GalagoError("image.truncated", message.format(self.name, self._read))

    def unsupported(self, what):
        """Returns the error for a picture that only the host can read."""
        message = (
            "{}: the board does not read {}: convert it, or send it with galago classify, which converts"
        )
        return GalagoError("image.unsupported", message.format(self.name, what))


def _stat(path):
    status = os.stat(path)
    return status[0], status[6]
