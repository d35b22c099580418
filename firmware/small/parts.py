# SPDX-License-Identifier: MIT
"""What stays in the heap in large pieces: it is loaded before any other module, which would leave holes.

    functions, plan, pieces, calls = load()

The file `tables` of the archive holds the size of each table, then the records of all layers (record.toml),
position and size of each piece of the weights, and the calls. Nothing of it is checked here: the archive was,
by its CRC-32.
"""

import sys
from array import array

_SIZES = {"i": 4, "H": 2, "B": 1}


def load():
    """Returns the machine code's functions, and the tables."""
    functions = _functions()  # first: what inflates them leaves room for the rest
    with open("/mobilenet/tables", "rb") as file:
        words, pieces, calls, kind = _items(file, "i", 4)
        plan, pieces = _items(file, "i", words), _items(file, "i", pieces)
        return functions, plan, pieces, _items(file, chr(kind), calls)


def _functions():
    """Returns the machine code, and forgets the module that it came in."""
    import mobilenet.kernels

    module = mobilenet.kernels
    del sys.modules["mobilenet.kernels"], mobilenet.kernels
    return [getattr(module, "k%d" % number) for number in range(module.COUNT)]


def _items(file, kind, count):
    items = array(kind, bytes(count * _SIZES[kind]))  # a list would take four bytes per item
    file.readinto(items)
    return items
