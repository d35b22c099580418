# SPDX-License-Identifier: MIT
"""Where results show beside the serial line. An output is one file, named by its key in galago.json, with

open(value)       ImportError where the firmware lacks its module, ValueError for what it cannot be
    .show(result)     a Result
    .close()
"""

from ..errors import GalagoError

NAMES = ("led", "display")


def open(name, value):  # noqa: A001 (read as outputs.open)
    """The output of a key in galago.json. Raises GalagoError config.invalid if the board has none such."""
    try:
        return __import__("mobilenet.outputs." + name, None, None, ("open",)).open(value)
    except (ImportError, ValueError, TypeError, OSError) as error:
        raise GalagoError(
            "config.invalid", "'%s' %s cannot be used on this board (%s): change it" % (name, value, error)
        )
