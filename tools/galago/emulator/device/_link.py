# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportArgumentType=false
"""What stand-in modules ask the emulator, ../link.py: an answer, data, or the exception of the real module.

_link.call("camera_open", 320, 240)
_link.call("tflm_run", 1, data=tensor, into=scores)
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
    """The answer's value. Its data fills the buffer `into`; without one, data comes as (value, data)."""
    global _number
    _number = _number + 1 & 0x3FFFFFFF
    data = memoryview(data)
    header = {"call": name, "arguments": arguments, "size": len(data)}
    _send(0, json.dumps(header).encode())
    for at in range(0, len(data), _CHUNK):
        _send(1, data[at : at + _CHUNK])
    reply = json.loads(bytes(_receive()))
    size = reply["size"]
    given = size and into is None
    if given:
        into = bytearray(size)
    if size:
        _fill(memoryview(into), size)
    if "raise" in reply:
        kind, text = reply["raise"]
        raise getattr(builtins, kind)(text)
    return (reply["value"], into) if given else reply["value"]


def _send(kind, content):
    end = _PREFIX + len(content)
    struct.pack_into("<IBH", _packet, 0, _number, kind, len(content))
    _view[_PREFIX:end] = content
    _socket.write(_view[:end])


def _receive():
    # Packets of a call that was interrupted are passed over.
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
