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

import gc
from array import array
from time import ticks_diff, ticks_us

import micropython
from micropython import const

from ..errors import GalagoError
from . import area
from .formats import open_picture
from .picture import GREY, RGB, PictureFile

_LONGEST_ROW = const(2048)  # pixels
_LARGE = const(4 * 4096 + 4)  # bytes of a PictureFile's buffer where there is room
_MADE = const(12)  # as in area.py, whose names would be looked up for each row

# EXIF orientations: from _TURNED on, rows are seen as columns; which orders of what is stored are reversed.
_TURNED = const(5)
_ROWS_REVERSED = (3, 4, 6, 7)
_COLUMNS_REVERSED = (2, 3, 7, 8)


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
        self._file = None  # a PictureFile, with the memory of the last picture
        self._transform = None
        if pairs:
            from .transform import Transform

            self._transform = Transform(pairs)
        longest = max(height, width)  # a picture that is turned upright has its rows written as columns
        self._columns = array("i", bytes(16 * longest))
        self._state = area.new_state()
        self._current = array("i", bytes(12 * longest))
        self._previous = array("i", bytes(12 * longest))
        self._sums = array("i", bytes(12 * longest))

    def read(self, path, tensor):
        """Decodes the picture at `path` and resizes it into `tensor`, a writable buffer of the input's size.

        Raises GalagoError: image.* if the picture cannot be used, memory.heap if its rows do not fit.
        """
        start = ticks_us()
        try:
            try:
                self._read(path, tensor)
            except MemoryError:  # what an earlier picture left may have been in the way
                self._file = None
                self._file = PictureFile()
                self._read(path, tensor)
        except (MemoryError, OSError) as error:
            name = path.rsplit("/", 1)[-1]
            if isinstance(error, OSError):
                raise GalagoError("image.missing", "{}: cannot be read ({})".format(name, error))
            raise GalagoError(
                "memory.heap", "{}: not enough memory to decode it: send a smaller picture".format(name)
            )
        self.us_read = ticks_diff(ticks_us(), start) - self.us_resize

    def _read(self, path, tensor):
        self.us_resize = 0
        if not self._file:  # fewer and larger reads take less Python
            self._file = PictureFile(_LARGE) if gc.mem_free() > 16 * _LARGE else PictureFile()
        file = self._file
        with open_picture(path, self.height, self.width, file) as picture:
            self.take(picture, tensor)

    @micropython.native  # as PictureFile.fill
    def take(self, picture, tensor):
        """Resizes an open `Picture` into `tensor`, and adds the time to `us_resize`.

        Raises MemoryError and OSError as well as GalagoError.
        """
        width, height, divisor = picture.width, picture.height, 1
        if picture.reducible:
            divisor = self.reduction(width, height, picture.orientation)
            picture.reduce(divisor)
        window = self.begin(
            width, height, tensor, picture.layout, picture.bottom_up, divisor, picture.orientation
        )
        for rows, at, stride, count in picture.strips(*window):
            pushed = ticks_us()
            self.push(rows, at, stride, count)
            self.us_resize += ticks_diff(ticks_us(), pushed)

    def reduction(self, width, height, orientation=1):
        """Returns the divisor (1, 2, 4 or 8) at which a picture of this size is to be decoded.

        It is the largest that leaves at least five pixels for four of the input in both directions; a larger
        one is returned only where a row of the window would exceed 2,048 pixels.
        """
        _, _, columns, rows = self._window(width, height, orientation)
        _, _, wide, high = self._target(width, height, orientation)
        divisor = 8
        while divisor > 1 and (4 * columns < 5 * wide * divisor or 4 * rows < 5 * high * divisor):
            divisor //= 2
        while columns > _LONGEST_ROW * divisor:
            divisor *= 2
        return divisor

    def begin(self, width, height, tensor, layout=RGB, bottom_up=False, divisor=1, orientation=1):
        """Starts a picture of `width` x `height` pixels; returns its window: left, top, width, height.

        Exactly the rows of the window, cut to its columns, must then be pushed, the last one first if
        `bottom_up`. With a `divisor`, these rows, and the window, are of the picture reduced by it.
        `orientation` is EXIF's: rows and columns are written in the order in which they are to be seen.
        """
        if len(tensor) != self.height * self.width * self.channels:
            message = "the input has {} bytes, expected {}x{}x{} = {}: flash the model again"
            shape = (self.height, self.width, self.channels)
            raise GalagoError(
                "model.contract", message.format(len(tensor), *shape, shape[0] * shape[1] * shape[2])
            )
        left, top, columns, rows = self._window(width, height, orientation)
        x, y, wide, high = self._target(width, height, orientation)
        first, first_row = left // divisor, top // divisor
        count = (left + columns - 1) // divisor + 1 - first
        count_rows = (top + rows - 1) // divisor + 1 - first_row
        self._tensor = tensor
        if wide < self.width or high < self.height:
            area.fill_zero(tensor, len(tensor))

        state = self._state
        grey = layout == GREY
        state[area.WIDE] = wide
        state[area.PLANES] = 1 if grey else 3
        state[area.STEP] = layout[0]
        state[area.RED] = layout[1]
        state[area.LOW] = layout[-1]  # only read of RGB565
        state[area.GREY] = 2 * grey + (self.channels == 1)
        unit = state[area.UNIT] = divisor * wide if columns >= wide else 0
        state[area.TOTAL] = columns if unit else 2 * wide
        area.column_spans(columns, wide, unit, left % divisor * wide, count, layout[0], self._columns)
        unit = state[area.ROW_UNIT] = divisor * high if rows >= high else 0
        state[area.ROW_TOTAL] = rows if unit else 2 * high
        start = state[area.ROW_START] = top % divisor * high
        area.span(rows, high, unit, start, count_rows, 0, state, area.FIRST)
        state[area.SOURCE] = rows
        state[area.ROWS] = count_rows
        state[area.HIGH] = high
        state[area.ARRIVED] = state[area.MADE] = 0
        self._order(x, y, high, bottom_up, orientation)
        return first, first_row, count, count_rows

    def _order(self, x, y, high, bottom_up, orientation):
        # Sets where rows and pixels go; x and y are the first ones of the part that the picture fills.
        state = self._state
        step, stride = self.channels, self.width * self.channels
        wide, tall = self._shape(orientation)
        if orientation >= _TURNED:
            step, stride = stride, step
        if orientation in _ROWS_REVERSED:
            y, stride = tall - 1 - y, -stride
        if orientation in _COLUMNS_REVERSED:
            x, step = wide - 1 - x, -step
        state[area.AT] = y * abs(stride) + x * abs(step)
        if bottom_up:
            state[area.AT] += stride * (high - 1)
            stride = -stride
        state[area.STRIDE], state[area.NEXT] = stride, step

    @micropython.native  # as PictureFile.fill
    def push(self, rows, at=0, stride=0, count=1):
        """Takes the next `count` rows of the window; writes the rows of the input that they complete.

        The first one begins at the index `at` of the buffer `rows`, and they are `stride` bytes apart.
        """
        state = self._state
        made = state[_MADE]
        current, previous = self._current, self._previous
        columns, sums, tensor = self._columns, self._sums, self._tensor
        area.push(state, rows, at, stride, count, columns, current, previous, sums, tensor)
        if count & 1:
            self._previous, self._current = current, previous
        if self._transform and made < state[_MADE] == state[area.HIGH]:
            self._transform.apply(self._tensor)

    def _shape(self, orientation):
        # Returns width and height of the input as the picture is stored.
        return (self.height, self.width) if orientation >= _TURNED else (self.width, self.height)

    def _window(self, width, height, orientation):
        # Returns left, top, width and height of the part of the picture that is used.
        columns, rows = width, height
        across, down = self._shape(orientation)
        if self.resize == "crop":
            columns = min(width, max(1, height * across // down))
            rows = min(height, max(1, width * down // across))
        return (width - columns) // 2, (height - rows) // 2, columns, rows

    def _target(self, width, height, orientation):
        # Returns left, top, width and height of the part of the input that the picture fills.
        across, down = wide, high = self._shape(orientation)
        if self.resize == "pad":
            wide = min(wide, max(1, (2 * width * high + height) // (2 * height)))
            high = min(high, max(1, (2 * height * across + width) // (2 * width)))
        return (across - wide) // 2, (down - high) // 2, wide, high
