# SPDX-License-Identifier: MIT
"""Decodes the scan of a baseline JPEG: rows of blocks in, rows of pixels out.

A row of MCUs (ITU-T T.81, A.2) is decoded into one plane of samples per component, only as wide as the
requested columns. Upsampling in height needs the sample rows above and below: each plane keeps the last row
of the previous MCU row as its row 0, and the last row of pixels waits for the next MCU row.
"""

from array import array

from micropython import const

from . import color, huffman, mcus

_STRIP = const(4096)  # bytes of pixels that are passed on at once, or one row


class _Plane:
    """The samples of one component, for the requested columns of one row of MCUs."""

    def __init__(self, index, picture, scale, first, end):  # first and end: the MCU columns
        part = picture.components[index]
        most_across = max(c.horizontal for c in picture.components)
        most_down = max(c.vertical for c in picture.components)
        # Where possible, a larger inverse DCT replaces upsampling, in both directions or not at all.
        self.part = part
        self.size = scale
        while (
            self.size < 8
            and (most_across * scale) % (part.horizontal * self.size * 2) == 0
            and (most_down * scale) % (part.vertical * self.size * 2) == 0
        ):
            self.size *= 2
        self.mcu_width = part.horizontal * self.size
        self.rows = part.vertical * self.size
        across = most_across * scale // self.mcu_width
        down = most_down * scale // self.rows
        self.stride = (end - first) * self.mcu_width
        self.samples = bytearray(self.stride * (self.rows + 1))
        # Rows, and samples of a row, that belong to the picture; the rest is padding.
        width = -(-picture.width // across)
        count = min(width - first * self.mcu_width, self.stride)
        kind = (across == 2) + 2 * (down == 2)
        if scale == 1 or (across == 2 and width <= 2):
            kind = 8 * (across == 2) + 16 * (down == 2)
        self.upsampled = across * count if kind & 11 else 0  # samples of a row
        self.fields = (down, self.rows, self.stride, kind, -(-picture.height // down), count)
        # For each block of an MCU, what mcus.py needs after the tables.
        places = [
            (1 + y * self.size) * self.stride + x * self.size
            for y in range(part.vertical)
            for x in range(part.horizontal)
        ]
        last_dc = huffman.LAST_DC + index
        self.blocks = [(last_dc, index, place, self.mcu_width, self.stride, self.size) for place in places]

    def keep_last_row(self):
        samples = memoryview(self.samples)
        samples[: self.stride] = samples[self.rows * self.stride :]


class Scan:
    """Decodes the only scan of `picture`, whose file is at the first byte of the scan's data."""

    def __init__(self, picture):
        self._picture = picture
        self._file = file = picture.file
        self._state = state = array("i", bytes(4 * mcus.STATE))
        state[huffman.POSITION], state[huffman.END] = file.start, file.stop
        state[mcus.LEAST] = huffman.MOST_BYTES
        self._block = array("h", bytes(256))
        parts = picture.components
        scale = 8 // picture.divisor
        self._mcu_width = scale * max(part.horizontal for part in parts)
        self._mcu_height = scale * max(part.vertical for part in parts)
        self._scale = scale
        self._across = -(-picture.width // self._mcu_width)
        self._until_restart = picture.restart_interval
        self._restarts = 0

    def strips(self, left, top, width, height):
        """Yields the rows of this window; then decodes the rest of the scan, to find any damage."""
        picture = self._picture
        # Includes one more MCU on each side: upsampling uses the neighbouring samples.
        first = max(0, left // self._mcu_width - 1)
        end = min(self._across, (left + width - 1) // self._mcu_width + 2)
        planes = [_Plane(i, picture, self._scale, first, end) for i in range(len(picture.components))]
        self._prepare(planes, first)
        make = self._maker(planes, left - first * self._mcu_width, width)
        done = top  # next row to yield
        bottom = top + height
        for y in range(0, picture.height, self._mcu_height):
            near = y + self._mcu_height + 2 > top and y < bottom + 2
            self._state[mcus.BEYOND] = end if near else first
            self._mcu_row(y)
            ready = min(y + self._mcu_height - 1, bottom)
            if y + self._mcu_height >= picture.height:
                ready = bottom
            while done < ready:
                strip = make(y // self._mcu_height, done, ready - done)
                yield strip
                done += strip[-1]
            for plane in planes:
                plane.keep_last_row()

    def _maker(self, planes, start, width):
        # Returns a function that makes a strip of a row of MCUs: `count` rows of pixels from `y` on.
        luma, cb, cr = planes[0].samples, planes[-2 % len(planes)].samples, planes[-1].samples
        if len(planes) == 1:
            rows, stride = planes[0].rows, planes[0].stride
            return lambda mcu_row, y, count: (luma, (y - mcu_row * rows + 1) * stride + start, stride, count)
        plan, wide = array("i"), 0
        for plane in planes:
            plan.extend(array("i", plane.fields + (wide,)))
            wide += plane.upsampled
        most = max(1, min(self._mcu_height, _STRIP // (3 * width)))
        wide, out = bytearray(wide), bytearray(3 * width * most)
        ycc = 0 if self._picture.is_rgb else 1
        convert = color.rgb_rows

        def rgb(mcu_row, y, count):
            count = min(count, most)
            convert(plan, mcu_row, y, count, start, width, ycc, luma, cb, cr, wide, out)
            return out, 0, 3 * width, count

        return rgb

    def _prepare(self, planes, first):
        # The arguments of decode_mcus: all tables one after the other, and the plan of an MCU.
        tables, places, blocks = b"", {}, []
        for plane in planes:
            part = plane.part
            used = (part.dc, part.ac, part.quantization)
            for table in used:
                if id(table) not in places:
                    places[id(table)] = len(tables)
                    tables += bytes(table)
            offsets = tuple([places[id(table)] for table in used])
            blocks += [offsets + block for block in plane.blocks]
        state = self._state
        state[mcus.BLOCKS] = len(blocks)
        state[mcus.FIRST] = first
        plan = array("i", [word for block in blocks for word in block])
        samples = tuple([plane.samples for plane in (planes[0], planes[-2 % len(planes)], planes[-1])])
        self._arguments = (tables, plan) + samples + (self._block,)

    def _mcu_row(self, y):
        state, interval = self._state, self._picture.restart_interval
        state[mcus.COLUMN] = 0
        while state[mcus.COLUMN] < self._across:
            stop = self._across
            if interval:
                if self._until_restart == 0:
                    self._restart(y)
                    self._until_restart = interval
                stop = min(stop, state[mcus.COLUMN] + self._until_restart)
                self._until_restart -= stop - state[mcus.COLUMN]
            state[mcus.STOP] = stop
            while True:
                result = mcus.decode_mcus(state, self._file.buffer, *self._arguments)
                if result != mcus.HUNGRY:
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
