# SPDX-License-Identifier: MIT
"""Outputs show results in addition to the serial line. Each is a file named by its key in galago.json, with

open(value)           raises ImportError if the firmware lacks a module, ValueError for an invalid value
    .show(result)     shows a Result
    .close()
"""

from ..errors import GalagoError

NAMES = ("led", "display")


def open(name, value):  # noqa: A001 (read as outputs.open)
    """Opens the output `name` with its value in galago.json.

    Raises GalagoError config.invalid if this board cannot use it.
    """
    try:
        return __import__("mobilenet.outputs." + name, None, None, ("open",)).open(value)
    except (ImportError, ValueError, TypeError, OSError) as error:
        raise GalagoError(
            "config.invalid", "'%s' %s cannot be used on this board (%s): change it" % (name, value, error)
        )
