# SPDX-License-Identifier: MIT
"""The small form of the package `mobilenet`, for a board with little room: one model, planned on the host.

from mobilenet import Classifier
net = Classifier("/models/flowers-nano-48")

Its modules, the machine code and the plan of the model are in one compressed archive beside this file, which
is checked by its CRC-32 and then mounted, so that `import` finds them there.
"""

import gc
import json
import sys
from binascii import crc32

import vfs
from deflate import RAW, DeflateIO

_PLACE = "/mobilenet"

# Until loading.py ends: garbage between what stays would leave holes that are too small for the rest.
gc.threshold(512)


class _Archive:
    """A read-only file system of files, most of them deflated; the first line says where each begins."""

    def __init__(self, path):
        self._path = path
        crc = 0
        with open(path, "rb") as file:
            head = json.loads(file.readline())
            self._files, self._start = head["files"], file.tell()
            self.arena = bytearray(head["arena"])  # first, while there is so much in one piece
            block = file.read(256)
            while block:
                crc = crc32(block, crc)
                block = file.read(256)
        if crc != head["crc32"]:
            raise ValueError("CRC-32")

    def mount(self, readonly, mkfs):
        pass

    def umount(self):
        pass

    def stat(self, path):
        mode = 0x8000
        if path[1:] not in self._files:
            mode = 0x4000
            if not any(name.startswith(path[1:] + "/") for name in self._files):
                raise OSError(2)
        return (mode,) + (0,) * 9

    def open(self, path, mode):
        file = open(self._path, "rb")  # noqa: SIM115
        position, window = self._files[path[1:]]
        file.seek(self._start + position)
        return DeflateIO(file, RAW, window, True) if window else file  # the reader of a .mpy knows its end


try:
    vfs.umount(_PLACE)  # where the package was imported before
except OSError:
    pass
try:
    _archive = _Archive(__file__.rsplit("/", 1)[0] + "/small.pack")
    vfs.mount(_archive, _PLACE)
except (OSError, ValueError, KeyError) as error:
    raise ImportError("the device package is damaged (%s)" % error) from None
__path__ = _PLACE


def once(name):
    """Imports a module of the archive, and forgets it, so that its memory is free once it is not used."""
    package = sys.modules["mobilenet"]
    module = __import__("mobilenet." + name, None, None, ("*",))
    del sys.modules["mobilenet." + name]
    if hasattr(package, name):
        delattr(package, name)
    return module


arena = _archive.arena
functions, plan, pieces, calls = once("parts").load()


def __getattr__(name):
    if name.startswith("_"):
        raise AttributeError(name)
    module = "mobilenet." + ("core" if name in ("Classifier", "GalagoError", "report") else name)
    module = __import__(module, None, None, ("*",))
    return getattr(module, name) if name in ("Classifier", "GalagoError") else module
