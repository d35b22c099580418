# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportArgumentType=false
"""Calls from stand-in modules to the emulator's process (../host_calls.py).

_host.call("camera_open", 320, 240)
_host.call("tflm_run", 1, data=tensor, into=scores)
"""

import builtins
import json
import struct

from micropython import const

_CHUNK = const(16384)
_PREFIX = const(7)

_socket = None  # set by _startup.py
_number = 0
_packet = bytearray(_PREFIX + _CHUNK)
_view = memoryview(_packet)


def call(name, *arguments, data=b"", into=None):
    """Returns the reply's value, or raises the exception that the real module would raise.

    Data of the reply fills the buffer `into`; without `into` the result is (value, data).
    """
    global _number
    _number = _number + 1 & 0x3FFFFFFF
    data = memoryview(data)
    header = {"call": name, "arguments": arguments, "size": len(data)}
    _send(0, json.dumps(header).encode())
    for at in range(0, len(data), _CHUNK):
        _send(1, data[at : at + _CHUNK])
    reply = json.loads(bytes(_receive()))
    size = reply["size"]
    returns_data = size and into is None
    if returns_data:
        into = bytearray(size)
    if size:
        _fill(memoryview(into), size)
    if "raise" in reply:
        kind, text = reply["raise"]
        raise getattr(builtins, kind)(text)
    return (reply["value"], into) if returns_data else reply["value"]


def _send(kind, content):
    end = _PREFIX + len(content)
    struct.pack_into("<IBH", _packet, 0, _number, kind, len(content))
    _view[_PREFIX:end] = content
    _socket.write(_view[:end])


def _receive():
    # Packets of a call that was interrupted are skipped.
    while True:
        if not _socket.readinto(_packet):
            raise OSError("the emulator has ended")
        number, _, count = struct.unpack_from("<IBH", _packet)
        if number == _number:
            return _view[_PREFIX : _PREFIX + count]


def _fill(into, size):
    at = 0
    while at < size:
        content = _receive()
        into[at : at + len(content)] = content
        at += len(content)
