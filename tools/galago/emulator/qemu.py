# SPDX-License-Identifier: MIT
"""Any MicroPython firmware that QEMU runs, behind a serial port.

with QemuBoard(Path("build/firmware.elf"), "mps2-an500") as board:
    subprocess.run(["mpremote", "connect", board.port, "mount", "folder", "exec", "import test"])

The user supplies the image; MicroPython's ports/qemu builds them (make BOARD=MPS2_AN500). It executes real
machine code of its core. An instruction counts as one nanosecond: 1 us of time.ticks_us() is 1000
instructions.

A firmware of MicroPython's own has no file system, so `mpremote mount` lends it one. A firmware that mounts a
piece of RAM can be given its content with `storage`: it is put there before the start, and read back when the
board is switched off.
"""

import os
import re
import select
import shutil
import struct
import subprocess
import time
from pathlib import Path

from galago.emulator import system
from galago.emulator.qmp import Monitor
from galago.emulator.ram_storage import RamStorage
from galago.errors import GalagoError

_START_TIMEOUT = 20.0  # seconds until QEMU has named its serial port
_PORT_LINE = re.compile(rb"char device redirected to (\S+)")

# Fields of the ELF header (elf(5)): e_type and e_machine follow 16 bytes of identification.
_ELF_HEADER = struct.Struct("<16sHH")
_ELF_32_LITTLE_ENDIAN = b"\x7fELF\x01\x01"
_ET_EXEC = 2
_EM_ARM, _EM_RISCV = 40, 243
_PROGRAMS = {_EM_ARM: "qemu-system-arm", _EM_RISCV: "qemu-system-riscv32"}
_DEBIAN_PACKAGES = {_EM_ARM: "qemu-system-arm", _EM_RISCV: "qemu-system-misc"}


class QemuBoard:
    """A context manager with the `port` of a firmware in QEMU, which ends no later than this process."""

    def __init__(
        self,
        firmware: Path,
        machine: str,
        storage: Path | None = None,
        address: int | None = None,
        size: int | None = None,
    ) -> None:
        """`machine` is one of QEMU's names. `storage` is the file that a file system in RAM is kept in.

        `address` and `size` are explained in RamStorage. Raises GalagoError board.emulator if `firmware`
        cannot run, board.storage if the storage cannot be placed.
        """
        architecture = _architecture(firmware)
        self._program = _program(architecture)
        self._arguments = ["-machine", machine, "-nographic", "-monitor", "none", "-serial", "pty"]
        self._arguments += ["-semihosting", "-icount", "shift=0", "-kernel", str(firmware)]
        if architecture == _EM_RISCV:  # by default OpenSBI is loaded where the firmware goes
            self._arguments += ["-bios", "none"]
        self._ram = RamStorage(storage, machine, address, size) if storage else None

    def __enter__(self) -> "QemuBoard":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Switch on. Raises GalagoError board.emulator with QEMU's message if it does not start.

        Raises GalagoError board.storage if the storage cannot be used.
        """
        monitor = Monitor()
        arguments = [*self._arguments, *monitor.arguments]
        try:
            if self._ram:
                arguments += self._ram.open()
            self._process = subprocess.Popen(
                [self._program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[monitor.descriptor],
                start_new_session=True,  # Ctrl-C in the terminal is not for the board
                preexec_fn=system.end_with_parent,
            )
        except BaseException as error:
            monitor.close()
            if self._ram:
                self._ram.close()
            if isinstance(error, OSError):
                raise GalagoError(
                    "board.emulator", f"{self._program}: {error.strerror}: install QEMU again"
                ) from error
            raise
        monitor.connected()
        self._monitor = monitor
        assert self._process.stdout is not None  # for the type checker
        self._output = self._process.stdout
        try:
            self.port = self._await_port()
        except GalagoError:
            self._end()
            raise

    def wait(self) -> None:
        """Block until QEMU ends. Raises GalagoError board.emulator with its last message if it failed.

        Raises it also if a file system is lost in this way: machine.reset() ends QEMU.
        """
        output = self._output.read()
        if self._process.wait():
            raise GalagoError("board.emulator", f"QEMU ended: {_last_line(output)}")
        if self._ram:
            raise GalagoError(
                "board.emulator",
                f"the firmware ended QEMU: {self._ram.path} is as it was at the start; end with Ctrl-C to "
                "keep changes",
            )

    def close(self) -> None:
        """Switch off, and keep the file system; does nothing more if QEMU has ended by itself."""
        try:
            if self._ram and self._process.poll() is None:
                self._ram.save(self._monitor)
        finally:
            self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._output.close()
        self._monitor.close()
        if self._ram:
            self._ram.close()

    def _await_port(self) -> str:
        stream, output, deadline = self._output.fileno(), b"", time.monotonic() + _START_TIMEOUT
        while not (match := _PORT_LINE.search(output)):
            remaining = deadline - time.monotonic()
            ready = select.select([stream], [], [], max(0, remaining))[0]
            chunk = os.read(stream, 4096) if ready else b""
            if not chunk:
                reason = _last_line(output) if ready else "it names no serial port"
                raise GalagoError("board.emulator", f"{Path(self._program).name} does not start: {reason}")
            output += chunk
        return match[1].decode()


def _architecture(firmware: Path) -> int:
    """The e_machine of a firmware that QEMU can run. Raises GalagoError board.emulator for any other file."""
    try:
        with firmware.open("rb") as file:
            header = file.read(_ELF_HEADER.size)
    except OSError as error:
        raise GalagoError("board.emulator", f"{firmware}: {error.strerror}: pass a firmware.elf") from error
    if len(header) < _ELF_HEADER.size or not header.startswith(_ELF_32_LITTLE_ENDIAN):
        raise GalagoError("board.emulator", f"{firmware} is not a 32-bit ELF file: pass a firmware.elf")
    _, kind, machine = _ELF_HEADER.unpack(header)
    if machine not in _PROGRAMS:
        raise GalagoError(
            "board.emulator",
            f"{firmware} is for ELF machine {machine}, expected Arm ({_EM_ARM}) or RISC-V ({_EM_RISCV}): "
            "pass another firmware.elf",
        )
    if kind != _ET_EXEC:
        raise GalagoError(
            "board.emulator",
            f"{firmware} is not executable (ELF type {kind}, expected {_ET_EXEC}): link it",
        )
    return machine


def _program(architecture: int) -> str:
    """The path of the QEMU program for an e_machine."""
    name = _PROGRAMS[architecture]
    program = shutil.which(name)
    if not program:
        package = _DEBIAN_PACKAGES[architecture]
        raise GalagoError("board.emulator", f"{name} is missing: install it (Debian: {package})")
    return program


def _last_line(output: bytes) -> str:
    return (output.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
