# SPDX-License-Identifier: MIT
"""JSON files that may hold anything: read within bounds, and shown within a line."""

import json

from .errors import GalagoError


def load(path):
    """What the file holds.

    Raises OSError if it cannot be read, ValueError if it is not JSON, GalagoError memory.heap if it is too
    large or nested too deeply for the board.
    """
    try:
        with open(path) as file:
            return json.load(file)
    except (MemoryError, RuntimeError):
        raise GalagoError(
            "memory.heap", "%s is too large or nested too deeply: flash it again" % path
        ) from None


def shown(value):
    """A value for a message: short, on one line, and without recursion."""
    if value is None or isinstance(value, (bool, int, float, str)):
        text = json.dumps(value)
        return text if len(text) <= 40 else text[:37] + "..."
    return "a list" if isinstance(value, list) else "an object"
