# SPDX-License-Identifier: MIT
"""Pictures that `galago monitor --send` sends over the serial line: the protocol of mobilenet/sources.py."""

import json
import sys
from binascii import a2b_base64

from .core import GalagoError

_ACKNOWLEDGE = "\x06"


def pictures(net, settings):
    """Yields one Result per picture, without end."""
    while True:
        line = _line()
        if line.startswith("{"):  # the remaining rows of a picture that failed are skipped
            try:
                header = json.loads(line)
                name = str(header["image"])
            except (ValueError, KeyError, TypeError):
                name, header = "?", {}
            yield net.answer(name, _receive, header, settings["top"])


def _line():
    try:
        return sys.stdin.readline().strip()
    except MemoryError:  # of a line without end, which is none of the host's
        return ""


def _receive(header, tensor):
    size = header.get("width"), header.get("height")
    if not all(isinstance(side, int) and side > 0 for side in size) or 3 * size[0] * size[1] != len(tensor):
        raise GalagoError("image.size", "the picture has not the size of the model's input: update galago")
    sys.stdout.write(_ACKNOWLEDGE)
    wide = 3 * size[0]
    for at in range(0, len(tensor), wide):
        try:
            row = a2b_base64(_line())
        except ValueError:
            row = b""
        if len(row) != wide:
            raise GalagoError("image.corrupt", "a row has %d bytes, not %d: send it again" % (len(row), wide))
        tensor[at : at + wide] = row
        sys.stdout.write(_ACKNOWLEDGE)
