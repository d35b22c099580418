# SPDX-License-Identifier: MIT
"""Decodes the scan of a baseline JPEG: rows of blocks in, rows of pixels out.

A row of MCUs (ITU-T T.81, A.2) is decoded into one plane of samples per component, only as wide as the
requested columns. Upsampling in height needs the sample rows above and below: where there is any, each plane
keeps the last row of the previous MCU row as its row 0, and the last row of pixels waits for the next MCU
row. Planes, plans and the buffer for pixels stay for the next picture, if it has the same layout.
"""

from array import array

import micropython
from micropython import const

from . import color, huffman, mcus

_COLUMN = const(10)  # as in mcus.py, whose names would be looked up for each row
_STOP = const(11)
_FIRST = const(13)
_BEYOND = const(14)
_HUNGRY = const(-4)

_LAYOUT = const(9)  # words
_STRIP = const(4096)  # bytes of pixels that are passed on at once, or one row


class _Plane:
    """The samples of one component, for the requested columns of one row of MCUs."""

    def __init__(self, index, picture, scale, first, end):  # first and end: the MCU columns
        part = picture.components[index]
        most_across = max(c.horizontal for c in picture.components)
        most_down = max(c.vertical for c in picture.components)
        # Where possible, a larger inverse DCT replaces upsampling, in both directions or not at all.
        size = scale
        while (
            size < 8
            and (most_across * scale) % (part.horizontal * size * 2) == 0
            and (most_down * scale) % (part.vertical * size * 2) == 0
        ):
            size *= 2
        mcu_width = part.horizontal * size
        self.rows = part.vertical * size
        across = most_across * scale // mcu_width
        down = most_down * scale // self.rows
        self.stride = stride = (end - first) * mcu_width
        self.samples = bytearray(stride * (self.rows + 1))
        samples = memoryview(self.samples)
        self._before, self._last = samples[:stride], samples[self.rows * stride :]
        # Rows, and samples of a row, that belong to the picture; the rest is padding.
        width = -(-picture.width // across)
        count = min(width - first * mcu_width, stride)
        kind = (across == 2) + 2 * (down == 2)
        if scale == 1 or (across == 2 and width <= 2):
            kind = 8 * (across == 2) + 16 * (down == 2)
        self.upsampled = across * count if kind & 11 else 0  # samples of a row
        self.fields = (down, self.rows, stride, kind, -(-picture.height // down), count)
        # For each block of an MCU, what mcus.py needs after the tables.
        last_dc = huffman.LAST_DC + index
        self.blocks = [
            (last_dc, index, (1 + y * size) * stride + x * size, mcu_width, stride, size)
            for y in range(part.vertical)
            for x in range(part.horizontal)
        ]

    def keep_last_row(self):
        self._before[:] = self._last


class Scan:
    """Decodes the only scan of `picture`, whose file is then at the first byte of the scan's data."""

    def __init__(self, picture):
        self._picture = picture
        self._file = picture.file
        self._state = array("i", bytes(4 * mcus.STATE))
        self._block = array("h", bytes(256))
        # What planes and plans were made for, and what they are needed for.
        self._made, self._needed = array("i", bytes(4 * _LAYOUT)), array("i", bytes(4 * _LAYOUT))

    def strips(self, left, top, width, height):
        """Yields the rows of this window; then decodes the rest of the scan, to find any damage."""
        picture, state = self._picture, self._state
        self._begin(left, width)
        mcu_height = self._mcu_height
        done = top  # next row to yield
        bottom = top + height
        for y in range(0, picture.height, mcu_height):
            near = y + mcu_height + 2 > top and y < bottom + 2
            state[_BEYOND] = self._end if near else state[_FIRST]
            self._mcu_row(y)
            ready = min(y + mcu_height - self._late, bottom)
            if y + mcu_height >= picture.height:
                ready = bottom
            while done < ready:
                strip = self._strip_of(y // mcu_height, done, ready - done)
                yield strip
                done += strip[3]
            if self._late:
                for plane in self._planes:
                    plane.keep_last_row()

    def _begin(self, left, width):
        picture, state, file = self._picture, self._state, self._file
        self._until_restart = picture.restart_interval
        self._restarts = 0
        needed = self._needed
        needed[0], needed[1], needed[2] = picture.width, picture.height, picture.divisor
        needed[3], needed[4], needed[5] = left, width, picture.is_rgb
        parts = picture.components
        for i in range(3):
            needed[6 + i] = parts[i].horizontal << 2 | parts[i].vertical if i < len(parts) else 0
        if needed != self._made:
            self._make(left, width)
            self._made, self._needed = needed, self._made
        for i in range(mcus.BLOCKS):
            state[i] = 0
        state[huffman.WORDS] = 32  # another picture may have ended inside a block
        state[huffman.POSITION], state[huffman.END] = file.start, file.stop
        state[mcus.LEAST] = huffman.MOST_BYTES
        plan, at = self._arguments[0], 0
        for i in range(len(parts)):
            part = parts[i]
            for _ in self._planes[i].blocks:
                plan[at], plan[at + 1], plan[at + 2] = part.dc, part.ac, part.factors
                at += mcus.FIELDS

    def _make(self, left, width):
        # Makes planes, plans and the buffer for pixels.
        picture, state = self._picture, self._state
        self._planes = self._arguments = self._pixels = self._strip = None
        self._made[0] = 0  # in case that memory ends
        scale = 8 // picture.divisor
        mcu_width = scale * max(part.horizontal for part in picture.components)
        self._mcu_height = scale * max(part.vertical for part in picture.components)
        self._across = -(-picture.width // mcu_width)
        # Includes one more MCU on each side: upsampling uses the neighbouring samples.
        first = max(0, left // mcu_width - 1)
        self._end = min(self._across, (left + width - 1) // mcu_width + 2)
        planes = [_Plane(i, picture, scale, first, self._end) for i in range(len(picture.components))]
        # How many rows of pixels wait for the next MCU row: upsample explains the kinds.
        self._late = 1 if any(plane.fields[color.KIND] & 2 for plane in planes) else 0
        blocks = [block for plane in planes for block in plane.blocks]
        state[mcus.BLOCKS] = len(blocks)
        state[_FIRST] = first
        plan = array("i", [word for block in blocks for word in (0, 0, 0) + block])
        samples = tuple([plane.samples for plane in (planes[0], planes[-2 % len(planes)], planes[-1])])
        self._arguments = (plan,) + samples + (self._block,)
        self._prepare_pixels(planes, samples, left - first * mcu_width, width)
        self._planes = planes

    def _prepare_pixels(self, planes, samples, start, width):
        # One list serves all strips.
        self._start = start
        if len(planes) == 1:
            self._strip = [samples[0], 0, planes[0].stride, 0]
            return
        plan, wide = array("i"), 0
        for plane in planes:
            plan.extend(array("i", plane.fields + (wide,)))
            wide += plane.upsampled
        self._most = max(1, min(self._mcu_height, _STRIP // (3 * width)))
        wide, out = bytearray(wide), bytearray(3 * width * self._most)
        self._strip = [out, 0, 3 * width, 0]
        ycc = 0 if self._picture.is_rgb else 1
        self._pixels = (plan, start, width, ycc) + samples + (wide, out)

    @micropython.native  # as PictureFile.fill
    def _strip_of(self, mcu_row, y, count):
        # Returns rows of pixels from `y` on, which are of this row of MCUs: `count`, or as many as have room.
        strip = self._strip
        if self._pixels:
            count = min(count, self._most)
            plan, start, width, ycc, luma, cb, cr, wide, out = self._pixels
            color.rgb_rows(plan, mcu_row, y, count, start, width, ycc, luma, cb, cr, wide, out)
        else:
            strip[1] = (y - mcu_row * self._mcu_height + 1) * strip[2] + self._start
        strip[3] = count
        return strip

    @micropython.native  # as PictureFile.fill
    def _mcu_row(self, y):
        plan, luma, cb, cr, block = self._arguments
        tables, state, interval = self._picture.tables, self._state, self._picture.restart_interval
        buffer = self._file.buffer
        state[_COLUMN] = 0
        while state[_COLUMN] < self._across:
            stop = self._across
            if interval:
                if self._until_restart == 0:
                    self._restart(y)
                    self._until_restart = interval
                stop = min(stop, state[_COLUMN] + self._until_restart)
                self._until_restart -= stop - state[_COLUMN]
            state[_STOP] = stop
            while True:
                result = mcus.decode_mcus(state, buffer, tables, plan, luma, cb, cr, block)
                if result != _HUNGRY:
                    break
                self._refill()
            if result:
                self._fail(result, y)

    def _restart(self, y):
        # Drops the rest of the last byte, and skips a marker: RST0 to RST7 in turn.
        state, file = self._state, self._file
        file.start = state[huffman.POSITION]
        before, byte = b"", file.take(1)
        while byte == b"\xff":
            before, byte = byte, file.take(1)
        if not byte or before + byte == b"\xff\xd9":
            raise self._picture.truncated(self._where(y))
        if before + byte != bytes((0xFF, 0xD0 + self._restarts % 8)):
            raise self._picture.corrupt("has no restart marker")
        self._restarts += 1
        for i in range(huffman.LAST_DC + 3):
            state[i] = 0
        state[huffman.POSITION], state[huffman.END] = file.start, file.stop

    def _refill(self):
        state, file = self._state, self._file
        file.start = state[huffman.POSITION]
        file.fill(huffman.MOST_BYTES)
        state[huffman.POSITION], state[huffman.END] = file.start, file.stop
        if file.stop - file.start < huffman.MOST_BYTES:
            state[mcus.LEAST] = 0  # the end of the file
            file.buffer[file.stop] = 0xFF  # here every byte must be looked at, as before a marker

    def _fail(self, code, y):
        file = self._file
        file.start = self._state[huffman.POSITION]
        marker = bytes(file.buffer[file.start : min(file.start + 2, file.stop)])
        if code == huffman.BAD_CODE:
            raise self._picture.corrupt("has no Huffman code")
        if code == huffman.TOO_MANY:
            raise self._picture.corrupt("has too many coefficients")
        if len(marker) == 2 and marker != b"\xff\xd9":
            raise self._picture.corrupt("has a marker inside its pixels")
        raise self._picture.truncated(self._where(y))

    def _where(self, y):
        picture = self._picture
        return "in row {} of {}".format(y * picture.divisor, picture.full_height)
