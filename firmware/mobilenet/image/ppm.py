# SPDX-License-Identifier: MIT
"""Reads PPM (P6) and PGM (P5) pictures with 8 bits per sample."""

from ..errors import GalagoError
from .picture import GREY, Picture


class PpmPicture(Picture):
    """A binary PPM or PGM. Raises GalagoError image.unsupported, .corrupt, .size or .truncated."""

    def __init__(self, file, height, width):
        magic = file.take(2)
        if magic not in (b"P5", b"P6"):
            kind = {b"P1": "text PBM", b"P2": "text PGM", b"P3": "text PPM", b"P4": "PBM", b"P7": "PAM"}[
                magic
            ]
            raise file.unsupported(kind)
        kind = "PGM" if magic == b"P5" else "PPM"
        width, height, largest = _number(file), _number(file), _number(file)
        super().__init__(file, kind, width, height)
        if largest != 255:
            raise file.unsupported("{} with values up to {:,}".format(kind, largest))
        if kind == "PGM":
            self.layout = GREY
        file.need(kind, file.position + width * height * self.layout[0])


def _number(file):
    # Reads white space, comments (# to the end of the line), a decimal number, and the byte that follows it.
    digits = b""
    while True:
        byte = file.take(1)
        if byte == b"#":
            while byte not in (b"\n", b"\r", b""):
                byte = file.take(1)
        if byte.isdigit() and len(digits) < 6:
            digits += byte
        elif byte.isspace() and digits:
            return int(digits)
        elif not byte.isspace():
            message = "{}: its header has no number at byte {:,}: convert it again"
            raise GalagoError("image.corrupt", message.format(file.name, file.position))
