# SPDX-License-Identifier: MIT
"""Serves a studio until Ctrl-C: on this computer alone, unless the phone is asked for.

serve(studio, ServeOptions(port=8765, browser=True), lambda address: print(address))
"""

import asyncio
import signal
import socket
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from galago.errors import GalagoError
from galago.studio.app import create, create_for_phone
from galago.studio.phone import Phone, certificate, local_address
from galago.studio.security import Access, Guard
from galago.studio.studio import Studio

DEFAULT_PORT = 8765


@dataclass(frozen=True)
class ServeOptions:
    """How to serve."""

    port: int | None = None
    """None for the default, or a free one if that is taken."""
    browser: bool = True
    phone: bool = False
    """Whether phones of the local network may add photos and try the model."""
    https: bool = False
    """Whether phones use https, without which their browsers give no live camera."""


def serve(studio: Studio, options: ServeOptions, ready: Callable[[str], None]) -> None:
    """Serves until the process is interrupted; `ready` gets the address to open, with its token.

    Raises studio.port if the port is taken, config.missing for https without cryptography.
    """
    with ExitStack() as stack:
        listener = stack.enter_context(_bound("127.0.0.1", options.port))
        port = listener.getsockname()[1]
        access = Access({f"127.0.0.1:{port}", f"localhost:{port}"}, cookie=f"galago-{port}")
        address = f"http://127.0.0.1:{port}/?token={access.token}"
        config = _config(Guard(create(studio), access))
        servers = [(_Server(config, lambda: _open(address, options, ready)), listener)]
        if options.phone:
            servers.insert(0, _for_phone(studio, options, stack))
        stack.callback(studio.close)
        studio.start()
        asyncio.run(_run(studio, servers))


def _for_phone(studio: Studio, options: ServeOptions, stack: ExitStack) -> "tuple[_Server, socket.socket]":
    """Returns the server of phones, at a free port of all addresses of this computer."""
    place = local_address()
    certificates = certificate(place) if options.https else ()
    listener = stack.enter_context(_bound("0.0.0.0", 0))
    studio.phone = Phone(place, listener.getsockname()[1], "https" if options.https else "http")
    config = _config(Guard(create_for_phone(studio), studio.phone.access), *certificates)
    return _Server(config, lambda: None), listener


class _Server(uvicorn.Server):
    """Says when it answers, and leaves signals to `serve`, which ends several servers at once."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_start = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts to listen."""
        await super().startup(sockets)
        self._on_start()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


def _config(app: Any, certificate: Path | None = None, key: Path | None = None) -> uvicorn.Config:
    # No access log: it would show the token.
    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=2,
        limit_concurrency=100,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )


async def _run(studio: Studio, servers: list[tuple[_Server, socket.socket]]) -> None:
    def end() -> None:
        for server, _ in servers:
            server.should_exit = True
        studio.events.close()  # otherwise the streams would keep the servers waiting

    loop = asyncio.get_running_loop()
    before = {
        number: signal.signal(number, lambda *_: loop.call_soon_threadsafe(end))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        await asyncio.gather(*(server.serve(sockets=[listener]) for server, listener in servers))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _bound(host: str, port: int | None) -> socket.socket:
    """Returns a listening socket: at the port, or at the default one or else any free one."""
    for candidate in (DEFAULT_PORT, 0) if port is None else (port,):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, candidate))
            return listener
        except OSError as error:
            listener.close()
            if candidate == 0 or port is not None:
                raise GalagoError(
                    "studio.port", f"{host}:{candidate}: {error.strerror}: choose another --port"
                ) from None
    raise AssertionError("the loop returns or raises")


def _open(address: str, options: ServeOptions, ready: Callable[[str], None]) -> None:
    ready(address)
    if options.browser:
        webbrowser.open(address)
