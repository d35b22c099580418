# SPDX-License-Identifier: MIT
"""One run of the interpreter, from a reset of an emulated board to the next.

    process = Process(board, storages, hardware, faults, cause, mode)
    process.write(data), process.read()    # the REPL, as on a board's serial line; neither blocks
    process.owner                          # socket to device/_startup.py and device/machine.py
    process.interrupt()                    # Ctrl-C, if the program accepts interrupts now
    process.end()                          # kills it if it still runs; returns its status

There is no terminal in between: it would turn 0x03 into a signal even within the bytes of a file.
"""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from galago import micropython
from galago.boards import BoardSpec
from galago.emulator import system
from galago.emulator.card import BLOCK
from galago.emulator.faults import Faults
from galago.emulator.hardware import Hardware
from galago.emulator.host_calls import HostCalls
from galago.emulator.storage import Storages

_LAUNCHER = Path(__file__).with_name("launcher.py")
_START = Path(__file__).parent / "device" / "start.py"

_PACKETS = 256  # of output that are read before something else is done

# Of every 256 bytes of heap the garbage collector takes 3 for its tables (32-byte blocks on x64; py/gc.c).
_HEAP_TOTAL, _HEAP_USABLE = 256, 253

_STAND_IN_HEAP = 2 << 20  # bytes for stand-in modules and their frames; the rest of it is made unusable

# Variables of the interpreter, and HOME, where it would keep the history of the REPL.
_NOT_INHERITED = {"HOME", "MICROPYPATH", "MICROPYINSPECT"}


class Process:
    """The interpreter as a child of the calling thread; it ends no later than that thread."""

    def __init__(
        self,
        board: BoardSpec,
        storages: Storages,
        hardware: Hardware,
        faults: Faults,
        cause: int,
        mode: str,
    ) -> None:
        """Start it. `cause` is the result of machine.reset_cause(); `mode` of the REPL is friendly or raw.

        The heap has room for as many objects as the board's: objects are twice as large on x64, so it has
        twice as many bytes. Raw bytes (pixels, weights) therefore find more room than on the board. Modules
        of the firmware and frames of the camera, which lie elsewhere on a board, take none of it
        (_startup.py).
        """
        self.owner, owner = socket.socketpair()
        self._lifeline, lifeline = socket.socketpair()  # each end tells its process when the other has ended
        self.exited = self._lifeline.fileno()  # readable once the interpreter has ended
        self.output, output = system.packet_pipe()
        self._calls = HostCalls(hardware.services())
        mark = secrets.token_hex(4)
        self._mark = mark.encode()
        modules = hardware.modules()
        stand_in_heap = _STAND_IN_HEAP if modules else 0
        configuration = _board_configuration(board, storages, faults) | {
            "host_calls": self._calls.descriptor,
            "stand_in_heap": stand_in_heap,
            "modules": modules,
            "kernels": hardware.core.arch if hardware.core else "",
            "cause": cause,
            "mode": mode,
            "mark": mark,
        }
        self.owner.send(json.dumps(configuration).encode() + b"\n")  # argv is limited to 255 characters
        heap = (2 * board.heap + stand_in_heap) * _HEAP_TOTAL // _HEAP_USABLE
        inherited = owner.fileno(), self._calls.descriptor, lifeline.fileno()
        self._child = _launch(heap, storages, inherited, output)
        if hardware.core:
            hardware.core.attach(self._child.pid)
        owner.close()
        lifeline.close()
        self._calls.release()
        os.close(output)
        self.owner.setblocking(False)
        assert self._child.stdin is not None  # for the type checker
        self._stdin = self._child.stdin
        self.input = self._stdin.fileno()
        os.set_blocking(self.input, False)
        self._after_cr = False
        self._released = False

    def write(self, data: bytes | bytearray) -> int:
        """Send the program input. Returns the number of bytes that there was room for."""
        try:
            return os.write(self.input, data)
        except (BlockingIOError, BrokenPipeError):
            return 0

    def read(self) -> bytes:
        """Returns what the program has printed, with CR LF at line ends; b"" if there is nothing."""
        output = bytearray()
        for _ in range(_PACKETS):
            try:
                packet = os.read(self.output, system.longest())
            except (BlockingIOError, ConnectionResetError):
                break
            if not packet:
                break
            output += self._with_crlf(packet)
        return bytes(output)

    def _with_crlf(self, packet: bytes) -> bytes:
        if packet.startswith(self._mark):  # device/_sys.py: raw bytes
            self._after_cr = False
            return packet[len(self._mark) :]
        text = re.sub(rb"(?<!\r)\n", b"\r\n", packet)
        if self._after_cr and packet.startswith(b"\n"):
            text = text[1:]
        self._after_cr = packet.endswith(b"\r")
        return text

    def interrupt(self, insist: bool = False) -> bool:
        """Raise KeyboardInterrupt in the program. Returns False if it accepts none: then 0x03 is a byte.

        The interpreter has a handler for SIGINT while a program accepts interrupts: not at a prompt, and not
        after micropython.kbd_intr(-1). It is stopped while this is checked, because SIGINT would kill it if
        the program ended meanwhile. `insist` also interrupts native code that never ends, as no board can.
        """
        self._child.send_signal(signal.SIGSTOP)
        try:
            caught = system.caught(self._child.pid) if self._stopped() else 0
            if not caught & _bit(signal.SIGINT):
                return False
            gentle = caught & _bit(signal.SIGUSR1) and not insist  # launcher.py
            self._child.send_signal(signal.SIGUSR1 if gentle else signal.SIGINT)
            return True
        finally:
            self._child.send_signal(signal.SIGCONT)

    def nudge(self) -> None:
        """After an interrupt: wake a blocked read or sleep so that it notices the interrupt (launcher.py)."""
        if not micropython.own_binary() and self._child.returncode is None:
            self._child.send_signal(signal.SIGUSR2)

    def end(self) -> int:
        """Kill the process if it still runs, and release its resources.

        Returns the exit status as subprocess does: 0 after Ctrl-D or sys.exit(), negative for a signal.
        """
        self._child.kill()
        status = self._child.wait()
        if not self._released:
            self._released = True
            with suppress(BrokenPipeError):
                self._stdin.close()
            self._calls.close()
            self.owner.close()
            self._lifeline.close()
            os.close(self.output)
        return status

    def _stopped(self) -> bool:
        # Waits until the signal has taken effect. If the process has ended instead, end() gets its status.
        if self._child.poll() is not None:
            return False
        _, status = os.waitpid(self._child.pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            return True
        self._child.returncode = os.waitstatus_to_exitcode(status)
        return False


def _board_configuration(board: BoardSpec, storages: Storages, faults: Faults) -> dict[str, Any]:
    """Returns the part of the configuration for device/_startup.py that is the same for every run."""
    rom, card = storages.rom, storages.card
    return {
        "image": storages.flash.descriptor,
        "blocks": board.filesystem // board.block,
        "block": board.block,
        "rom_blocks": rom.blocks if rom else 0,
        "card": [*card.descriptors, card.size // BLOCK] if card else None,
        "mount": board.mount,
        "flat": "maixpy" in board.backends,
        "native": board.arch != "none",
        "clock_hz": board.clock_hz,
        "build": board.id,
        "machine": f"{board.machine or board.name + ' with'} {board.mcu}",
        "power_at": faults.power_at,
        "read_only": faults.read_only,
    }


def _launch(
    heap: int, storages: Storages, descriptors: tuple[int, int, int], output: int
) -> subprocess.Popen[bytes]:
    """Starts the interpreter with a heap of so many bytes.

    `descriptors` are those of its ends of owner, host calls and lifeline; `output` is that of the pipe.
    """
    flash, rom, card = storages
    owner, _, lifeline = descriptors
    inherited = [*descriptors, flash.descriptor, *(card.descriptors if card else ())]
    rom_arguments = ["", "0"]
    if rom:
        inherited.append(rom.descriptor)
        rom_arguments = [str(rom.descriptor), str(rom.blocks)]
    line = "" if system.LINUX else str(lifeline)
    launcher = [sys.executable, "-I", _LAUNCHER, str(os.getpid()), line, micropython.own_binary()]
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    return subprocess.Popen(
        [*launcher, *rom_arguments, "-X", f"heapsize={heap}", "-i", _START, str(owner)],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=output,
        pass_fds=inherited,
        env=environment | {"MICROPYPATH": ""},
        start_new_session=True,  # Ctrl-C in the owner's terminal is not for the board
    )


def _bit(number: int) -> int:
    return 1 << number - 1
