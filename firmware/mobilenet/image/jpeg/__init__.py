# SPDX-License-Identifier: MIT
"""Decodes baseline JPEG (ITU-T T.81), one row of blocks at a time, at 1/1, 1/2, 1/4 or 1/8 of its size.

It supports 8 bits, Huffman coding and one interleaved scan; grey, YCbCr or RGB with sampling factors 1 and 2.
The arithmetic is libjpeg's (slow integer IDCT, "fancy" upsampling), so that the bytes equal Pillow's. This
module reads and validates the segments before the scan; scan.py decodes the pixels.
"""

from array import array
from struct import unpack

from micropython import const

from ...errors import GalagoError
from ..picture import GREY, Picture
from . import exif
from .huffman import build_table
from .scan import Scan

_LARGEST_SEGMENT = const(4096)  # bytes; all 8 Huffman tables together take 2184

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


class Component:
    """A colour component as described by the frame header and the scan header."""

    def __init__(self, identifier, sampling, quantization):
        self.identifier = identifier
        self.horizontal = sampling >> 4
        self.vertical = sampling & 15
        self.quantization = quantization  # at first the number of the table, later the table
        self.dc = self.ac = None


class JpegPicture(Picture):
    """A baseline JPEG. Raises GalagoError image.unsupported, .corrupt, .size or .truncated."""

    reducible = True

    def __init__(self, file, height, width):
        self.file = file
        self.divisor = 1
        self.restart_interval = 0
        self.components = None
        self._quantization = [None] * 4
        self._huffman = [None] * 8  # four DC tables, four AC tables
        self._jfif = False
        self._adobe = None
        file.take(2)
        marker = 0
        while marker != 0xDA:
            marker = self._marker()
            self._segment(marker)

    def reduce(self, divisor):
        """Makes `strips` decode at 1/divisor (1, 2, 4 or 8) of the size: a pixel is the mean of a square."""
        self.width = -(-self.width // divisor)
        self.height = -(-self.height // divisor)
        self.divisor = divisor

    def strips(self, left, top, width, height):
        """Yields the rows of this window, as a Picture does; decodes all data, to find any damage."""
        return Scan(self).strips(left, top, width, height)

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

    def _marker(self):
        byte = self.file.take(1)
        if byte and byte != b"\xff":
            raise self.corrupt("has no marker")
        while byte == b"\xff":
            byte = self.file.take(1)
        if not byte or byte == b"\xd9":
            raise self.truncated("inside its header")
        return byte[0]

    def _segment(self, marker):
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:  # markers without content
            return
        (size,) = unpack(">H", self._take(2))
        size -= 2
        known = marker in (0xC0, 0xC1, 0xC4, 0xDA, 0xDB)
        if size < 0 or (known and size > _LARGEST_SEGMENT):
            raise self.corrupt("has a segment of {:,} bytes".format(size + 2))
        if marker in (0xC0, 0xC1):
            self._frame(self._take(size))
        elif marker in _SOF_NAMES:
            raise self.file.unsupported("{} JPEG".format(_SOF_NAMES[marker]))
        elif marker == 0xC4:
            self._huffman_tables(self._take(size))
        elif marker == 0xDB:
            self._quantization_tables(self._take(size))
        elif marker == 0xDD and size == 2:
            (self.restart_interval,) = unpack(">H", self._take(2))
        elif marker == 0xDA:
            self._scan(self._take(size))
        elif marker == 0xE0 and size >= 5:
            self._jfif = self._take(5) == b"JFIF\0" or self._jfif
            self.file.skip(size - 5)
        elif marker == 0xEE and size >= 12:
            content = self._take(12)
            if content[:5] == b"Adobe":
                self._adobe = content[11]
            self.file.skip(size - 12)
        elif marker == 0xE1:
            self.file.fill(min(size, _LARGEST_SEGMENT))
            start = self.file.start
            content = memoryview(self.file.buffer)[start : min(start + size, self.file.stop)]
            self.orientation = exif.orientation(content) or self.orientation
            self.file.skip(size)
        else:
            self.file.skip(size)

    def _take(self, count):
        taken = self.file.take(count)
        if len(taken) < count:
            raise self.truncated("inside its header")
        return taken

    def _frame(self, content):
        if self.components or len(content) < 6 or len(content) != 6 + 3 * content[5]:
            raise self.corrupt("has an invalid frame header")
        bits, height, width, count = unpack(">BHHB", content[:6])
        if bits != 8:
            raise self.file.unsupported("JPEG with {} bits per sample".format(bits))
        if count not in (1, 3):
            kind = "CMYK JPEG" if count == 4 else "JPEG with {} components".format(count)
            raise self.file.unsupported(kind)
        super().__init__(self.file, "JPEG", width, height)
        self.full_height = height
        self.components = [Component(*content[6 + 3 * i : 9 + 3 * i]) for i in range(count)]
        for part in self.components:
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
            factors = unpack(">64H" if wide else "64B", content[at + 1 : end])
            self._quantization[number] = array("H", factors)
            at = end

    def _huffman_tables(self, content):
        at = 0
        while at < len(content):
            kind, number = content[at] >> 4, content[at] & 15
            counts = content[at + 1 : at + 17]
            end = at + 17 + sum(counts)
            table = None
            if kind <= 1 and number <= 3 and end <= len(content):
                table = build_table(counts, content[at + 17 : end], 255 if kind else 15)
            if table is None:
                raise self.corrupt("has an invalid Huffman table")
            self._huffman[4 * kind + number] = table
            at = end

    def _scan(self, content):
        if not self.components:
            raise self.corrupt("has no frame header before its scan")
        count = content[0] if content else 0
        if len(content) != 4 + 2 * count:
            raise self.corrupt("has an invalid scan header")
        if count != len(self.components):
            raise self.file.unsupported("JPEG with several scans")
        for i, part in enumerate(self.components):
            tables = content[2 + 2 * i]
            if content[1 + 2 * i] != part.identifier or tables & 0xCC:
                raise self.corrupt("has an invalid scan header")
            part.dc = self._huffman[tables >> 4]
            part.ac = self._huffman[4 + (tables & 15)]
            part.quantization = self._quantization[part.quantization]
            if part.dc is None or part.ac is None or part.quantization is None:
                raise self.corrupt("lacks a table that its scan uses")

    @property
    def is_rgb(self):
        """Whether three components are RGB rather than YCbCr, by libjpeg's rules."""
        if self._jfif:
            return False
        if self._adobe is not None:
            return self._adobe == 0
        return [part.identifier for part in self.components] == [82, 71, 66]  # the letters
