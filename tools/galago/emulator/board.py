# SPDX-License-Identifier: MIT
"""An emulated board: the real interpreter behind a serial port, shaped by a board's TOML.

with EmulatedBoard(boards.load("RPI_PICO2")) as emulated:
    subprocess.run(["mpremote", "connect", emulated.port, "fs", "ls"])
"""

import threading
from collections.abc import Sequence
from pathlib import Path

from galago.boards import BoardSpec
from galago.emulator.camera import Camera
from galago.emulator.faults import Faults
from galago.emulator.hardware import Hardware
from galago.emulator.k210 import K210
from galago.emulator.relay import Relay
from galago.emulator.storage import Storage
from galago.emulator.terminal import Terminal
from galago.errors import GalagoError

_PATIENCE = 30.0  # seconds until a start counts as failed


class EmulatedBoard:
    """A board at `port`, from entering the context (or start()) until leaving it (or close())."""

    def __init__(
        self,
        board: BoardSpec,
        storage: Path | None = None,
        firmware: Sequence[str] | None = None,
        camera: Camera | None = None,
        faults: Faults | None = None,
    ) -> None:
        """`storage` keeps the file system from run to run; without it the board starts empty.

        A ROMFS, where the board has one, is kept beside it as STORAGE.rom. `firmware` names the stand-in
        modules that it has (hardware.known), by default those of its usual one.
        Raises GalagoError board.emulator for one that is not known.
        """
        self.board = board
        self.faults = faults or Faults()
        self._hardware = Hardware(board, firmware, camera)
        self.camera = self._hardware.camera
        self._path = storage
        self._ready = threading.Event()
        self._failure: GalagoError | None = None

    def __enter__(self) -> "EmulatedBoard":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Switch on. Returns when boot.py is about to run.

        Raises GalagoError board.storage for an image that cannot be used, board.emulator if nothing starts.
        """
        self._storage = Storage(self.board.filesystem, self._path)
        rom = self._path.with_name(self._path.name + ".rom") if self._path else None
        self._rom = Storage(self.board.romfs, rom) if self.board.romfs else None
        terminal = Terminal()
        self.port = terminal.path
        storages = self._storage, self._rom
        self._relay = Relay(self.board, storages, self._hardware, self.faults, terminal, self._ready.set)
        # The thread is the interpreter's parent: however it ends, the kernel ends the interpreter with it.
        self._thread = threading.Thread(target=self._run, name=f"emulated {self.board.id}", daemon=True)
        self._thread.start()
        self._await_ready()

    @property
    def pins(self) -> dict[str, int]:
        """The levels of the pins that the board's programs have set, by name."""
        return self._relay.pins

    @property
    def k210(self) -> K210:
        """The K210 of a Maix board: its LCD and what is in its flash."""
        return self._hardware.k210

    def wait(self) -> None:
        """Until the board is switched off by another thread, or fails."""
        self._thread.join()
        if self._failure:
            raise self._failure

    def reset(self) -> None:
        """Press the reset button. Returns when boot.py is about to run; a client stays connected."""
        self._ready.clear()
        self._relay.ask("reset")
        self._await_ready()

    def unplug(self) -> None:
        """Pull the cable: the port is gone, and whoever has it open learns so. Close the board afterwards."""
        self._relay.ask("stop")
        self._thread.join()

    def close(self) -> None:
        """Switch off; leaves no process behind, and no image unless it was given a path."""
        self.unplug()
        self._storage.close()
        if self._rom:
            self._rom.close()

    def _run(self) -> None:
        try:
            self._relay.run()
        except GalagoError as error:
            self._failure = error
        finally:
            self._ready.set()

    def _await_ready(self) -> None:
        if not self._ready.wait(_PATIENCE) or not (self._failure or self._thread.is_alive()):
            self._failure = GalagoError("board.emulator", f"{self.board.id} did not become ready")
        if self._failure:
            self.close()
            raise self._failure
