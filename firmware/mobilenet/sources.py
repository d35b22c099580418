# SPDX-License-Identifier: MIT
"""Where pictures come from: the results of a source, one by one, as galago.json says.

    for result in sources.results(settings, classifier, idle):
        ...

files    those in `folder` in the order of their names, once or in a `loop`
camera   frames of the board's camera (mobilenet.camera)
host     pictures that the host sends over the serial line, fitted to the model's input: `monitor --send`

What the host sends is lines of text, so that Ctrl-C works at any moment: a JSON object with `image`, `width`,
`height`, then a row of RGB pixels in base64 on each line. The board answers each with the byte 6.
"""

import os
import sys

from .errors import GalagoError

_TAKEN = "\x06"
_TICK = 200  # milliseconds between calls of `idle` while nothing arrives


def results(settings, classifier, idle):
    """Gives one Result per picture. `idle` is called again and again while there is none.

    Raises GalagoError config.invalid or camera.* where the source cannot be used.
    """
    return _SOURCES[settings["source"]](settings, classifier, idle)


def _files(settings, classifier, idle):
    folder = settings["folder"].rstrip("/")
    while True:
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            raise GalagoError(
                "config.invalid", "no folder %s: make it, or change 'folder' in galago.json" % folder
            )
        for name in names:
            for result in classifier.classify(folder + "/" + name, top=settings["top"]):
                yield result
        if not settings["loop"] or not names:
            return


def _camera(settings, classifier, idle):
    from . import camera

    eye = camera.open(settings["camera"])
    try:
        for result in classifier.watch(eye, top=settings["top"]):
            yield result
    finally:
        eye.close()


def _host(settings, classifier, idle):
    host = _Host(idle)
    for result in classifier.watch(host, top=settings["top"]):
        result.image = host.image
        yield result


class _Host:
    """A camera whose frames come over the serial line."""

    def __init__(self, idle):
        try:
            import select
        except ImportError:
            raise GalagoError(
                "config.invalid", "this firmware cannot take pictures from the host: use files or camera"
            )
        self.image = ""
        self._idle = idle
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)

    def capture(self, resizer, tensor):
        """Waits for a picture, and fits it into the tensor."""
        import time
        from binascii import a2b_base64

        from .image.resize import RGB

        width, height = self._header()
        start = time.ticks_us()
        resizer.begin(width, height, tensor, RGB)
        resizer.us_resize = 0
        sys.stdout.write(_TAKEN)
        for number in range(height):
            try:
                row = a2b_base64(self._line())
            except ValueError:
                row = b""
            if len(row) != 3 * width:
                raise GalagoError(
                    "image.corrupt",
                    "%s: row %d of %d has %d of %d bytes: send it again"
                    % (self.image, number, height, len(row), 3 * width),
                )
            resizer.push(row)
            sys.stdout.write(_TAKEN)
        resizer.us_read = time.ticks_diff(time.ticks_us(), start)

    def _header(self):
        import json

        while True:  # rows of a picture that was given up come first
            line = self._line()
            if line.startswith("{"):
                break
        try:
            header = json.loads(line)
            self.image, width, height = str(header["image"]), header["width"], header["height"]
        except (ValueError, KeyError, TypeError):
            self.image = "?"
            raise GalagoError("image.corrupt", "the host's line is no picture's: send it again")
        if not (
            isinstance(width, int) and isinstance(height, int) and 0 < width <= 1024 and 0 < height <= 1024
        ):
            raise GalagoError(
                "image.size", "%s: wanted 1 to 1024 pixels on a side: send it smaller" % self.image
            )
        return width, height

    def _line(self):
        while not self._poll.poll(_TICK):
            self._idle()
        return sys.stdin.readline().strip()


_SOURCES = {"files": _files, "camera": _camera, "host": _host}
