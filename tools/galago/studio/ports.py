# SPDX-License-Identifier: MIT
"""The boards that are plugged in, and an emulated one that is always there.

    ports = Ports(events, work)
    ports.rows()                            # what a page shows
    ports.device("port-1f3a9c", None)       # "/dev/ttyACM0"
    ports.device("emulated", "RPI_PICO2")   # starts it

A request names a port by the id in this list, never by a path.
"""

import hashlib
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from serial.tools import list_ports

from galago import boards, micropython
from galago.errors import GalagoError
from galago.studio.events import Events

EMULATED = "emulated"
_INTERVAL = 1.5  # seconds between two looks at the ports
_Found = dict[str, tuple[str, str]]
"""Device and name by id."""


class Ports:
    """The list of ports. `busy` says which job uses one."""

    def __init__(self, events: Events, work: Path) -> None:
        self._events, self._folder = events, work / "emulated"
        self._lock = threading.Lock()
        self._found: _Found = _found()
        self._about: dict[str, dict[str, Any]] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ports", daemon=True)
        self._process: subprocess.Popen[str] | None = None
        self._emulated = boards.DEFAULT, ""

    @property
    def can_emulate(self) -> bool:
        """Whether emulated boards run on this computer."""
        return micropython.available()

    def begin(self) -> None:
        """Starts to watch."""
        self._thread.start()

    def close(self) -> None:
        """Ends the watching, and the emulated board."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5)
        with self._lock:
            self._end()

    def rows(self) -> list[dict[str, Any]]:
        """Returns what a page shows of each port, the emulated board last."""
        with self._lock:
            rows = [{"port": key, "name": name, "emulated": False} for key, (_, name) in self._found.items()]
            if self.can_emulate:
                board = boards.load(self._emulated[0])
                rows.append({"port": EMULATED, "name": f"emulated {board.name}", "emulated": True})
            empty = {"board": None, "model": None, "micropython": None}
            rows = [{**row, **empty, **self._about.get(row["port"], {})} for row in rows]
            for row in rows:
                if row["emulated"]:
                    row["board"] = self._emulated[0]
            return rows

    def learn(self, port: str, **about: Any) -> None:
        """Keeps what a job has found out about the board at a port."""
        with self._lock:
            self._about.setdefault(port, {}).update({k: v for k, v in about.items() if v is not None})
        self._events.publish("ports")

    def device(self, port: str, board: str | None = None, pictures: Path | None = None) -> str:
        """Returns the device of a port; starts the emulated board, with `pictures` for its camera.

        Raises port.missing for a port that is not in the list, board.* if the board does not start.
        """
        if port == EMULATED and self.can_emulate:
            return self._start(board or self._emulated[0], pictures)
        with self._lock:
            if port not in self._found:
                raise GalagoError("port.missing", "the board is not plugged in any more: plug it in again")
            return self._found[port][0]

    def _start(self, board: str, pictures: Path | None) -> str:
        if board not in {each.id for each in boards.all()}:
            raise GalagoError("board.unknown", f"no board {board!r:.40}: choose one of the list")
        with self._lock:
            if self._process and self._process.poll() is None and self._emulated[0] == board:
                return self._emulated[1]
            self._end()
            self._folder.mkdir(parents=True, exist_ok=True)
            argv = [sys.executable, "-m", "galago.studio.emulated", board, str(self._folder / f"{board}.img")]
            if pictures:
                argv.append(str(pictures))
            self._process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", start_new_session=True
            )
            assert self._process.stdout  # for the type checker
            kind, _, text = self._process.stdout.readline().strip().partition(" ")
            if kind != "port":
                code, _, message = text.partition(" ")
                self._end()
                raise GalagoError(code or "board.emulator", message or "the emulated board did not start")
            self._emulated = board, text
            self._about.pop(EMULATED, None)
        self._events.publish("ports")
        return text

    def _end(self) -> None:
        if self._process and self._process.stdin:
            self._process.stdin.close()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            if self._process.stdout:
                self._process.stdout.close()
        self._process = None

    def _watch(self) -> None:
        while not self._stopping.wait(_INTERVAL):
            found = _found()
            with self._lock:
                changed = found != self._found
                for gone in set(self._found) - set(found):
                    self._about.pop(gone, None)
                self._found = found
            if changed:
                self._events.publish("ports")


def _found() -> _Found:
    """Returns the serial ports that are on USB, as mpremote lists them."""
    found = {}
    for port in sorted(list_ports.comports()):
        if port.vid is not None and port.pid is not None:
            mark = hashlib.sha256(f"{port.device} {port.serial_number}".encode()).hexdigest()[:8]
            name = " ".join(each for each in (port.manufacturer, port.product) if each)
            found[f"port-{mark}"] = port.device, f"{name or port.description} at {port.device}"
    return found
