# SPDX-License-Identifier: MIT
"""A file system in the RAM of a machine that QEMU emulates: in a file while the machine is off.

storage = RamStorage(path, "mps2-an500")
arguments += storage.open()             # QEMU loads the file
storage.save(monitor)                   # writes the RAM back
storage.close()
"""

import os
import tempfile
from pathlib import Path

from galago.emulator import littlefs
from galago.emulator.qmp import Monitor
from galago.emulator.storage import BLOCK, Storage
from galago.errors import GalagoError

ADDRESSES = {"mps2-an500": 0x6000_0000, "mps3-an547": 0x6000_0000, "virt": 0x8100_0000}
"""Where it goes, by machine, unless the user names another address: RAM that small firmware does not use."""
SIZE = 2 << 20
"""Bytes of a new file system, unless the user names another size."""


class RamStorage:
    """The file, and its place in the machine's RAM."""

    def __init__(self, path: Path, machine: str, address: int | None = None, size: int | None = None) -> None:
        """`address` is where the firmware expects it, by default that of the machine in ADDRESSES. `size` in
        bytes is that of a new file, which holds an empty LittleFS; the size of an old one stays.

        Raises GalagoError board.storage if there is no default address, or for a size not of whole blocks.
        """
        if address is None and machine not in ADDRESSES:
            raise GalagoError(
                "board.storage",
                f"a file system's address is known for {', '.join(ADDRESSES)}, not for {machine}: "
                "add --storage-address",
            )
        self.path = path
        self._address = ADDRESSES[machine] if address is None else address
        found = path.stat().st_size if path.is_file() else 0
        self._size = found or SIZE if size is None else size
        if self._size < 2 * BLOCK or self._size % BLOCK:
            raise GalagoError(
                "board.storage",
                f"{path} with {self._size:,} bytes: expected a multiple of {BLOCK:,}, of at least two blocks",
            )
        self._storage: Storage | None = None

    def open(self) -> list[str]:
        """Open the file; returns the arguments with which QEMU loads it.

        Raises GalagoError board.storage if it cannot be used, config.missing if a new one cannot be made.
        """
        self._storage = Storage(self._size, self.path)
        if not any(os.pread(self._storage.descriptor, self._size, 0)):
            os.pwrite(self._storage.descriptor, littlefs.build({}, self._size), 0)
        name = str(self.path.absolute()).replace(",", ",,")
        return ["-device", f"loader,file={name},addr={self._address:#x},force-raw=on"]

    def save(self, monitor: Monitor) -> None:
        """Write the RAM into the file. The machine is stopped for it, as if its power failed.

        Raises GalagoError board.emulator if QEMU does not answer.
        """
        assert self._storage is not None
        with tempfile.TemporaryDirectory(prefix="galago-") as folder:
            copy = Path(folder) / "ram"
            monitor.command("stop")
            monitor.command("pmemsave", val=self._address, size=self._size, filename=str(copy))
            os.pwrite(self._storage.descriptor, copy.read_bytes(), 0)

    def close(self) -> None:
        """Close the file, if it is open."""
        if self._storage:
            self._storage.close()
            self._storage = None
