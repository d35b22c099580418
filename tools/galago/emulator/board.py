# SPDX-License-Identifier: MIT
"""An emulated board: the real interpreter behind a serial port, configured by a board's TOML.

with EmulatedBoard(boards.load("RPI_PICO2")) as emulated:
    subprocess.run(["mpremote", "connect", emulated.port, "fs", "ls"])
"""

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from galago import micropython
from galago.boards import BoardSpec, Cores
from galago.emulator import system
from galago.emulator.camera import EmulatedCamera
from galago.emulator.card import Card
from galago.emulator.faults import Faults
from galago.emulator.hardware import Hardware
from galago.emulator.k210_chip import K210Chip
from galago.emulator.relay import Relay
from galago.emulator.storage import Storage, Storages
from galago.emulator.terminal import Terminal
from galago.errors import GalagoError

if TYPE_CHECKING:
    from galago.emulator.cores import BoardCore

_START_TIMEOUT = 30.0  # seconds
_HEAPS = range(16 << 10, (1 << 30) + 1)  # bytes in which the interpreter starts, and which a computer has
_FILE_SYSTEMS = range(32 << 10, (4 << 30) + 1)  # bytes that LittleFS can format, and a disk may have


class EmulatedBoard:
    """A context manager: the board is at `port` from start() to close()."""

    def __init__(
        self,
        board: BoardSpec,
        storage: Path | None = None,
        firmware: Sequence[str] | None = None,
        camera: EmulatedCamera | None = None,
        faults: Faults | None = None,
        cores: Cores = "host",
        card: Card | None = None,
    ) -> None:
        """`storage` keeps the file system from run to run; without it the board starts empty.

        If the board has a ROMFS, it is kept beside that file as STORAGE.rom. `firmware` names the groups of
        stand-in modules (hardware.known()); the default is those of the board's usual firmware. `cores` says
        whose machine code a model's native kernels are: this computer's ("host"), or the board's, which runs
        in an instruction-set emulator ("board"). `card` is in the board's slot: machine.SDCard.
        Raises GalagoError board.emulator for an unknown name, for sizes that cannot be emulated, and where
        there is no interpreter;
        native.emulator where the instruction-set emulator is missing.
        """
        for name, size, sizes in (
            ("heap", board.heap, _HEAPS),
            ("file system", board.filesystem, _FILE_SYSTEMS),
        ):
            if size not in sizes:
                raise GalagoError(
                    "board.emulator",
                    f"an emulated board has a {name} of {sizes.start:,} to {sizes.stop - 1:,} bytes, "
                    f"{board.id} has {size:,}: emulate another board, or correct its file",
                )
        if not micropython.available():
            raise GalagoError(
                "board.emulator",
                "the MicroPython of emulated boards has packages for Linux on x86-64 and macOS on ARM64: "
                f"name your own Unix port in {micropython.VARIABLE}, or use a real board (--port)",
            )
        if cores == "board" and not system.LINUX:
            raise GalagoError(
                "board.emulator",
                "--cores board needs Linux, to reach the interpreter's memory: leave it out",
            )
        self.board = board
        self.faults = faults or Faults()
        core = None
        if cores == "board" and "native" in board.kernels:
            from galago.emulator.cores import BoardCore  # needs packages that a base install lacks

            core = BoardCore(board.arch)
        self._hardware = Hardware(board, firmware, camera, core)
        self.camera = self._hardware.camera
        self._path = storage
        self._card = card
        self._ready = threading.Event()
        self._failure: GalagoError | None = None

    def __enter__(self) -> "EmulatedBoard":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Switch on. Returns when boot.py is about to run.

        Raises GalagoError board.storage if the image cannot be used, board.emulator if the board does not
        start.
        """
        with ExitStack() as opened:
            storages = self._open(opened)
            self._opened = opened.pop_all()
        terminal = Terminal()
        self.port = terminal.path
        self._relay = Relay(self.board, storages, self._hardware, self.faults, terminal, self._ready.set)
        # The thread is the interpreter's parent: however it ends, the kernel ends the interpreter with it.
        self._thread = threading.Thread(target=self._run, name=f"emulated {self.board.id}", daemon=True)
        self._thread.start()
        self._await_ready()

    @property
    def pins(self) -> dict[str, int]:
        """Levels (0 or 1) by pin name, of the pins that the board's programs have set."""
        return self._relay.pins

    @property
    def core(self) -> "BoardCore | None":
        """The core that runs native kernels, with `cores="board"`."""
        return self._hardware.core

    @property
    def k210(self) -> K210Chip:
        """The K210 of a Maix board, with its LCD and the kmodels in its flash."""
        return self._hardware.k210

    def wait(self) -> None:
        """Block until another thread switches the board off.

        Raises the GalagoError of a board that failed.
        """
        self._thread.join()
        if self._failure:
            raise self._failure

    def reset(self) -> None:
        """Press the reset button. Returns when boot.py is about to run; a client stays connected."""
        self._ready.clear()
        self._relay.request("reset")
        self._await_ready()

    def unplug(self) -> None:
        """Pull the cable: the port disappears, and a client's next read fails. Call close() afterwards."""
        self._relay.request("stop")
        self._thread.join()

    def close(self) -> None:
        """Switch off. Leaves no process behind, and no image without `storage`."""
        self.unplug()
        self._opened.close()

    def _open(self, opened: ExitStack) -> Storages:
        """Open the images; `opened` closes them."""
        flash, rom = Storage(self.board.filesystem, self._path), None
        opened.callback(flash.close)
        if self.board.romfs:
            path = self._path.with_name(self._path.name + ".rom") if self._path else None
            rom = Storage(self.board.romfs, path)
            opened.callback(rom.close)
        if self._card:
            self._card.open()
            opened.callback(self._card.close)
        return Storages(flash, rom, self._card)

    def _run(self) -> None:
        try:
            self._relay.run()
        except GalagoError as error:
            self._failure = error
        finally:
            self._ready.set()

    def _await_ready(self) -> None:
        if not self._ready.wait(_START_TIMEOUT) or not (self._failure or self._thread.is_alive()):
            self._failure = GalagoError("board.emulator", f"{self.board.id} did not become ready")
        if self._failure:
            self.close()
            raise self._failure
