# SPDX-License-Identifier: MIT
"""Answers the stand-in modules of an emulated board: they ask, this process computes.

    link = Link({"tflm_invoke": invoke})
    link.descriptor                          # of the socket for device/_link.py, until release()
    link.close()

A service is a function(*arguments, data=bytes) that gives a value for JSON, or (value, bytes). What it
raises, the board's program gets: StandInError as the exception that it names, another GalagoError as OSError.

A message is a header (JSON) and its data, in packets: seven bytes say to which call one belongs, which of the
two it is and how many of the next CHUNK bytes count. A program that is interrupted leaves its call half done:
a new number ends it, on both sides.
"""

import json
import select
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from galago.errors import GalagoError

CHUNK = 16384
_HEADER, _DATA = 0, 1
_PREFIX = struct.Struct("<IBH")

Service = Callable[..., Any]


class StandInError(Exception):
    """What the real module would raise: the name of a built-in exception and its text."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Link:
    """One run of the interpreter; works in a thread of its own, so that Ctrl-C stays as quick as it is."""

    def __init__(self, services: Mapping[str, Service]) -> None:
        self._services = services
        self._here, self._there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.descriptor = self._there.fileno()
        threading.Thread(target=self._serve, name="link", daemon=True).start()

    def release(self) -> None:
        """The interpreter has its end: close ours of it."""
        self._there.close()

    def close(self) -> None:
        """Ends the thread."""
        self._there.close()
        with suppress(OSError):  # the thread has ended by itself
            self._here.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        with self._here:
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
            return self._here.recv(_PREFIX.size + CHUNK)
        except OSError:  # the interpreter has ended
            return b""

    def _call(self, name: str, arguments: list, data: bytes) -> tuple[dict, bytes]:
        try:
            if name not in self._services:
                raise StandInError("OSError", f"this board has no {name}")
            given = self._services[name](*arguments, **({"data": data} if data else {}))
        except StandInError as error:
            return {"raise": [error.kind, str(error)]}, b""
        except GalagoError as error:
            return {"raise": ["OSError", error.message]}, b""
        value, content = given if isinstance(given, tuple) else (given, b"")
        return {"value": value}, content

    def _answer(self, number: int, header: dict, data: bytes) -> bool:
        """Sends a reply; another call that comes meanwhile ends it. False: the interpreter has ended."""
        parts = [(_HEADER, json.dumps(header | {"size": len(data)}).encode())]
        parts += [(_DATA, data[start : start + CHUNK]) for start in range(0, len(data), CHUNK)]
        for kind, content in parts:
            # Whole packets: MicroPython's readinto goes on until its buffer is full.
            packet = _PREFIX.pack(number, kind, len(content)) + content.ljust(CHUNK, b"\0")
            readable, _, _ = select.select([self._here], [self._here], [])
            if readable:
                return True
            try:
                self._here.send(packet)
            except OSError:
                return False
        return True
