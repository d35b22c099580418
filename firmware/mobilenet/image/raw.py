# SPDX-License-Identifier: MIT
"""Raw RGB888 pictures (*.rgb, *.raw): no header, just height * width * 3 bytes of the size of the input."""

from ..errors import GalagoError
from .picture import Picture


class RawPicture(Picture):
    """A file of exactly the bytes of the input. Raises GalagoError image.truncated or image.size."""

    def __init__(self, file, height, width):
        super().__init__(file, "raw RGB888", width, height)
        size = height * width * 3
        file.need("raw RGB888", size)
        if file.size > size:
            message = "{}: raw RGB888 of {}x{} pixels has {:,} bytes, this file {:,}: resize it to the input"
            raise GalagoError("image.size", message.format(file.name, width, height, size, file.size))
