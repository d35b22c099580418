# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportArgumentType=false
"""Loads machine code for the board's own processor, which the emulator runs (../cores.py).

The imports of kernels.mpy and picture.mpy give modules of functions that call the emulator. All other imports
are as usual.
"""

import builtins
import sys

import _host
from uctypes import addressof

_FILE = "kernels"
_SMALL = "mobilenet.kernels"  # of the small form of the device package, in its archive
_PICTURE = "mobilenet.picture"
_import = builtins.__import__


class _Module:
    """What the import of a kernels.mpy gives."""

    def __init__(self, loaded):
        if loaded["layers"]:
            self.LAYERS = loaded["layers"]
        self.COUNT = len(loaded["functions"])
        self.code = bytearray(loaded["bytes"])  # takes the heap that the code takes on a board
        for name in loaded["functions"]:
            make = _schedule if name == "schedule" else _function
            setattr(self, name, make(loaded["module"], name))
        addresses = {name: id(getattr(self, name)) for name in loaded["functions"]}
        _host.call("core_functions", loaded["module"], addresses)


def _schedule(module, name):
    def run(*buffers):
        return _host.call("core_schedule", module, *[_argument(memoryview(buffer)) for buffer in buffers])

    return run


def _function(module, name):
    def run(block, plan, arena, constants):
        buffers = [addressof(arena), len(arena)], [addressof(constants), len(constants)]
        _host.call("core_call", module, name, addressof(block), *buffers)

    return run


class _Pictures:
    """What the import of picture.mpy gives."""

    def __init__(self, loaded):
        self.code = bytearray(loaded["bytes"])
        for name in loaded["functions"]:
            setattr(self, name, _picture_function(name))


def _picture_function(name):
    def run(*arguments):
        return _host.call("core_picture_call", name, [_argument(argument) for argument in arguments])

    return run


def _argument(value):
    if isinstance(value, int):
        return value
    return [addressof(value), len(value) * len(bytes(value[:1]))]  # items, times the bytes of one


def _import_code(name, *rest):
    if name == _PICTURE:
        with open("/lib/mobilenet/picture.mpy", "rb") as file:
            return _Pictures(_host.call("core_picture_load", data=file.read()))
    if name == _SMALL:
        package = sys.modules["mobilenet"]
        with open("/mobilenet/kernels.mpy", "rb") as file:
            package.kernels = sys.modules[name] = _Module(_host.call("core_load", data=file.read()))
        return package
    if name != _FILE:
        return _import(name, *rest)
    with open(sys.path[0] + "/" + _FILE + ".mpy", "rb") as file:
        return _Module(_host.call("core_load", data=file.read()))


builtins.__import__ = _import_code
