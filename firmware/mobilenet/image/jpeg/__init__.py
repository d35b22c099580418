# SPDX-License-Identifier: MIT
"""Decodes baseline JPEG (ITU-T T.81), one row of blocks at a time, at 1/1, 1/2, 1/4 or 1/8 of its size.

It supports 8 bits, Huffman coding and one interleaved scan; grey, YCbCr or RGB with sampling factors 1 and 2.
The arithmetic is libjpeg's (slow integer IDCT, "fancy" upsampling), so that the bytes equal Pillow's. This
module reads and validates the segments before the scan; scan.py decodes the pixels.
"""

from micropython import const

from ...errors import GalagoError
from ..picture import GREY, RGB, Picture
from . import exif
from .huffman import LARGEST_TABLE, build_table, copy_factors
from .scan import Scan

_LARGEST_SEGMENT = const(4096)  # bytes; all 8 Huffman tables together take 2184
_FACTORS = const(512)  # bytes of four quantization tables; Huffman tables follow, as they are defined
_USUAL = const(4)  # Huffman tables: two for luma, two for chroma
_USUAL_MARKERS = b"\xc0\xc4\xda\xdb\xdd\xe0\xe1"  # with content

_SOF_NAMES = {
    0xC2: "progressive",
    0xC3: "lossless",
    0xC5: "hierarchical",
    0xC6: "hierarchical progressive",
    0xC7: "hierarchical lossless",
    0xC9: "arithmetic-coded",
    0xCA: "arithmetic-coded progressive",
    0xCB: "arithmetic-coded lossless",
    0xCD: "arithmetic-coded hierarchical",
    0xCE: "arithmetic-coded hierarchical",
    0xCF: "arithmetic-coded hierarchical",
    0xF7: "JPEG-LS",
}


def open_jpeg(file, height=0, width=0):
    """Reads the header of the JPEG that a PictureFile has opened, into the memory of its last JPEG.

    Returns a JpegPicture. Raises GalagoError image.unsupported, .corrupt, .size or .truncated.
    """
    if file.decoder is None:
        file.decoder = JpegPicture(file)
    file.decoder.read_header()
    return file.decoder


class Component:
    """A colour component as described by the frame header and the scan header."""

    identifier = horizontal = vertical = 0
    quantization = 0  # the number of the table
    dc = ac = factors = 0  # where its tables begin in `tables`


class JpegPicture(Picture):
    """A baseline JPEG. It serves for all JPEGs of a PictureFile, one after the other."""

    reducible = True

    def __init__(self, file):
        self.file = file
        self.tables = bytearray(_FACTORS + _USUAL * LARGEST_TABLE)
        self._huffman = bytearray(8)  # four DC and four AC tables: which one of `tables`, or 0
        self._parts = [Component() for _ in range(3)]
        self._scan = Scan(self)

    def read_header(self):
        """Reads the segments up to the scan."""
        self.divisor = self.orientation = 1
        self.layout = RGB
        self.restart_interval = 0
        self.components = None
        self._defined = 0  # bits: quantization tables
        self._used = 0  # Huffman tables
        for i in range(8):
            self._huffman[i] = 0
        self._jfif = False
        self._adobe = None
        self.file.skip(2)
        marker = 0
        while marker != 0xDA:
            marker, size = self._next()
            self._segment(marker, size)

    def reduce(self, divisor):
        """Makes `strips` decode at 1/divisor (1, 2, 4 or 8) of the size: a pixel is the mean of a square."""
        self.width = -(-self.width // divisor)
        self.height = -(-self.height // divisor)
        self.divisor = divisor

    def strips(self, left, top, width, height):
        """Yields the rows of this window, as a Picture does; decodes all data, to find any damage."""
        return self._scan.strips(left, top, width, height)

    def corrupt(self, what):
        """Returns the error for an inconsistent file."""
        message = "{}: JPEG {} at byte {:,} of {:,}: save it again"
        return GalagoError(
            "image.corrupt", message.format(self.file.name, what, self.file.position, self.file.size)
        )

    def truncated(self, where):
        """Returns the error for a file that ends too early."""
        read, size = self.file.position, self.file.size
        of = " of {:,}".format(size) if read < size else ""
        message = "{}: JPEG ends after {:,}{} bytes, {}: copy it again"
        return GalagoError("image.truncated", message.format(self.file.name, read, of, where))

    def _next(self):
        # Returns the next marker and the size of its content. Usually they are the next four bytes.
        file = self.file
        file.fill(4)
        at, data = file.start, file.buffer
        if at + 4 <= file.stop and data[at] == 0xFF and data[at + 1] in _USUAL_MARKERS:
            file.start = at + 4
            return data[at + 1], (data[at + 2] << 8 | data[at + 3]) - 2
        marker = self._marker()
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:  # they have no content
            return marker, 0
        return marker, self._number() - 2

    def _marker(self):
        byte = self.file.byte()
        if byte >= 0 and byte != 0xFF:
            raise self.corrupt("has no marker")
        while byte == 0xFF:
            byte = self.file.byte()
        if byte < 0 or byte == 0xD9:
            raise self.truncated("inside its header")
        return byte

    def _segment(self, marker, size):
        known = marker in (0xC0, 0xC1, 0xC4, 0xDA, 0xDB)
        if size < 0 or (known and size > _LARGEST_SEGMENT):
            raise self.corrupt("has a segment of {:,} bytes".format(size + 2))
        if marker in (0xC0, 0xC1):
            self._frame(self._content(size))
        elif marker in _SOF_NAMES:
            raise self.file.unsupported("{} JPEG".format(_SOF_NAMES[marker]))
        elif marker == 0xC4:
            self._huffman_tables(self._content(size))
        elif marker == 0xDB:
            self._quantization_tables(self._content(size))
        elif marker == 0xDD and size == 2:
            self.restart_interval = self._number()
        elif marker == 0xDA:
            self._components(self._content(size))
        elif marker == 0xE0 and size >= 5:
            self._jfif = bytes(self._content(5)) == b"JFIF\0" or self._jfif
            self.file.skip(size - 5)
        elif marker == 0xEE and size >= 12:
            content = bytes(self._content(12))
            if content[:5] == b"Adobe":
                self._adobe = content[11]
            self.file.skip(size - 12)
        elif marker == 0xE1:
            self.file.fill(min(size, _LARGEST_SEGMENT))
            start = self.file.start
            content = self.file.view[start : min(start + size, self.file.stop)]
            self.orientation = exif.orientation(content) or self.orientation
            self.file.skip(size)
        else:
            self.file.skip(size)

    def _content(self, count):
        # The next bytes, where they are in the file's buffer: valid until more are read.
        file = self.file
        if file.stop - file.start < count:
            file.fill(count)
        start = file.start
        file.start = min(start + count, file.stop)
        if file.start < start + count:
            raise self.truncated("inside its header")
        return file.view[start : start + count]

    def _number(self):
        upper, lower = self.file.byte(), self.file.byte()
        if lower < 0:
            raise self.truncated("inside its header")
        return upper << 8 | lower

    def _frame(self, content):
        if self.components or len(content) < 6 or len(content) != 6 + 3 * content[5]:
            raise self.corrupt("has an invalid frame header")
        if content[0] != 8:
            raise self.file.unsupported("JPEG with {} bits per sample".format(content[0]))
        count = content[5]
        if count not in (1, 3):
            kind = "CMYK JPEG" if count == 4 else "JPEG with {} components".format(count)
            raise self.file.unsupported(kind)
        height = content[1] << 8 | content[2]
        super().__init__(self.file, "JPEG", content[3] << 8 | content[4], height)
        self.full_height = height
        self.components = self._parts if count == 3 else self._parts[:1]
        at = 6
        for part in self.components:
            part.identifier = content[at]
            part.horizontal, part.vertical = content[at + 1] >> 4, content[at + 1] & 15
            part.quantization = content[at + 2]
            at += 3
            if not (1 <= part.horizontal <= 4 and 1 <= part.vertical <= 4 and part.quantization < 4):
                raise self.corrupt("has an invalid component")
            if count == 1:  # the sampling factors of a single component have no effect
                part.horizontal = part.vertical = 1
                self.layout = GREY
            if part.horizontal > 2 or part.vertical > 2:
                raise self.file.unsupported("JPEG with a sampling factor above 2")

    def _quantization_tables(self, content):
        at = 0
        while at < len(content):
            wide, number = content[at] >> 4, content[at] & 15
            end = at + 65 + 64 * wide
            if wide > 1 or number > 3 or end > len(content):
                raise self.corrupt("has an invalid quantization table")
            copy_factors(content[at + 1 : end], wide, memoryview(self.tables)[128 * number :])
            self._defined |= 1 << number
            at = end

    def _huffman_tables(self, content):
        at = 0
        while at < len(content):
            kind, number = content[at] >> 4, content[at] & 15
            used = 0
            if kind <= 1 and number <= 3:
                table = self._table(4 * kind + number)
                used = build_table(content[at + 1 : at + 17], content[at + 17 :], kind, table)
            if not used:
                raise self.corrupt("has an invalid Huffman table")
            at += 17 + used

    def _table(self, index):
        # Where a Huffman table is to be written.
        if not self._huffman[index]:
            self._used += 1
            self._huffman[index] = self._used
        start = self._place(index)
        if start + LARGEST_TABLE > len(self.tables):
            self.tables = self.tables + bytearray(LARGEST_TABLE)
        return memoryview(self.tables)[start : start + LARGEST_TABLE]

    def _place(self, index):
        return _FACTORS + (self._huffman[index] - 1) * LARGEST_TABLE

    def _components(self, content):
        if not self.components:
            raise self.corrupt("has no frame header before its scan")
        count = content[0] if content else 0
        if len(content) != 4 + 2 * count:
            raise self.corrupt("has an invalid scan header")
        if count != len(self.components):
            raise self.file.unsupported("JPEG with several scans")
        at = 1
        for part in self.components:
            dc, ac = content[at + 1] >> 4, 4 + (content[at + 1] & 15)
            if content[at] != part.identifier or content[at + 1] & 0xCC:
                raise self.corrupt("has an invalid scan header")
            at += 2
            if not (self._huffman[dc] and self._huffman[ac] and self._defined >> part.quantization & 1):
                raise self.corrupt("lacks a table that its scan uses")
            part.dc, part.ac = self._place(dc), self._place(ac)
            part.factors = 128 * part.quantization

    @property
    def is_rgb(self):
        """Whether three components are RGB rather than YCbCr, by libjpeg's rules."""
        if self._jfif or len(self.components) == 1:
            return False
        if self._adobe is not None:
            return self._adobe == 0
        red, green, blue = self.components
        return red.identifier == 82 and green.identifier == 71 and blue.identifier == 66  # the letters
