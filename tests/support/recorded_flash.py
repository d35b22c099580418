# SPDX-License-Identifier: MIT
"""A file system that LittleFS writes on the host, with a journal of what it does to the flash memory.

changes = recorded(before, journal, write)      # write(system) works with a littlefs.LittleFS
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from galago.emulator import flash_journal
from galago.emulator.flash_journal import Change, Journal
from galago.emulator.littlefs import PAGE
from galago.emulator.storage import BLOCK
from support.requirements import extra_module

littlefs = extra_module("littlefs", extra="chips")


class _Flash(littlefs.UserContext):
    def __init__(self, content: bytes, journal: Journal) -> None:
        super().__init__(buffer=bytearray(content))
        self._journal = journal

    def prog(self, cfg: Any, block: int, off: int, data: bytes) -> int:
        self._journal.add(block * BLOCK + off, bytes(data))
        return super().prog(cfg, block, off, data)

    def erase(self, cfg: Any, block: int) -> int:
        self._journal.add(block * BLOCK, b"\xff" * BLOCK)
        return super().erase(cfg, block)


def recorded(before: bytes, path: Path, write: Callable[[Any], None]) -> tuple[list[Change], bytes]:
    """Returns the changes from the journal at `path`, and what the memory holds after them."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        context = _Flash(before, Journal(descriptor))
        write(littlefs.LittleFS(context, block_size=BLOCK, block_count=len(before) // BLOCK, prog_size=PAGE))
    finally:
        os.close(descriptor)
    return flash_journal.read(path), bytes(context.buffer)
