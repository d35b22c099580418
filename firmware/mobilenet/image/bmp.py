# SPDX-License-Identifier: MIT
"""Reads uncompressed BMP pictures with 24 or 32 bits per pixel, bottom-up or top-down."""

from struct import unpack_from

from ..errors import GalagoError
from .picture import BGR, BGRX, Picture

_COMPRESSIONS = ("", "RLE8", "RLE4", "bit fields", "JPEG", "PNG", "bit fields")


class BmpPicture(Picture):
    """A BMP with a BITMAPINFOHEADER or later.

    Raises GalagoError image.unsupported, .corrupt, .size or .truncated.
    """

    def __init__(self, file, height, width):
        header = file.take(54)
        file.need("BMP", 54)
        pixels, size, width, height, _, bits, compression = unpack_from("<IIiiHHI", header, 10)
        if size < 40:
            raise file.unsupported("OS/2 BMP")
        if compression:
            name = (
                _COMPRESSIONS[compression]
                if compression < len(_COMPRESSIONS)
                else "method {}".format(compression)
            )
            raise file.unsupported("BMP with {}".format(name))
        if bits not in (24, 32):
            raise file.unsupported("BMP with {} bits per pixel".format(bits))
        super().__init__(file, "BMP", width, abs(height))
        self.bottom_up = height > 0
        self.layout = BGR if bits == 24 else BGRX
        used = width * self.layout[0]
        self.padding = -used % 4
        if pixels < 14 + size:
            message = "{}: its pixels start at byte {:,}, inside its header: save it again"
            raise GalagoError("image.corrupt", message.format(file.name, pixels))
        # The last row may lack its padding.
        file.need("BMP", pixels + (used + self.padding) * self.height - self.padding)
        file.skip(pixels - len(header))
