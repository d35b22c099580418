# SPDX-License-Identifier: MIT
"""Picture sources: where galago.json says that pictures come from.

    source = sources.open(settings)
    for result in source.results(classifier, top, idle):    # one Result per picture
        ...
    source.close()

`idle` is called repeatedly while the board waits for the host.

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


def open(settings):  # noqa: A001 (read as sources.open)
    """Opens the configured source. Raises GalagoError config.invalid or camera.* if it cannot be used."""
    return _SOURCES[settings["source"]](settings)


class _Files:
    def __init__(self, settings):
        self._folder = settings["folder"].rstrip("/")
        self._loop = settings["loop"]
        self._names()

    def _names(self):
        try:
            return sorted(os.listdir(self._folder or "/"))
        except OSError:
            raise GalagoError(
                "config.invalid",
                "no folder %s: create it, or change 'folder' in galago.json" % self._folder,
            )

    def results(self, classifier, top, idle):
        while True:
            names = self._names()
            for name in names:
                for result in classifier.classify(self._folder + "/" + name, top=top):
                    yield result
            if not self._loop or not names:
                return

    def close(self):
        pass


class _Camera:
    def __init__(self, settings):
        from . import camera

        self._eye = camera.open(settings["camera"])

    def results(self, classifier, top, idle):
        return classifier.watch(self._eye, top=top)

    def close(self):
        self._eye.close()


class _Host:
    """A camera whose frames arrive over the serial line."""

    def __init__(self, settings):
        try:
            import select
        except ImportError:
            raise GalagoError(
                "config.invalid", "this firmware cannot receive pictures from the host: use files or camera"
            )
        self.image = ""
        self._idle = None
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)

    def results(self, classifier, top, idle):
        self._idle = idle
        for result in classifier.watch(self, top=top):
            result.image = self.image
            yield result

    def close(self):
        pass

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


_SOURCES = {"files": _Files, "camera": _Camera, "host": _Host}
