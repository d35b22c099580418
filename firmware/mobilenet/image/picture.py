# SPDX-License-Identifier: MIT
"""The base class of all decoders, and the file that they read from.

    class BmpPicture(Picture):
        layout = BGR

        def __init__(self, file, height, width): ...    # reads the header from a PictureFile

A decoder sets width, height and layout; `strips` then yields the pixels.
"""

import os

import micropython
from micropython import const

from ..errors import GalagoError

# Pixel layout of a row in memory: bytes per pixel, then the offsets of red, green and blue.
RGB = (3, 0, 1, 2)
BGR = (3, 2, 1, 0)
BGRX = (4, 2, 1, 0)
GREY = (1, 0, 0, 0)
# RGB565 has the offsets of what is expanded, then that of the low byte.
RGB565 = (2, 0, 1, 2, 1)
RGB565_LOW = (2, 0, 1, 2, 0)
BGR565 = (2, 2, 1, 0, 1)
BGR565_LOW = (2, 2, 1, 0, 0)

_LONGEST_SIDE = const(16384)  # pixels

_BLOCK = const(4096)  # a read over `mpremote mount` is one round trip, whatever its size
_MOST = const(0x10000)  # more than any block
_FOLDER = const(0x4000)  # bit of st_mode
_NO_SIZE = const(0x3FFFFFFF)  # bytes; folders that can be opened have more


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
        block = len(file.buffer) - 4
        if size > block:
            row = memoryview(bytearray(size))
            for _ in range(height):
                file.read_into(row)
                yield row, 0, 0, 1
                file.skip(stride - size)
            return
        # Whole rows are read at a time, so that no rest has to be moved; one list serves all strips.
        most = max(1, block // stride)
        strip = [file.buffer, 0, stride, 0]
        while height:
            count = min(height, most)
            strip[1] = file.use(count * stride, stride - size, min(block, most * stride))
            strip[3] = count
            yield strip
            height -= count


class PictureFile:
    """A file that is read in blocks: buffer[start:stop] holds the bytes read but not yet used.

    It can open one file after the other. The next picture finds the memory of the last one: the buffer, and
    `decoder`, which belongs to the decoder of JPEG.
    """

    decoder = _file = None

    def __init__(self, size=_BLOCK + 4):
        self.buffer = bytearray(size)
        self.view = memoryview(self.buffer)

    def open(self, path):
        """Opens a file. Raises GalagoError image.missing or .empty."""
        self.name = path.rsplit("/", 1)[-1]
        try:
            file = open(path, "rb")  # noqa: SIM115
            size = file.seek(0, 2)  # os.stat would look for the file once more
        except OSError:
            raise self._unusable(path, -1)
        if not 0 < size < _NO_SIZE:
            file.close()
            raise self._unusable(path, size)
        file.seek(0)
        self.begin(file, size)

    def _unusable(self, path, size):
        try:
            folder = os.stat(path)[0] & _FOLDER  # some systems open folders
        except OSError:
            folder, size = 0, -1
        if folder:
            return GalagoError(
                "image.missing", "{}: is a folder: pass the path of a picture".format(self.name)
            )
        if size == 0:
            return GalagoError("image.empty", "{}: has 0 bytes: copy it again".format(self.name))
        return GalagoError("image.missing", "{}: no such file: check the path".format(self.name))

    def begin(self, file, size):
        """Reads from `file`, an open file of `size` bytes."""
        self._file = file
        self.size = size
        self.start = self.stop = 0
        self._read = 0  # position in the file of buffer[stop]

    def close(self):
        """Closes the file."""
        if self._file:
            self._file.close()
            self._file = None

    @property
    def position(self):
        """The number of bytes of the file that were used."""
        return self._read - (self.stop - self.start)

    @micropython.native  # its variables are on the stack, where those of a long function are put on the heap
    def fill(self, count, most=_MOST):
        """Fills buffer[start:stop] to `count` bytes, at most a block; fewer only at the end of the file.

        If it must read, it reads up to `most`. A byte's index in the buffer is its position in the file,
        modulo 4: file systems then copy words rather than bytes.
        """
        while self.stop - self.start < count:
            rest = self.stop - self.start
            first = (self._read - rest) & 3
            view = self.view
            if rest and self.start != first:  # moves the rest to the front
                view[first : first + rest] = view[self.start : self.stop]
            self.start, self.stop = first, first + rest
            got = self._file.readinto(view[self.stop : first + most])
            if not got:
                return
            self.stop += got
            self._read += got

    @micropython.native  # as fill
    def byte(self):
        """Returns the next byte, or -1 at the end of the file."""
        if self.start == self.stop:
            self.fill(1)
            if self.start == self.stop:
                return -1
        self.start += 1
        return self.buffer[self.start - 1]

    def take(self, count):
        """Returns the next `count` bytes, at most a block; fewer only at the end of the file."""
        self.fill(count)
        end = min(self.start + count, self.stop)
        taken = bytes(self.view[self.start : end])
        self.start = end
        return taken

    @micropython.native  # as fill
    def use(self, count, spare, most):
        """Returns where the next `count` bytes begin in the buffer, until more are read: the last `spare` of
        them may be missing. Reads up to `most`. Raises GalagoError image.truncated.
        """
        if self.stop - self.start < count - spare:
            self.fill(count - spare, most)
        start = self.start
        ahead = self.stop - start
        if ahead < count - spare:
            raise self.ended()
        if ahead < count:
            self.skip(count)
        else:
            self.start = start + count
        return start

    def read_into(self, row):
        """Fills the buffer `row` from the file. Raises GalagoError image.truncated."""
        at = min(len(row), self.stop - self.start)
        row[:at] = self.view[self.start : self.start + at]
        self.start += at
        while at < len(row):
            if len(row) - at >= _BLOCK:  # long rows bypass the buffer
                got = self._file.readinto(row[at:])
                self._read += got
            else:
                self.fill(len(row) - at)
                got = min(len(row) - at, self.stop - self.start)
                row[at : at + got] = self.view[self.start : self.start + got]
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
