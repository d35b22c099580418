# SPDX-License-Identifier: MIT
"""What may go wrong with a board, on demand and the same each time.

EmulatedBoard(board, image, faults=Faults(power_at=17))      # the power fails in the 17th write of a block
EmulatedBoard(board, faults=Faults(noise=Noise(seed=3, flipped=1e-4)))
"""

import random
from dataclasses import dataclass, field


@dataclass
class Noise:
    """A bad line: the share of bytes that lose a bit, are dropped, or are followed by one that is made up."""

    seed: int
    flipped: float = 0.0
    dropped: float = 0.0
    added: float = 0.0
    changed: int = field(default=0, init=False)
    """How many bytes it has spoilt so far."""

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def spoil(self, data: bytes) -> bytes:
        """What arrives of `data`."""
        spoilt = bytearray()
        for byte in data:
            chance = self._random.random()
            if chance < self.dropped:
                self.changed += 1
                continue
            chance -= self.dropped
            if chance < self.flipped:
                byte ^= 1 << self._random.randrange(8)
                self.changed += 1
            spoilt.append(byte)
            if 0 <= chance - self.flipped < self.added:
                spoilt.append(self._random.randrange(256))
                self.changed += 1
        return bytes(spoilt)


@dataclass(kw_only=True)
class Faults:
    """Of one emulated board, from power on. None is never; bytes are those that the client has sent."""

    power_at: int | None = None
    """The number, from 1, of the write to flash of which half is done when the power fails."""
    read_only: bool = False
    """The file system takes no writes."""
    unplug_after: int | None = None
    reset_after: int | None = None
    """Bytes after which the cable is pulled, or the board restarts by itself; once."""
    stall_after: int | None = None
    stall: float = 1.0
    """Bytes after which the board says nothing for this many seconds; once."""
    to_board: Noise | None = None
    to_client: Noise | None = None
    arrived: int = field(default=0, init=False)
    """Bytes that the client has sent so far."""
