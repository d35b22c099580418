# SPDX-License-Identifier: MIT
"""Reads raw RGB888 pictures (*.rgb, *.raw): height x width x 3 bytes without header, of the input's size."""

from ..errors import GalagoError
from .picture import Picture


class RawPicture(Picture):
    """A file with exactly as many bytes as the input. Raises GalagoError image.truncated or image.size."""

    def __init__(self, file, height, width):
        super().__init__(file, "raw RGB888", width, height)
        size = height * width * 3
        file.need("raw RGB888", size)
        if file.size > size:
            message = "{}: raw RGB888 of {}x{} pixels has {:,} bytes, this file {:,}: resize it to the input"
            raise GalagoError("image.size", message.format(file.name, width, height, size, file.size))
