# SPDX-License-Identifier: MIT
"""Answers calls of the stand-in modules on an emulated board: they ask, this process computes.

    calls = HostCalls({"tflm_invoke": invoke})
    calls.descriptor                         # of the socket for device/_host.py, until release()
    calls.close()

A service is a function(*arguments, data=bytes) that returns a value for JSON, or (value, bytes). An exception
of a service is raised in the board's program: StandInError as the exception it names, another GalagoError as
OSError.

A message is a JSON header followed by its data, in packets. Seven bytes before each packet give the number of
the call, whether it is header or data, and how many of the next CHUNK bytes count. A program that is
interrupted leaves its call half done; a packet with a new number ends it on both sides.
"""

import json
import select
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from galago.emulator import system
from galago.errors import GalagoError

CHUNK = 16384
_HEADER, _DATA = 0, 1
_PREFIX = struct.Struct("<IBH")

Service = Callable[..., Any]


class StandInError(Exception):
    """The exception that the real module would raise: the name of a built-in exception and its text."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class HostCalls:
    """The calls of one run of the interpreter, answered in a separate thread so that Ctrl-C stays quick."""

    def __init__(self, services: Mapping[str, Service]) -> None:
        self._services = services
        self._own_end, self._board_end = system.packet_sockets()
        self.descriptor = self._board_end.fileno()
        threading.Thread(target=self._serve, name="host calls", daemon=True).start()

    def release(self) -> None:
        """Close our copy of the board's end, once the interpreter has inherited it."""
        self._board_end.close()

    def close(self) -> None:
        """End the thread."""
        self._board_end.close()
        with suppress(OSError):  # the thread has ended by itself
            self._own_end.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        with self._own_end:
            number, header, data = -1, {}, bytearray()
            while packet := self._receive():
                call, kind, size = _PREFIX.unpack_from(packet)
                content = packet[_PREFIX.size : _PREFIX.size + size]
                if kind == _HEADER:
                    number, header, data = call, json.loads(content), bytearray()
                elif call == number:
                    data += content
                if call == number and len(data) >= header["size"]:
                    reply = self._call(header["call"], header["arguments"], bytes(data))
                    if not self._answer(number, *reply):
                        return
                    data = bytearray()

    def _receive(self) -> bytes:
        try:
            return self._own_end.recv(_PREFIX.size + CHUNK)
        except OSError:  # the interpreter has ended
            return b""

    def _call(self, name: str, arguments: list, data: bytes) -> tuple[dict, bytes]:
        try:
            if name not in self._services:
                raise StandInError("OSError", f"this board has no {name}")
            result = self._services[name](*arguments, **({"data": data} if data else {}))
        except StandInError as error:
            return {"raise": [error.kind, str(error)]}, b""
        except GalagoError as error:
            return {"raise": ["OSError", error.message]}, b""
        value, content = result if isinstance(result, tuple) else (result, b"")
        return {"value": value}, content

    def _answer(self, number: int, header: dict, data: bytes) -> bool:
        """Send a reply, which a new call cuts short. Returns False if the interpreter has ended."""
        parts = [(_HEADER, json.dumps(header | {"size": len(data)}).encode())]
        parts += [(_DATA, data[start : start + CHUNK]) for start in range(0, len(data), CHUNK)]
        for kind, content in parts:
            # Packets of full size: MicroPython's readinto goes on until its buffer is full.
            packet = _PREFIX.pack(number, kind, len(content)) + content.ljust(CHUNK, b"\0")
            readable, _, _ = select.select([self._own_end], [self._own_end], [])
            if readable:
                return True
            try:
                self._own_end.send(packet)
            except OSError:
                return False
        return True
