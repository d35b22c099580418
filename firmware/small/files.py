# SPDX-License-Identifier: MIT
"""Pictures from a folder of the board, as in mobilenet/sources.py."""

import os

from .core import GalagoError


def pictures(net, settings):
    """Yields one Result per file, sorted by name, once or in a loop. Raises GalagoError config.invalid."""
    folder = settings["folder"].rstrip("/")
    while True:
        try:
            names = sorted(os.listdir(folder or "/"))
        except OSError:
            text = "no folder %s: create it, or change 'folder' in galago.json"
            raise GalagoError("config.invalid", text % folder) from None
        for name in names:
            for result in net.classify(folder + "/" + name, top=settings["top"]):
                yield result
        if not names or not settings["loop"]:
            return
