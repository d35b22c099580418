# SPDX-License-Identifier: MIT
"""Picture sources: yields the results of the source that galago.json selects.

    for result in sources.results(settings, classifier, idle):
        ...

files    the files in `folder`, sorted by name, once or in a `loop`
camera   frames of the board's camera (mobilenet.camera)
host     pictures that `galago monitor --send` sends over the serial line

The host sends lines of text, so that Ctrl-C works at any time: a JSON object with `image`, `width` and
`height`, then one line per row with its RGB pixels in base64. The board acknowledges each line with byte 6.
"""

import os
import sys

from .errors import GalagoError

_ACKNOWLEDGE = "\x06"
_TICK = 200  # milliseconds between calls of `idle` while no data arrives


def results(settings, classifier, idle):
    """Yields one Result per picture. `idle` is called repeatedly while the board waits for the host.

    Raises GalagoError config.invalid or camera.* if the source cannot be used.
    """
    return _SOURCES[settings["source"]](settings, classifier, idle)


def _files(settings, classifier, idle):
    folder = settings["folder"].rstrip("/")
    while True:
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            raise GalagoError(
                "config.invalid", "no folder %s: create it, or change 'folder' in galago.json" % folder
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
    """A camera whose frames arrive over the serial line."""

    def __init__(self, idle):
        try:
            import select
        except ImportError:
            raise GalagoError(
                "config.invalid", "this firmware cannot receive pictures from the host: use files or camera"
            )
        self.image = ""
        self._idle = idle
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)

    def capture(self, resizer, tensor):
        """Waits for a picture and resizes it into the tensor."""
        import time
        from binascii import a2b_base64

        from .image.picture import RGB

        width, height = self._header()
        start = time.ticks_us()
        resizer.begin(width, height, tensor, RGB)
        resizer.us_resize = 0
        sys.stdout.write(_ACKNOWLEDGE)
        for number in range(height):
            try:
                row = a2b_base64(self._line())
            except ValueError:
                row = b""
            if len(row) != 3 * width:
                raise GalagoError(
                    "image.corrupt",
                    "%s: row %d of %d has %d bytes, expected %d: send it again"
                    % (self.image, number, height, len(row), 3 * width),
                )
            resizer.push(row)
            sys.stdout.write(_ACKNOWLEDGE)
        resizer.us_read = time.ticks_diff(time.ticks_us(), start)

    def _header(self):
        import json

        while True:  # skips the remaining rows of a picture that failed
            line = self._line()
            if line.startswith("{"):
                break
        try:
            header = json.loads(line)
            self.image, width, height = str(header["image"]), header["width"], header["height"]
        except (ValueError, KeyError, TypeError):
            self.image = "?"
            raise GalagoError("image.corrupt", "the host sent an invalid picture header: send it again")
        if not (
            isinstance(width, int) and isinstance(height, int) and 0 < width <= 1024 and 0 < height <= 1024
        ):
            raise GalagoError(
                "image.size", "%s: a side must have 1 to 1024 pixels: send a smaller picture" % self.image
            )
        return width, height

    def _line(self):
        while not self._poll.poll(_TICK):
            self._idle()
        return sys.stdin.readline().strip()


_SOURCES = {"files": _files, "camera": _camera, "host": _host}
