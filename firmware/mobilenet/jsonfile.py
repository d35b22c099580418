# SPDX-License-Identifier: MIT
"""Reads JSON files that may be damaged, and formats their values for one-line messages."""

import json

from .errors import GalagoError


def load(path):
    """Returns the parsed content of a file.

    Raises OSError if it cannot be read, ValueError if it is not valid JSON, GalagoError memory.heap if it is
    too large or too deeply nested for the board.
    """
    try:
        with open(path) as file:
            return json.load(file)
    except (MemoryError, RuntimeError):
        raise GalagoError(
            "memory.heap", "%s is too large or nested too deeply: flash it again" % path
        ) from None


def shown(value):
    """Formats a value for a message: short, on one line, without recursion."""
    if value is None or isinstance(value, (bool, int, float, str)):
        text = json.dumps(value)
        return text if len(text) <= 40 else text[:37] + "..."
    return "a list" if isinstance(value, list) else "an object"
