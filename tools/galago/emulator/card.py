# SPDX-License-Identifier: MIT
"""An SD card of an emulated board. The board's programs reach it as on a board: machine.SDCard.

card = Card(Path("card.img"))
with EmulatedBoard(board, card=card) as running:     # whose boot.py says vfs.mount(machine.SDCard(), "/sd")
    card.inserted = False                            # from now on every access fails with EIO
"""

import os
import tempfile
from pathlib import Path

from galago.emulator.storage import Storage
from galago.errors import GalagoError

BLOCK = 512  # bytes, as of every card
SIZE = 16 << 20  # bytes of a new card
_SIZES = range(64 << 10, (4 << 30) + 1)  # bytes that FAT can format, and a disk may have


class Card:
    """A card in the slot of one board. The board formats it as FAT when it starts with an empty one."""

    def __init__(self, path: Path | None = None, size: int = SIZE) -> None:
        """`path` is an image of a card, made with `size` bytes if missing; without it the card starts empty.

        Raises GalagoError board.storage for an image that is no card's.
        """
        found = path.stat().st_size if path and path.is_file() else 0
        self.size = found or size
        if self.size % BLOCK or self.size not in _SIZES:
            raise GalagoError(
                "board.storage",
                f"expected a card of {_SIZES.start:,} to {_SIZES.stop - 1:,} bytes in blocks of {BLOCK}, "
                f"{path or 'it'} has {self.size:,}: choose another file, or a missing one for a new card",
            )
        self._path = path
        self._inserted = True
        self._storage: Storage | None = None
        self._slot = -1

    @property
    def inserted(self) -> bool:
        """Whether the card is in the slot; may be set at any time."""
        return self._inserted

    @inserted.setter
    def inserted(self, inserted: bool) -> None:
        self._inserted = inserted
        if self._storage:
            os.pwrite(self._slot, b"1" if inserted else b"0", 0)

    @property
    def descriptors(self) -> tuple[int, int]:
        """Those of the open card's image, and of the slot: a byte "1" there says that the card is in."""
        assert self._storage
        return self._storage.descriptor, self._slot

    def open(self) -> None:
        """Open the image, or make it. Raises GalagoError as Storage does."""
        self._storage = Storage(self.size, self._path)
        with tempfile.TemporaryFile() as file:
            self._slot = os.dup(file.fileno())
        self.inserted = self._inserted

    def close(self) -> None:
        """Close the image."""
        if self._storage:
            self._storage.close()
            os.close(self._slot)
            self._storage = None
