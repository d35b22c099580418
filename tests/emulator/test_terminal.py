# SPDX-License-Identifier: MIT
"""The serial port of an emulated board, with clients that come and go."""

import os
import termios
from collections.abc import Iterator

import pytest

from galago.emulator.terminal import Terminal


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


def test_a_client_that_comes_while_the_last_one_is_seen_off_is_heard(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush, clients = termios.tcflush, []

    def next_client_first(port: int, queue: int) -> None:
        client = os.open(terminal.path, os.O_RDWR | os.O_NOCTTY)
        clients.append(client)
        os.write(client, b"\r\x03\x02")
        flush(port, queue)

    monkeypatch.setattr(termios, "tcflush", next_client_first)
    client = os.open(terminal.path, os.O_RDWR | os.O_NOCTTY)
    terminal.read()
    terminal.write(b"old output")
    os.close(client)
    assert terminal.read() == b""
    assert terminal.read() == b"\r\x03\x02"
    terminal.write(b"new")
    assert os.read(clients[0], 100) == b"new"
    os.close(clients[0])
