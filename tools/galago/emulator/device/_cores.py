# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportArgumentType=false
"""Loads a model's native kernels for the board's own processor, which the emulator runs (../cores.py).

The import of kernels.mpy gives a module of functions that call the emulator. All other imports are as usual.
"""

import builtins
import sys

import _host
from uctypes import addressof

_FILE = "kernels"
_import = builtins.__import__


class _Module:
    """What the import of a kernels.mpy gives."""

    def __init__(self, loaded):
        self.LAYERS = loaded["layers"]
        self.code = bytearray(loaded["bytes"])  # takes the heap that the code takes on a board
        for name in loaded["functions"]:
            setattr(self, name, _function(loaded["module"], name))


def _function(module, name):
    def run(block, plan, arena, constants):
        buffers = [addressof(arena), len(arena)], [addressof(constants), len(constants)]
        _host.call("core_call", module, name, addressof(block), *buffers)

    return run


def _import_kernels(name, *rest):
    if name != _FILE:
        return _import(name, *rest)
    with open(sys.path[0] + "/" + _FILE + ".mpy", "rb") as file:
        return _Module(_host.call("core_load", data=file.read()))


builtins.__import__ = _import_kernels
