# SPDX-License-Identifier: MIT
"""Opens a picture file with the decoder for its format, which the first bytes of the file identify.

    with open_picture("cat.jpg") as picture:
        for row in picture.rows(0, 0, picture.width, picture.height):
            ...

A raw RGB888 file (*.rgb, *.raw) has no header: its size must match the model's input exactly. A decoder is
imported when the first picture needs it.
"""

import gc

from ..errors import GalagoError
from .picture import PictureFile

# Formats that the board only recognizes; the host converts them.
_OTHERS = (
    (b"\x89PNG", "PNG"),
    (b"GIF8", "GIF"),
    (b"RIFF", "WebP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"\0\0\1\0", "ICO"),
    (b"8BPS", "PSD"),
    (b"\0\0\0\x0cjP", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
)

_decoders = {}  # those imported so far


def open_picture(path, height=0, width=0, file=None):
    """Opens a picture file as a `Picture`. `height` and `width`, of the model's input, are for raw files.

    `file` is the PictureFile of an earlier picture, which is closed: its memory is used again. Raises
    GalagoError image.missing, .empty, .format, .unsupported, .size, .truncated or .corrupt.
    """
    file = file or PictureFile()
    file.open(path)
    opened = False
    try:
        picture = _decoder(file)(file, height, width)
        opened = True
        return picture
    finally:
        if not opened:
            file.close()


def _decoder(file):
    """Returns what makes the Picture of a file."""
    kind = _kind(file)
    if kind not in _decoders:
        gc.collect()  # compiling a decoder on the board needs a large block of heap
        _decoders[kind] = _imported(kind, file)
    return _decoders[kind]


def _kind(file):
    if file.name.endswith((".rgb", ".raw")):
        return "raw"
    file.fill(8)
    magic = bytes(file.buffer[file.start : min(file.start + 8, file.stop)])
    if magic.startswith(b"\xff\xd8"):
        return "jpeg"
    if magic.startswith(b"BM"):
        return "bmp"
    if magic[:1] == b"P" and magic[1:2] in b"1234567" and (magic[2:3].isspace() or magic[2:3] == b"#"):
        return "ppm"
    for start, kind in _OTHERS:
        if magic.startswith(start):
            raise file.unsupported(kind)
    message = "{}: starts with {!r}, not a known picture format: send JPEG, BMP, PPM or PGM"
    raise GalagoError("image.format", message.format(file.name, magic))


def _imported(kind, file):
    if kind == "raw":
        from .raw import RawPicture

        return RawPicture
    if kind == "jpeg":
        try:
            from .jpeg import open_jpeg
        except ImportError:  # left out of the files of a board with little room
            raise file.unsupported("JPEG")
        return open_jpeg
    if kind == "bmp":
        from .bmp import BmpPicture

        return BmpPicture
    from .ppm import PpmPicture

    return PpmPicture
