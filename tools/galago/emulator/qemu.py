# SPDX-License-Identifier: MIT
"""Any MicroPython firmware that QEMU runs, as a port.

with QemuBoard(Path("build/firmware.elf"), "mps2-an500") as board:
    subprocess.run(["mpremote", "connect", board.port, "mount", "folder", "exec", "import test"])

The image is the user's: MicroPython's ports/qemu builds them (make BOARD=MPS2_AN500). They run machine code
of their core for real; they have no file system of their own, `mpremote mount` lends them one. An instruction
counts as one nanosecond: 1 us of time.ticks_us() is 1000 instructions.
"""

import ctypes
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import time
from pathlib import Path

from galago.errors import GalagoError

_PATIENCE = 20.0  # seconds until QEMU has said where its serial port is
_SAYS = re.compile(rb"char device redirected to (\S+)")
# e_machine of the ELF format, for 32 bits: the program that runs it.
_PROGRAMS = {40: "qemu-system-arm", 243: "qemu-system-riscv32"}
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class QemuBoard:
    """A context with the `port` of a firmware in QEMU, which ends no later than this process."""

    def __init__(self, firmware: Path, machine: str) -> None:
        """`machine` is one of QEMU's names. Raises GalagoError board.emulator for what is no firmware."""
        self._program = _program(firmware)
        self._arguments = ["-machine", machine, "-nographic", "-monitor", "none", "-serial", "pty"]
        self._arguments += ["-semihosting", "-icount", "shift=0", "-kernel", str(firmware)]

    def __enter__(self) -> "QemuBoard":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Switch on. Raises GalagoError board.emulator with what QEMU says if it does not start."""
        self._process = subprocess.Popen(
            [self._program, *self._arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal is not for the board
            preexec_fn=lambda: ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),
        )
        try:
            self.port = self._await_port()
        except GalagoError:
            self.close()
            raise

    def wait(self) -> None:
        """Until QEMU ends. Raises GalagoError board.emulator with what it said if it failed."""
        said, _ = self._process.communicate()
        if self._process.returncode > 0:
            raise GalagoError("board.emulator", f"QEMU ended: {_last(said)}")

    def close(self) -> None:
        """Switch off."""
        self._process.kill()
        self._process.communicate()

    def _await_port(self) -> str:
        assert self._process.stdout is not None  # for the type checker
        stream, said, deadline = self._process.stdout.fileno(), b"", time.monotonic() + _PATIENCE
        while not (found := _SAYS.search(said)):
            left = deadline - time.monotonic()
            ready = select.select([stream], [], [], max(0, left))[0]
            piece = os.read(stream, 4096) if ready else b""
            if not piece:
                why = _last(said) if ready else "it names no serial port"
                raise GalagoError("board.emulator", f"{Path(self._program).name} does not start: {why}")
            said += piece
        return found[1].decode()


def _program(firmware: Path) -> str:
    try:
        with firmware.open("rb") as file:
            head = file.read(20)
    except OSError as error:
        raise GalagoError("board.emulator", f"{firmware}: {error.strerror}: name a firmware.elf") from error
    if len(head) < 20 or head[:5] != b"\x7fELF\x01":
        raise GalagoError("board.emulator", f"{firmware} is no 32-bit ELF file: wanted a firmware.elf")
    (number,) = struct.unpack_from("<H", head, 18)
    name = _PROGRAMS.get(number)
    if not name:
        raise GalagoError(
            "board.emulator", f"{firmware} is for processor {number} of the ELF format, wanted Arm or RISC-V"
        )
    program = shutil.which(name)
    if not program:
        package = name.replace("riscv32", "misc")
        raise GalagoError("board.emulator", f"{name} is missing: install it (Debian: {package})")
    return program


def _last(said: bytes) -> str:
    return (said.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
