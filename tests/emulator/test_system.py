# SPDX-License-Identifier: MIT
"""An emulated board with the ways of macOS in place of Linux's own calls; both exist on Linux."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from instruments import Console, interpreters, wait_for

from galago import boards
from galago.emulator import EmulatedBoard, system
from galago.errors import GalagoError

_LINUX_ALONE = ("pidfd_open", "pipe2", "posix_fallocate", "waitid")
_OWNER = """
import time
from galago import boards
from galago.emulator import EmulatedBoard, system
system.LINUX = False
board = EmulatedBoard(boards.load("RPI_PICO"))
board.start()
print("started", flush=True)
time.sleep(1000)
"""


@pytest.fixture(autouse=True)
def macos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "LINUX", False)
    for name in _LINUX_ALONE:
        monkeypatch.delattr(os, name)


@pytest.fixture
def line() -> Iterator[Console]:
    """The terminal of a board whose firmware has a camera, a stand-in that asks this process."""
    spec = boards.load("OPENMV4")
    with EmulatedBoard(spec, firmware=["openmv"]) as board, Console(board.port) as console:
        yield console


def test_programs_bytes_interrupts_and_resets(line: Console) -> None:
    line.friendly()
    line.type(b"print('x' * 9000)")
    assert b"x" * 9000 in line.expect(b">>> ")
    line.type(b"import sys; _ = sys.stdout.buffer.write(b'a\\nb\\x03')")
    line.expect(b"a\nb\x03>>> ")
    line.raw()
    line.write(b"print('st' + 'art')\nwhile True: pass\x04")
    line.expect(b"start")
    line.write(b"\x03")
    line.expect(b"KeyboardInterrupt: ")
    line.friendly()
    line.type(b"import csi; camera = csi.CSI(); camera.reset(); camera.pixformat(csi.RGB565)")
    line.expect(b">>> ")
    line.type(b"camera.framesize(csi.QVGA); len(camera.snapshot().bytearray())")
    line.expect(b"153600\r\n>>> ")
    line.write(b"\x04")  # Ctrl-D
    line.expect(b"soft reboot")
    line.expect(b">>> ")


def test_the_interpreter_ends_with_an_owner_that_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _OWNER], stdout=subprocess.PIPE) as owner:
        assert owner.stdout
        assert owner.stdout.readline() == b"started\n"
        (interpreter,) = interpreters(owner.pid)
        owner.send_signal(signal.SIGKILL)
    wait_for(lambda: not Path(f"/proc/{interpreter}").exists(), "the end of the interpreter")


def test_the_boards_own_core_needs_linux() -> None:
    with pytest.raises(GalagoError, match="needs Linux"):
        EmulatedBoard(boards.load("RPI_PICO"), cores="board")
