# SPDX-License-Identifier: MIT
"""An RP2040 that runs a MicroPython image of the user's own, behind a serial port.

image = Path("RPI_PICO.uf2")
with EmulatedRp2040(image, files=flash.seed(model, identify(image))) as chip:
    subprocess.run(["mpremote", "connect", chip.port, "fs", "ls"])
chip.wear.programmed                    # bytes, once it is switched off

PyPI's rp2040py emulates the chip (extra `chips`), about forty times as slowly as the chip itself. Its time is
the chip's: time.ticks_us() counts cycles of a processor at 125 MHz, without the waits for a cache miss.
"""

import contextlib
import importlib.util
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from galago import boards
from galago.boards import BoardSpec
from galago.emulator import littlefs, system, uf2
from galago.emulator.storage import Storage
from galago.errors import GalagoError
from galago.resources import install_command

_START_TIMEOUT = 60.0  # seconds until the chip has its first cycle; it imports an emulator
_END_TIMEOUT = 10.0  # seconds until it has noticed that it should end
_MCU = "RP2040"
_FLASH = 2 << 20  # bytes: what a Pico has; an image whose board is not known yet may fill it


@dataclass(frozen=True)
class Wear:
    """What the flash of a chip went through between its start and its end, where the file system is."""

    erases: list[int]
    """How often each sector of 4096 bytes was erased."""
    programmed: int
    """Bytes programmed."""
    overwritten: int
    """Bytes programmed although they needed an erase first: their bits did not all change."""
    changes: int
    """Erases and programmed pages, all together."""


class EmulatedRp2040:
    """A context manager with the `port` of the chip, which ends no later than this process."""

    def __init__(
        self,
        image: Path,
        storage: Path | None = None,
        files: Mapping[str, bytes] | None = None,
        journal: Path | None = None,
    ) -> None:
        """`storage` keeps the file system from run to run. If it is new or None, it holds `files` at first.

        `journal` is a file that each change of the file system is appended to (flash_journal.read). Raises
        GalagoError board.emulator if `image` is none for a known board with this chip, config.missing without
        the extra `chips`.
        """
        if importlib.util.find_spec("rp2040py") is None:
            raise GalagoError("config.missing", f"rp2040py is not installed: {install_command('chips')}")
        self._image, self._path, self._files, self._journal = image, storage, files, journal
        self.board = identify(image)
        self.wear: Wear | None = None

    def __enter__(self) -> "EmulatedRp2040":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Switch on. Returns when the chip starts to execute its firmware.

        Raises GalagoError board.storage if the storage cannot be used or the files do not fit, board.emulator
        if the emulator does not start.
        """
        self._storage = Storage(self.board.filesystem, self._path)
        try:
            self._fill()
            self._process = self._launch()
        except BaseException:
            self._storage.close()
            raise
        assert self._process.stdout is not None  # for the type checker
        self._output = self._process.stdout
        try:
            self.port = self._await_port()
        except BaseException:
            self.close()
            raise

    def wait(self) -> None:
        """Block until the chip ends. Raises GalagoError board.emulator with its message if it failed."""
        output = self._output.read()
        if self._process.wait():
            raise GalagoError("board.emulator", f"the emulated {_MCU} ended: {_last_line(output)}")
        self._read_wear(output)

    def close(self) -> None:
        """Switch off; all that was programmed is in the storage."""
        self._process.terminate()
        try:
            output, _ = self._process.communicate(timeout=_END_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            output, _ = self._process.communicate()
        self._read_wear(output or b"")
        self._storage.close()

    def _fill(self) -> None:
        descriptor = self._storage.descriptor
        content = os.pread(descriptor, self.board.filesystem, 0)
        if any(content):
            if self._files is not None:
                raise GalagoError(
                    "board.storage",
                    f"{self._path} holds a file system: flash the model with galago flash --port",
                )
            littlefs.read(content)
        else:
            os.pwrite(descriptor, littlefs.build(self._files or {}, self.board.filesystem), 0)

    def _launch(self) -> subprocess.Popen[bytes]:
        place = self.board.flash - self.board.filesystem, self.board.filesystem
        with contextlib.ExitStack() as files:
            descriptors = [self._storage.descriptor]
            if self._journal:
                descriptors.append(files.enter_context(self._journal.open("ab")).fileno())
            arguments = [str(self._image.absolute()), *map(str, (*place, *descriptors))]
            return subprocess.Popen(
                [sys.executable, "-m", "galago.emulator.rp2040_process", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=descriptors,
                start_new_session=True,  # Ctrl-C in the terminal is not for the chip
                preexec_fn=system.end_with_parent,
            )

    def _await_port(self) -> str:
        stream, output, deadline = self._output.fileno(), b"", time.monotonic() + _START_TIMEOUT
        while not output.endswith(b"\n"):
            ready = select.select([stream], [], [], max(0, deadline - time.monotonic()))[0]
            chunk = os.read(stream, 4096) if ready else b""
            if not chunk:
                break
            output += chunk
        word, _, port = _last_line(output).partition(" ")
        if word != "port":
            raise GalagoError("board.emulator", f"the emulated {_MCU} does not start: {_last_line(output)}")
        return port

    def _read_wear(self, output: bytes) -> None:
        line = _last_line(output)
        if line.startswith("{"):
            self.wear = Wear(**json.loads(line))


def identify(image: Path) -> BoardSpec:
    """The board whose MicroPython an image is: it holds the text of sys.implementation._machine.

    Raises GalagoError board.emulator if it is none for a known board with an RP2040.
    """
    flash = uf2.read(image, _FLASH)
    known = [board for board in boards.all() if board.mcu == _MCU]
    for board in known:
        if f"{board.machine or board.name} with {board.mcu}".encode() in flash:
            return board
    names = " or ".join(board.id for board in known)
    raise GalagoError("board.emulator", f"{image} is not MicroPython for {names}: pass such an image")


def _last_line(output: bytes) -> str:
    return (output.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
