# SPDX-License-Identifier: MIT
"""Crops, resizes and quantizes a picture to a model's input, row by row, to the same bytes as the host.

    resizer = Resizer(96, 96)                            # allocates the buffers for one input size
    resizer.read("cat.jpg", interpreter.input)           # from a file

    resizer.begin(320, 240, interpreter.input)           # or row by row, from a camera
    for row in rows:
        resizer.push(row)

docs/pictures.md has the formula; `galago.pictures.resize` implements it on the host. Only rows of the input's
width are kept, whatever the size of the picture. No sum exceeds 31 bits, as long as a side has at most 16,384
pixels.
"""

from array import array
from time import ticks_diff, ticks_us

import micropython
from micropython import const

from ..errors import GalagoError
from . import compiled
from .formats import open_picture
from .picture import GREY, RGB

_LONGEST_ROW = const(2048)  # pixels


class Resizer:
    """Resizes pictures to int8 inputs of shape (height, width, channels), with int8 = pixel - 128.

    `pairs` are for models that expect other values (transform.py). `resize` is "crop" (to the largest
    centred part with the aspect ratio of the input), "stretch", or "pad" (with 128). After `read`, `us_read`
    and `us_resize` are the microseconds of decoding and resizing.
    """

    def __init__(self, height, width, channels=3, resize="crop", pairs=None):
        if resize not in ("crop", "stretch", "pad"):
            raise GalagoError(
                "model.contract", "resize is {!r}, expected crop, stretch or pad".format(resize)
            )
        self.height = height
        self.width = width
        self.channels = channels
        self.resize = resize
        self.us_read = self.us_resize = 0
        self._transform = None
        if pairs:
            from .transform import Transform

            self._transform = Transform(pairs)
        self._columns = array("H", bytes(8 * width))
        self._row = array("H", bytes(8))
        self._current = array("i", bytes(12 * width))
        self._previous = array("i", bytes(12 * width))
        self._sums = array("i", bytes(12 * width))

    def read(self, path, tensor):
        """Decodes the picture at `path` and resizes it into `tensor`, a writable buffer of the input's size.

        Raises GalagoError: image.* if the picture cannot be used, memory.heap if its rows do not fit.
        """
        start = ticks_us()
        self.us_resize = 0
        try:
            with open_picture(path, self.height, self.width) as picture:
                self.take(picture, tensor)
        except (MemoryError, OSError) as error:
            name = path.rsplit("/", 1)[-1]
            if isinstance(error, OSError):
                raise GalagoError("image.missing", "{}: cannot be read ({})".format(name, error))
            raise GalagoError(
                "memory.heap", "{}: not enough memory to decode it: send a smaller picture".format(name)
            )
        self.us_read = ticks_diff(ticks_us(), start) - self.us_resize

    def take(self, picture, tensor):
        """Resizes an open `Picture` into `tensor`, and adds the time to `us_resize`.

        Raises MemoryError and OSError as well as GalagoError.
        """
        if picture.reducible:
            picture.reduce(self.reduction(picture.width, picture.height))
        window = self.begin(picture.width, picture.height, tensor, picture.layout, picture.bottom_up)
        for row in picture.rows(*window):
            pushed = ticks_us()
            self.push(row)
            self.us_resize += ticks_diff(ticks_us(), pushed)

    def reduction(self, width, height):
        """Returns the divisor (1, 2, 4 or 8) at which a picture of this size is to be decoded.

        It is the largest that leaves at least two pixels per pixel of the input in both directions; a larger
        one is returned only where a row of the window would exceed 2,048 pixels.
        """
        _, _, columns, rows = self._window(width, height)
        _, _, wide, high = self._target(width, height)
        divisor = 8
        while divisor > 1 and (columns < 2 * wide * divisor or rows < 2 * high * divisor):
            divisor //= 2
        while columns > _LONGEST_ROW * divisor:
            divisor *= 2
        return divisor

    def begin(self, width, height, tensor, layout=RGB, bottom_up=False):
        """Starts a picture of `width` x `height` pixels; returns its window: left, top, width, height.

        Exactly the rows of the window, cut to its columns, must then be pushed, the last one first if
        `bottom_up`.
        """
        if len(tensor) != self.height * self.width * self.channels:
            message = "the input has {} bytes, expected {}x{}x{} = {}: flash the model again"
            shape = (self.height, self.width, self.channels)
            raise GalagoError(
                "model.contract", message.format(len(tensor), *shape, shape[0] * shape[1] * shape[2])
            )
        window = _, _, self._source_width, self._source_height = self._window(width, height)
        self._left, self._top, self._wide, self._high = self._target(width, height)
        self._tensor = tensor
        self._layout = layout
        self._planes = 1 if layout == GREY else 3
        self._bottom_up = bottom_up
        if self._wide < self.width or self._high < self.height:
            _fill_zero(tensor, len(tensor))
        for x in range(self._wide):
            _span(self._source_width, self._wide, x, self._columns, 4 * x)
        self._arrived = 0  # rows of the window pushed
        self._made = 0  # rows of the input written
        _span(self._source_height, self._high, 0, self._row)
        return window

    def push(self, row):
        """Takes the next row of the window; writes the rows of the input that it completes."""
        wide, size = self._wide, self._wide * self._planes
        self._current, self._previous = self._previous, self._current
        current, sums = self._current, self._sums
        total = _total(self._source_width, wide)
        for plane in range(self._planes):
            _resize_row(
                row, self._layout[0], self._layout[1 + plane], self._columns, current, plane, wide, total
            )
        y = self._arrived
        self._arrived += 1
        while self._made < self._high:
            first, last, head, tail = self._row
            if y < first:
                return
            if y == first:
                _set(sums, current, size, head)
            elif y < last:
                _add(sums, current, size, self._high)
            else:
                if last == first + 1 and self._source_height < self._high:
                    _set(sums, self._previous, size, head)
                _add(sums, current, size, tail)
            if y < last:
                return
            self._write_row()

    def _write_row(self):
        y = self._high - 1 - self._made if self._bottom_up else self._made
        at = ((self._top + y) * self.width + self._left) * self.channels
        grey = 2 * (self._planes == 1) + (self.channels == 1)
        _quantize(self._sums, self._tensor, at, self._wide, _total(self._source_height, self._high), grey)
        self._made += 1
        if self._made < self._high:
            _span(self._source_height, self._high, self._made, self._row)
        elif self._transform:
            self._transform.apply(self._tensor)

    def _window(self, width, height):
        # Returns left, top, width and height of the part of the picture that is used.
        columns, rows = width, height
        if self.resize == "crop":
            columns = min(width, max(1, height * self.width // self.height))
            rows = min(height, max(1, width * self.height // self.width))
        return (width - columns) // 2, (height - rows) // 2, columns, rows

    def _target(self, width, height):
        # Returns left, top, width and height of the part of the input that the picture fills.
        wide, high = self.width, self.height
        if self.resize == "pad":
            wide = min(wide, max(1, (2 * width * high + height) // (2 * height)))
            high = min(high, max(1, (2 * height * self.width + width) // (2 * width)))
        return (self.width - wide) // 2, (self.height - high) // 2, wide, high


def _span(source, target, index, into, at=0):
    """Writes the source pixels of target pixel `index` along one axis: first, last, and their weights.

    Each pixel between first and last has the weight `target`; the sum of all weights is `_total(source,
    target)`.
    """
    if source >= target:  # area: a source pixel is `target` units long and a target pixel `source` units
        start = index * source
        end = start + source
        first = start // target
        last = (end - 1) // target
        head = min((first + 1) * target, end) - start
        tail = end - last * target if last > first else 0
    else:  # linear between the two nearest pixel centres, constant beyond the outermost
        centre = (2 * index + 1) * source - target
        centre = max(0, min(centre, 2 * target * (source - 1)))
        first = centre // (2 * target)
        last = min(first + 1, source - 1)
        tail = centre % (2 * target)
        head = 2 * target - tail
    into[at] = first
    into[at + 1] = last
    into[at + 2] = head
    into[at + 3] = tail


def _total(source, target):
    return source if source >= target else 2 * target


@micropython.viper
def _resize_row(
    row: ptr8, step: int, offset: int, spans: ptr16, out: ptr32, plane: int, target: int, total: int
):
    """Resizes one colour of a row: out[plane·target + x] = weighted mean of its span, in 1/256."""
    i = 0
    while i < target:
        p = int(spans[4 * i]) * step + offset
        end = int(spans[4 * i + 1]) * step + offset
        weighted = int(row[p]) * int(spans[4 * i + 2]) + int(row[end]) * int(spans[4 * i + 3])
        middle = 0
        p += step
        while p < end:
            middle += row[p]
            p += step
        weighted += middle * target
        out[plane * target + i] = (weighted * 256 + (total >> 1)) // total
        i += 1


@micropython.viper
def _set(sums: ptr32, row: ptr32, size: int, weight: int):
    i = 0
    while i < size:
        sums[i] = row[i] * weight
        i += 1


@micropython.viper
def _add(sums: ptr32, row: ptr32, size: int, weight: int):
    i = 0
    while i < size:
        sums[i] = sums[i] + row[i] * weight
        i += 1


@micropython.viper
def _quantize(sums: ptr32, tensor: ptr8, at: int, width: int, total: int, grey: int):
    """Divides the sums and writes a row as int8 = pixel - 128, which as a byte is pixel ^ 128.

    Bit 1 of `grey` is set if the picture is grey, bit 0 if the input has one channel.
    """
    divisor = total << 8
    half = total << 7
    i = 0
    while i < width:
        red = (int(sums[i]) + half) // divisor
        green = red
        blue = red
        if grey & 2 == 0:
            green = (int(sums[width + i]) + half) // divisor
            blue = (int(sums[2 * width + i]) + half) // divisor
        if grey & 1:  # ITU-R 601 luma in 1/65536, as Pillow computes "L"
            tensor[at] = ((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16) ^ 128
            at += 1
        else:
            tensor[at] = red ^ 128
            tensor[at + 1] = green ^ 128
            tensor[at + 2] = blue ^ 128
            at += 3
        i += 1


@micropython.viper
def _fill_zero(tensor: ptr8, size: int):
    i = 0
    while i < size:
        tensor[i] = 0
        i += 1


compiled.replace(globals())
