# SPDX-License-Identifier: MIT
"""What was done to a flash memory, change by change, and what it holds if the power fails in between.

    journal = Journal(descriptor)           # open on a file
    journal.add(offset, data)               # an erase, or a programmed page
    changes = read(path)
    image = after_power_cut(before, changes, 17)

All that outlives a power cut is in the flash memory: one recorded run shows what any cut of it leaves behind.
"""

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_HEAD = struct.Struct("<II")  # offset, and bytes of data behind it


@dataclass(frozen=True)
class Change:
    """An erased sector or block, or a programmed page."""

    offset: int
    data: bytes
    """What is there afterwards."""


class Journal:
    """Appends changes to a file, each at once."""

    def __init__(self, descriptor: int) -> None:
        """`descriptor` is open for writing."""
        self._descriptor = descriptor

    def add(self, offset: int, data: bytes) -> None:
        """Append a change."""
        os.write(self._descriptor, _HEAD.pack(offset, len(data)) + data)


def read(path: Path) -> list[Change]:
    """The complete changes in a journal, which may be growing, in their order."""
    content, changes, place = path.read_bytes(), [], 0
    while place + _HEAD.size <= len(content):
        offset, size = _HEAD.unpack_from(content, place)
        place += _HEAD.size + size
        if place <= len(content):
            changes.append(Change(offset, content[place - size : place]))
    return changes


def after_power_cut(image: bytes, changes: Sequence[Change], number: int) -> bytes:
    """What a memory with the content `image` holds if the power fails in the middle of a change.

    `number` counts from 1; half of that change is done. 0 leaves the image as it is.
    """
    memory = bytearray(image)
    for position, change in enumerate(changes[:number], 1):
        done = change.data[: len(change.data) // 2] if position == number else change.data
        memory[change.offset : change.offset + len(done)] = done
    return bytes(memory)
