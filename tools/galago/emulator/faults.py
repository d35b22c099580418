# SPDX-License-Identifier: MIT
"""Reproducible faults of an emulated board.

EmulatedBoard(board, image, faults=Faults(power_at=17))      # the power fails during the 17th block write
EmulatedBoard(board, faults=Faults(noise=Noise(seed=3, flipped=1e-4)))
"""

import random
from dataclasses import dataclass, field


@dataclass
class Noise:
    """A bad line: the fractions of bytes with one bit flipped, dropped, or followed by a random byte."""

    seed: int
    flipped: float = 0.0
    dropped: float = 0.0
    added: float = 0.0
    changed: int = field(default=0, init=False)
    """Number of bytes corrupted so far."""

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def corrupt(self, data: bytes) -> bytes:
        """Returns what arrives of `data`."""
        received = bytearray()
        for byte in data:
            chance = self._random.random()
            if chance < self.dropped:
                self.changed += 1
                continue
            chance -= self.dropped
            if chance < self.flipped:
                byte ^= 1 << self._random.randrange(8)
                self.changed += 1
            received.append(byte)
            if 0 <= chance - self.flipped < self.added:
                received.append(self._random.randrange(256))
                self.changed += 1
        return bytes(received)


@dataclass(kw_only=True)
class Faults:
    """The faults of one emulated board, counted from power on. None means never."""

    power_at: int | None = None
    """Number (from 1) of the flash write that is half done when the power fails."""
    read_only: bool = False
    """The file system is mounted read-only."""
    unplug_after: int | None = None
    reset_after: int | None = None
    """Bytes from the client after which the cable is pulled, or the board restarts by itself; once."""
    stall_after: int | None = None
    stall: float = 1.0
    """After `stall_after` bytes from the client the board prints nothing for `stall` seconds; once."""
    to_board: Noise | None = None
    to_client: Noise | None = None
    arrived: int = field(default=0, init=False)
    """Number of bytes received from the client so far."""
