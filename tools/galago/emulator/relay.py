# SPDX-License-Identifier: MIT
"""Connects port and interpreter: what a board does below Python.

It passes bytes both ways. Ctrl-C interrupts, Ctrl-D and sys.exit() are soft resets, machine.reset() and the
button are hard resets, and after a crash the board starts again.
"""

import select
import signal
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from galago.boards import BoardSpec
from galago.emulator.faults import Faults
from galago.emulator.hardware import Hardware
from galago.emulator.process import Process
from galago.emulator.storage import Storages
from galago.emulator.terminal import Terminal
from galago.errors import GalagoError

_CTRL_C = b"\x03"
_TO_RAW_REPL = b"\r\x03\x01"  # end the line, discard it, Ctrl-A
_RAW, _FRIENDLY = b"raw REPL; CTRL-B to exit\r\n", b'Type "help()" for more information.\r\n'
_LONGEST_BANNER = max(len(_RAW), len(_FRIENDLY))
_INBOX = 64 * 1024  # bytes kept for a program that does not read; more has to wait in the client
_INBOX_TIMEOUT = 5.0  # seconds without a byte read until a full inbox is dropped, as in a UART's buffer
_TICK = 20  # milliseconds between checks for a new client, which the kernel does not announce
_INSIST = 0.5  # seconds after a Ctrl-C without effect until the next one is forced

_POWER_ON, _HARD, _WATCHDOG, _SOFT = 1, 2, 3, 5  # machine.reset_cause(), device/machine.py


class Relay:
    """The inside of an emulated board. Everything but `request` runs in one thread."""

    def __init__(
        self,
        board: BoardSpec,
        storages: Storages,
        hardware: Hardware,
        faults: Faults,
        terminal: Terminal,
        ready: Callable[[], None],
    ) -> None:
        """`ready` is called whenever boot.py is about to run."""
        self._board = board
        self._storages = storages
        self._hardware = hardware
        self._terminal = terminal
        self._faults = faults
        self._quiet_until = 0.0  # during a stall output is dropped until then
        self.pins: dict[str, int] = {}
        self._cause = _HARD  # of the next hard reset
        self._announce = ready
        self._requests: deque[Literal["reset", "stop"]] = deque()
        self._wake, self._waker = socket.socketpair()
        self._mode: Literal["friendly", "raw"] = "friendly"
        self._inbox = bytearray()  # from the client, not yet taken by the interpreter
        self._taken = time.monotonic()

    def request(self, action: Literal["reset", "stop"]) -> None:
        """Press the reset button, or switch off; may be called from any thread."""
        self._requests.append(action)
        with suppress(OSError):  # it is off already
            self._waker.send(b"\n")

    def run(self) -> None:
        """Run until a stop is requested.

        Raises GalagoError board.emulator if the interpreter does not start.
        """
        self._start(_POWER_ON)
        try:
            while "stop" not in self._requests:
                self._step()
        finally:
            self._process.end()
            self._terminal.close()
            self._wake.close()
            self._waker.close()

    def _start(self, cause: int) -> None:
        parts = self._board, self._storages, self._hardware, self._faults
        self._process = Process(*parts, cause, self._mode)
        self._ready = False
        self._watchdog_at = float("inf")  # when the watchdog restarts the board
        self._tail = b""  # the end of the output, which shows the mode of the REPL
        self._ending: str | None = None  # exit, reset, or gone (the process has ended by itself)
        self._hidden: bytearray | None = None
        self._words = b""
        self._interrupted: float | None = None  # when Ctrl-C was sent, unless something was printed since

    def _step(self) -> None:
        process, terminal = self._process, self._terminal
        full = len(self._inbox) >= _INBOX
        poller = select.poll()
        for source in (self._wake, process.exited, process.owner):
            poller.register(source, select.POLLIN)
        if not terminal.full:
            poller.register(process.output, select.POLLIN)
        if self._ready and self._inbox:
            poller.register(process.input, select.POLLOUT)
        if terminal.attached:
            mask = 0 if full else select.POLLIN
            poller.register(terminal, mask | select.POLLOUT if terminal.waiting else mask)
        nudging = self._interrupted is not None and time.monotonic() - self._interrupted < _INSIST
        often = nudging or not terminal.attached or self._watchdog_at < float("inf")
        events = dict(poller.poll(_TICK if often else 1000))

        if self._requests and self._requests[0] == "reset":
            self._requests.popleft()
            self._wake.recv(1)
            self._ending = "reset"
        if not full:
            self._receive(self._apply_faults(terminal.read()))
        self._feed()
        terminal.flush()
        if not terminal.full:
            self._print()
        self._listen()
        if nudging and self._interrupted is not None:
            process.nudge()
        if time.monotonic() > self._watchdog_at:
            self._ending, self._cause = "reset", _WATCHDOG
        if process.exited in events:
            self._ending = self._ending or "gone"
        if self._ending:
            self._start_again()

    def _receive(self, data: bytes) -> None:
        # Ctrl-C acts when it arrives, ahead of unread bytes, as in a board's receive interrupt.
        while data:
            text, found, data = data.partition(_CTRL_C)
            self._inbox += text
            if found and self._ready and self._interrupt():
                data = data.lstrip(_CTRL_C)
            else:
                self._inbox += found

    def _apply_faults(self, data: bytes) -> bytes:
        # Returns what the faults leave of the client's bytes.
        faults = self._faults
        faults.arrived += len(data)
        if faults.unplug_after is not None and faults.arrived > faults.unplug_after:
            self._requests.append("stop")
            return b""
        if faults.reset_after is not None and faults.arrived > faults.reset_after:
            faults.reset_after, self._ending = None, "reset"
        if faults.stall_after is not None and faults.arrived > faults.stall_after:
            faults.stall_after, self._quiet_until = None, time.monotonic() + faults.stall
        return faults.to_board.corrupt(data) if faults.to_board else data

    def _interrupt(self) -> bool:
        now = time.monotonic()
        insist = self._interrupted is not None and now - self._interrupted > _INSIST
        if not self._process.interrupt(insist):
            return False
        self._interrupted = self._interrupted or now
        return True

    def _feed(self) -> None:
        now = time.monotonic()
        if self._ready and self._inbox:
            count = self._process.write(self._inbox)
            del self._inbox[:count]
            if not count and now - self._taken > _INBOX_TIMEOUT and len(self._inbox) >= _INBOX:
                self._inbox.clear()
            if not count:
                return
        self._taken = now

    def _print(self) -> bool:
        # Passes on the output so far. Returns False if there was none.
        data = self._process.read()
        if data:
            self._interrupted = None
        if self._hidden is not None:
            self._hidden += data
            if (at := self._hidden.find(_RAW)) >= 0:
                self._show(bytes(self._hidden[at:]))
                self._hidden = None
        else:
            self._show(data)
        return bool(data)

    def _show(self, data: bytes) -> None:
        self._tail += data
        raw, friendly = self._tail.rfind(_RAW), self._tail.rfind(_FRIENDLY)
        if raw != friendly:
            self._mode = "raw" if raw > friendly else "friendly"
        self._tail = self._tail[-_LONGEST_BANNER:]
        if self._faults.to_client:
            data = self._faults.to_client.corrupt(data)
        if time.monotonic() >= self._quiet_until:
            self._terminal.write(data)

    def _listen(self) -> None:
        # Handles the messages of device/_startup.py and device/machine.py, one per line.
        try:
            self._words += self._process.owner.recv(4096)
        except OSError:  # no message, or the process has ended
            return
        *words, self._words = self._words.split(b"\n")
        for word in words:
            if word == b"ready":
                self._ready = True
                waiting, self._inbox = bytes(self._inbox), bytearray()
                self._receive(waiting)
                self._announce()
            elif word == b"prompt":
                self._prompt()
            elif word.startswith(b"watchdog "):
                self._watchdog_at = time.monotonic() + int(word[9:]) / 1000
            elif word.startswith(b"pin "):
                _, name, level = word.decode().split(" ")
                self.pins[name] = int(level)
            elif word == b"cut":  # device/_flash.py: the power fails
                self._requests.append("stop")
            elif word in (b"exit", b"reset"):
                self._ending = word.decode()

    def _prompt(self) -> None:
        # The interpreter starts with the friendly REPL, but a board comes back in its last mode: the client
        # must not see the change.
        while self._print():
            pass
        if self._mode == "raw":
            self._hidden = bytearray()
            self._inbox[:0] = _TO_RAW_REPL
        with suppress(OSError):  # the process has ended
            self._process.owner.send(b"\n")

    def _start_again(self) -> None:
        self._listen()
        while self._print():
            pass
        status = self._process.end()
        if self._ending == "gone" and not self._ready:
            output = self._tail.decode(errors="replace").strip().splitlines() or ["nothing"]
            raise GalagoError(
                "board.emulator",
                f"{self._board.id} does not start: its interpreter printed {output[-1]!r} (status {status})",
            )
        if self._ending == "exit" or (self._ending == "gone" and status >= 0):
            self._terminal.write(b"MPY: soft reboot\r\n")
            self._start(_SOFT)
            return
        if self._ending == "gone":
            name = signal.Signals(-status).name
            notice = f"\r\nThe interpreter was ended by {name}: the board starts again.\r\n"
            self._terminal.write(notice.encode())
        self._mode = "friendly"
        self._inbox.clear()
        cause, self._cause = self._cause, _HARD
        self._start(cause)
