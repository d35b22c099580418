# SPDX-License-Identifier: MIT
"""Decodes the scan of a baseline JPEG: rows of blocks in, rows of pixels out.

A row of MCUs (ITU-T T.81, A.2) is decoded into one plane of samples per component, only as wide as the
requested columns. Upsampling in height needs the sample rows above and below: each plane keeps the last row
of the previous MCU row as its row 0, and the last row of pixels waits for the next MCU row.
"""

from array import array

from . import huffman, idct
from .color import interleave, upsample


class _Plane:
    """The samples of one component, for the requested columns of one row of MCUs."""

    def __init__(self, index, picture, scale, first, end):  # first and end: the MCU columns
        part = picture.components[index]
        most_across = max(c.horizontal for c in picture.components)
        most_down = max(c.vertical for c in picture.components)
        # Where possible, a larger inverse DCT replaces upsampling, in both directions or not at all.
        self.size = scale
        while (
            self.size < 8
            and (most_across * scale) % (part.horizontal * self.size * 2) == 0
            and (most_down * scale) % (part.vertical * self.size * 2) == 0
        ):
            self.size *= 2
        self.part = part
        self.last_dc = huffman.LAST_DC + index
        self.mcu_width = part.horizontal * self.size
        self.rows = part.vertical * self.size
        across = most_across * scale // self.mcu_width
        down = most_down * scale // self.rows
        self.stride = (end - first) * self.mcu_width
        self.samples = bytearray(self.stride * (self.rows + 1))
        # Rows, and samples of a row, that belong to the picture; the rest is padding.
        width = -(-picture.width // across)
        self.height = -(-picture.height // down)
        self.count = min(width - first * self.mcu_width, self.stride)
        self.kind = (across == 2) + 2 * (down == 2)
        if scale == 1 or (across == 2 and width <= 2):
            self.kind = 8 * (across == 2) + 16 * (down == 2)
        self.down = down
        self.wide = bytearray(across * self.count) if self.kind & 11 else None
        self.store = {8: idct.idct_8, 4: idct.idct_4, 2: idct.idct_2, 1: None}[self.size]
        # Index of the first sample of each block.
        self.places = []
        for y in range(part.vertical):
            for x in range(part.horizontal):
                self.places.append((1 + y * self.size) * self.stride + x * self.size)

    def row(self, y, first):
        """Returns the samples of pixel row `y`, upsampled if necessary, and their index; row 1 is `first`."""
        near = y // self.down
        at = (near - first + 1) * self.stride
        if not self.kind & 11:
            return self.samples, at
        far, kind = at, self.kind
        if kind & 2:
            below = y & 1
            other = min(max(0, near + 2 * below - 1), self.height - 1)
            far = (other - first + 1) * self.stride
            kind |= 4 * below
        upsample(self.samples, at, far, self.count, kind, self.wide)
        return self.wide, 0

    def keep_last_row(self):
        samples = memoryview(self.samples)
        samples[: self.stride] = samples[self.rows * self.stride :]


class Scan:
    """Decodes the only scan of `picture`, whose file is at the first byte of the scan's data."""

    def __init__(self, picture):
        self._picture = picture
        self._file = file = picture.file
        self._state = array("i", [0, 0, file.start, file.stop, 0, 0, 0, 0])
        self._block = array("h", bytes(128))
        parts = picture.components
        scale = 8 // picture.divisor
        self._mcu_width = scale * max(part.horizontal for part in parts)
        self._mcu_height = scale * max(part.vertical for part in parts)
        self._scale = scale
        self._across = -(-picture.width // self._mcu_width)
        self._until_restart = picture.restart_interval
        self._restarts = 0
        self._least = huffman.MOST_BYTES  # bytes that the buffer must hold before a block

    def rows(self, left, top, width, height):
        """Yields each row of this window; then decodes the rest of the scan, to find any damage."""
        picture = self._picture
        # Includes one more MCU on each side: upsampling uses the neighbouring samples.
        first = max(0, left // self._mcu_width - 1)
        end = min(self._across, (left + width - 1) // self._mcu_width + 2)
        planes = [_Plane(i, picture, self._scale, first, end) for i in range(len(picture.components))]
        start = left - first * self._mcu_width
        row = memoryview(bytearray(width * picture.layout[0]))
        done = top  # next row to yield
        bottom = top + height
        for y in range(0, picture.height, self._mcu_height):
            near = y + self._mcu_height + 2 > top and y < bottom + 2
            self._mcu_row(planes, first, end if near else first, y)
            ready = min(y + self._mcu_height - 1, bottom)
            if y + self._mcu_height >= picture.height:
                ready = bottom
            while done < ready:
                self._row(planes, done, y // self._mcu_height, start, width, row)
                yield row
                done += 1
            for plane in planes:
                plane.keep_last_row()

    def _row(self, planes, y, mcu_row, start, width, out):
        sources = [plane.row(y, mcu_row * plane.rows) for plane in planes]
        if len(sources) == 1:
            samples, at = sources[0]
            out[:] = memoryview(samples)[at + start : at + start + width]
            return
        (luma, a), (cb, b), (cr, c) = sources
        ycc = 0 if self._picture.is_rgb else 1
        interleave(luma, a + start, cb, b + start, cr, c + start, out, width, ycc)

    def _mcu_row(self, planes, first, end, y):
        state, block, file = self._state, self._block, self._file
        decode = huffman.decode_block
        for column in range(self._across):
            if self._picture.restart_interval:
                self._count_restart(y)
            inside = first <= column < end
            for plane in planes:
                part = plane.part
                for place in plane.places:
                    if state[huffman.END] - state[huffman.POSITION] < self._least:
                        self._refill()
                    last = decode(
                        state, file.buffer, part.dc, part.ac, part.quantization, block, plane.last_dc
                    )
                    if last < 0:
                        self._fail(last, y)
                    if inside:
                        at = place + (column - first) * plane.mcu_width
                        if last == 0 or plane.store is None:
                            idct.fill(block, plane.samples, at, plane.stride, plane.size)
                        else:
                            plane.store(block, plane.samples, at, plane.stride)

    def _count_restart(self, y):
        if self._until_restart == 0:
            self._restart(y)
            self._until_restart = self._picture.restart_interval
        self._until_restart -= 1

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
        for i in range(len(state)):
            state[i] = 0
        state[huffman.POSITION], state[huffman.END] = file.start, file.stop

    def _refill(self):
        state, file = self._state, self._file
        file.start = state[huffman.POSITION]
        file.fill(huffman.MOST_BYTES)
        state[huffman.POSITION], state[huffman.END] = file.start, file.stop
        if file.stop - file.start < huffman.MOST_BYTES:
            self._least = 0  # the end of the file

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
