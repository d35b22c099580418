# SPDX-License-Identifier: MIT
"""One run of the interpreter, from a reset of an emulated board to the next.

    process = Process(board, storages, hardware, faults, cause, mode)
    process.write(data), process.read()    # the REPL, as on a board's serial line; never wait
    process.owner                          # socket to device/_startup.py and device/machine.py
    process.interrupt()                    # Ctrl-C, if the program takes interrupts now
    process.end()                          # kills it if it runs; gives its status

There is no terminal, so that every byte passes: for a terminal 0x03 is a signal even within a file's bytes.
"""

import fcntl
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
from pathlib import Path

from galago import micropython
from galago.boards import BoardSpec
from galago.emulator.faults import Faults
from galago.emulator.hardware import Hardware
from galago.emulator.link import Link
from galago.emulator.storage import Storage

_LAUNCHER = Path(__file__).with_name("launcher.py")
_START = Path(__file__).parent / "device" / "start.py"

_PACKETS = 256  # of at most 4096 bytes, that wait at most: a page of kernel memory each (pipe(7))

# Of every 256 bytes given to the garbage collector 3 are its own tables (32-byte blocks on x64; py/gc.c).
_GIVEN, _USABLE = 256, 253

_BESIDE = 2 << 20  # bytes for stand-in modules and their frames; what they leave is taken out of use

# The interpreter's own variables, and HOME, where it would keep a history of the REPL's lines.
_NOT_INHERITED = {"HOME", "MICROPYPATH", "MICROPYINSPECT"}


class Process:
    """The interpreter as a child of the calling thread: it ends no later than that thread."""

    def __init__(
        self,
        board: BoardSpec,
        storages: tuple[Storage, Storage | None],
        hardware: Hardware,
        faults: Faults,
        cause: int,
        mode: str,
    ) -> None:
        """Start it. `cause` is what machine.reset_cause() gives, `mode` that of the REPL: friendly or raw.

        The heap is the board's in objects: one takes twice as much on x64, so there are twice as many bytes.
        What is not made of objects (pixels, weights) therefore finds more room than on the board. Modules of
        the firmware and frames in the camera's memory, which lie elsewhere, take none of it: _startup.py.
        """
        self.owner, owner = socket.socketpair()
        # In packets: each write of the interpreter is one, so that a mark at its start can say what it is.
        self.output, output = os.pipe2(os.O_DIRECT | os.O_NONBLOCK | os.O_CLOEXEC)
        os.set_blocking(output, True)
        fcntl.fcntl(output, fcntl.F_SETPIPE_SZ, _PACKETS * 4096)
        storage, rom = storages
        modules = hardware.modules()
        self._link = Link(hardware.services())
        beside = _BESIDE if modules else 0
        mark = secrets.token_hex(4)
        self._mark = mark.encode()
        # What device/_startup.py makes the board of.
        shape = {
            "image": storage.descriptor,
            "blocks": storage.blocks,
            "link": self._link.descriptor,
            "beside": beside,
            "modules": modules,
            "rom_blocks": rom.blocks if rom else 0,
            "mount": board.mount,
            "flat": "maixpy" in board.backends,
            "clock_hz": board.clock_hz,
            "build": board.id,
            "machine": f"{board.machine or board.name + ' with'} {board.mcu}",
            "cause": cause,
            "mode": mode,
            "mark": mark,
            "power_at": faults.power_at,
            "read_only": faults.read_only,
        }
        self.owner.send(json.dumps(shape).encode() + b"\n")  # argv takes 255 characters at most
        self._child = subprocess.Popen(
            [
                *(sys.executable, "-I", _LAUNCHER, str(os.getpid()), micropython.own_binary()),
                *(str(rom.descriptor) if rom else "", str(rom.blocks) if rom else "0"),
                *("-X", f"heapsize={(2 * board.heap + beside) * _GIVEN // _USABLE}", "-i", _START),
                str(owner.fileno()),
            ],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            pass_fds=(
                *(owner.fileno(), storage.descriptor, self._link.descriptor),
                *([rom.descriptor] if rom else []),
            ),
            env={name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
            | {"MICROPYPATH": ""},
            start_new_session=True,  # Ctrl-C in the owner's terminal is not for the board
        )
        owner.close()
        self._link.release()
        os.close(output)
        self.owner.setblocking(False)
        assert self._child.stdin is not None  # for the type checker
        self._stdin = self._child.stdin
        self.input = self._stdin.fileno()
        os.set_blocking(self.input, False)
        self.exited = os.pidfd_open(self._child.pid)  # readable once it has ended
        self._after_cr = False

    def write(self, data: bytes | bytearray) -> int:
        """Give the program something to read; how many bytes of it there was room for."""
        try:
            return os.write(self.input, data)
        except (BlockingIOError, BrokenPipeError):
            return 0

    def read(self) -> bytes:
        """What the program has printed, with CR LF at the end of lines; b"" for nothing or no more."""
        output = bytearray()
        for _ in range(_PACKETS):
            try:
                packet = os.read(self.output, 4096)
            except BlockingIOError:
                break
            if not packet:
                break
            output += self._cooked(packet)
        return bytes(output)

    def _cooked(self, packet: bytes) -> bytes:
        if packet.startswith(self._mark):  # device/_sys.py: bytes as they are
            self._after_cr = False
            return packet[len(self._mark) :]
        text = re.sub(rb"(?<!\r)\n", b"\r\n", packet)
        if self._after_cr and packet.startswith(b"\n"):
            text = text[1:]
        self._after_cr = packet.endswith(b"\r")
        return text

    def interrupt(self, insist: bool = False) -> bool:
        """Raise KeyboardInterrupt in the program. False if none runs that takes it: then 0x03 is a byte.

        The interpreter catches SIGINT while a program takes interrupts: not at a prompt, and not after
        micropython.kbd_intr(-1). It is stopped for the look, because SIGINT would kill it if the program
        ended just now. With `insist` the interrupt gets out of native code that never ends, as on no board.
        """
        self._child.send_signal(signal.SIGSTOP)
        try:
            caught = self._caught() if self._stopped() else 0
            if not caught & _bit(signal.SIGINT):
                return False
            gentle = caught & _bit(signal.SIGUSR1) and not insist  # launcher.py
            self._child.send_signal(signal.SIGUSR1 if gentle else signal.SIGINT)
            return True
        finally:
            self._child.send_signal(signal.SIGCONT)

    def nudge(self) -> None:
        """After an interrupt: have a read or sleep that blocks look whether there was one (launcher.py)."""
        if not micropython.own_binary() and self._child.returncode is None:
            self._child.send_signal(signal.SIGUSR2)

    def end(self) -> int:
        """Kill the process if it still runs, and let go of it.

        Returns the exit status as subprocess does: 0 after Ctrl-D or sys.exit(), negative for a signal.
        """
        ended_before = self._child.returncode is not None
        self._child.kill()
        status = self._child.wait()
        if not ended_before:
            self._stdin.close()
            self._link.close()
            self.owner.close()
            os.close(self.output)
            os.close(self.exited)
        return status

    def _stopped(self) -> bool:
        # Wait until the signal has taken effect. A process that has ended instead is left for end().
        state = os.waitid(os.P_PIDFD, self.exited, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        if state is None or state.si_code != os.CLD_STOPPED:
            return False
        os.waitid(os.P_PIDFD, self.exited, os.WSTOPPED | os.WNOHANG)
        return True

    def _caught(self) -> int:
        # The signals that have a handler, as a mask (proc_pid_status(5)).
        status = Path(f"/proc/{self._child.pid}/status").read_text()
        return int(status.partition("SigCgt:")[2].split()[0], 16)


def _bit(number: int) -> int:
    return 1 << number - 1
