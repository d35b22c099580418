# SPDX-License-Identifier: MIT
"""The process of an emulated RP2040: PyPI's rp2040py with a MicroPython image, its console on a pty.

    python -m galago.emulator.rp2040_process IMAGE.uf2 START SIZE DESCRIPTOR [JOURNAL]

The file system is the SIZE bytes of flash from START on. It is kept in the file that DESCRIPTOR is open on:
each change is written there at once, and appended to the journal that JOURNAL is open on. The process prints
`port PATH` when it runs, and at its end (SIGTERM) a JSON object: what the flash went through.

Two differences between rp2040py 0.3 and a chip are corrected here. It answers each USB read of idle firmware
with an empty packet, so that the firmware spends two thirds of its time in interrupts. And it jumps over idle
time without limit, so that timeouts of the firmware expire before the host can react.
"""

import json
import os
import signal
import sys
import time

from rp2040py.boards import BOARDS, resolve_firmware
from rp2040py.device.mp_device import MicroPythonDevice
from rp2040py.execute_batch import execute_batch
from rp2040py.memory_map import FLASH_START_ADDRESS
from rp2040py.peripherals.ssi import CMD_BLOCK_ERASE, CMD_PAGE_PROGRAM, CMD_SECTOR_ERASE, RPSSI
from rp2040py.simulator import Simulator
from rp2040py.usb.cdc import USBCDC

from galago.emulator.flash_journal import Journal
from galago.emulator.storage import BLOCK
from galago.emulator.terminal import Terminal

_TICK = 1_000_000  # nanoseconds of the chip between looks at the clock and at the terminal
_INSTRUCTIONS = 64  # between looks at the chip's timers: they may come half a microsecond late
_FULL = 0.001  # seconds between attempts to pass on output to a client that takes none


def main() -> None:
    """Run until a signal ends it."""
    image, *numbers = sys.argv[1:]
    start, size, descriptor, *journal = map(int, numbers)
    board = resolve_firmware(BOARDS["pico"], "micropython", image)
    device = MicroPythonDevice(board=board)
    view = memoryview(device.mcu.flash)[start : start + size]
    flash = Flash(device.mcu.ssi, view, start, descriptor, Journal(*journal) if journal else None)
    terminal = Terminal()
    Console(device.cdc, device.simulator, terminal)
    ended = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: (ended.append(True), device.simulator.stop()))
    print(f"port {terminal.path}", flush=True)
    device.mcu.core.pc = FLASH_START_ADDRESS
    device.simulator.stopped = False
    while not device.simulator.stopped:
        execute_batch(device.simulator, _INSTRUCTIONS)
    flash.report()
    if not ended:
        sys.exit("the firmware stopped at a breakpoint instruction")


class Flash:
    """The part of the chip's flash that holds the file system: kept in a file, and its wear counted.

    It replaces what RPSSI does at the end of a command. `view` is that part of the emulator's memory.
    """

    def __init__(
        self, ssi: RPSSI, view: memoryview, start: int, descriptor: int, journal: Journal | None
    ) -> None:
        self._ssi, self._view, self._start = ssi, view, start
        self._descriptor, self._journal = descriptor, journal
        self._apply = ssi._apply_command
        self.erases = [0] * (len(view) // BLOCK)
        self.programmed = self.overwritten = self.changes = 0
        view[:] = os.pread(descriptor, len(view), 0)
        ssi._apply_command = self._command  # pyright: ignore[reportAttributeAccessIssue]

    def report(self) -> None:
        """Print what the flash went through."""
        wear = {
            "erases": self.erases,
            "programmed": self.programmed,
            "overwritten": self.overwritten,
            "changes": self.changes,
        }
        print(json.dumps(wear), flush=True)

    def _command(self) -> None:
        buffer = bytes(self._ssi._tx_buffer)
        enabled, opcode = self._ssi._write_enabled, buffer[0] if buffer else 0
        if (
            not enabled
            or len(buffer) < 4
            or opcode
            not in (
                CMD_SECTOR_ERASE,
                CMD_BLOCK_ERASE,
                CMD_PAGE_PROGRAM,
            )
        ):
            self._apply()
            return
        offset = int.from_bytes(buffer[1:4], "big") - self._start
        size = {CMD_SECTOR_ERASE: BLOCK, CMD_BLOCK_ERASE: 16 * BLOCK}.get(opcode, len(buffer) - 4)
        if not 0 <= offset <= len(self._view) - size:  # the firmware's own part of the flash
            self._apply()
            return
        before = bytes(self._view[offset : offset + size])
        self._apply()
        if opcode == CMD_PAGE_PROGRAM:
            self.programmed += size
            self.overwritten += sum(new & ~old != 0 for old, new in zip(before, buffer[4:], strict=True))
        else:
            for sector in range(offset // BLOCK, (offset + size) // BLOCK):
                self.erases[sector] += 1
        self.changes += 1
        data = bytes(self._view[offset : offset + size])
        os.pwrite(self._descriptor, data, offset)
        if self._journal:
            self._journal.add(offset, data)


class Console:
    """Connects the chip's USB to the terminal, and keeps its clock from running ahead of real time."""

    def __init__(self, cdc: USBCDC, simulator: Simulator, terminal: Terminal) -> None:
        self._cdc, self._clock, self._terminal = cdc, simulator.clock, terminal
        self._waiting = bytearray()
        self._held: tuple[int, int] | None = None
        self._real, self._chip = time.monotonic(), simulator.clock.nanos
        answer, reset = cdc.usb.on_endpoint_read, cdc.usb.on_reset
        assert answer is not None
        assert reset is not None
        self._answer, self._reset = answer, reset
        cdc.usb.on_endpoint_read, cdc.usb.on_reset = self._read, self._restart
        cdc.on_serial_data = self._print
        self._alarm = simulator.clock.create_alarm(self._look)
        self._alarm.schedule(_TICK)

    def _read(self, endpoint: int, size: int) -> None:
        """The firmware reads: it gets no answer before there are bytes for it, as from a real host."""
        if endpoint == self._cdc._out_endpoint and self._cdc.tx_fifo.empty:
            self._held = endpoint, size
        else:
            self._answer(endpoint, size)

    def _restart(self) -> None:
        self._held = None
        self._reset()

    def _print(self, data: bytes | bytearray) -> None:
        self._terminal.write(bytes(data))
        while self._terminal.full:
            time.sleep(_FULL)
            self._terminal.flush()

    def _look(self) -> None:
        ahead = (self._clock.nanos - self._chip) / 1e9 - (time.monotonic() - self._real)
        if ahead > 0:
            time.sleep(ahead)
        self._real, self._chip = time.monotonic(), self._clock.nanos
        self._terminal.flush()
        self._waiting += self._terminal.read() if not self._waiting else b""
        room = self._cdc.tx_fifo.size - self._cdc.tx_fifo.item_count
        for byte in self._waiting[:room]:
            self._cdc.send_serial_byte(byte)
        del self._waiting[:room]
        if self._held and not self._cdc.tx_fifo.empty:
            held, self._held = self._held, None
            self._answer(*held)
        self._alarm.schedule(_TICK)


if __name__ == "__main__":
    main()
