# SPDX-License-Identifier: MIT
"""How feature maps lie in the KPU's RAM: 2 MiB in lines of 64 bytes.

    place = Place(line=0, channels=24, height=112, width=112)
    store(ram, place, values)                   # uint8 [24, 112, 112] into uint8 [2 MiB]
    fetch(ram, place)

A row takes whole lines. Of maps up to 32 wide a line holds one row of two channels, up to 16 wide of four.
"""

from dataclasses import dataclass

import numpy as np

LINE = 64  # bytes
LINES = 32768
RAM_BYTES = LINE * LINES


def groups(width: int) -> int:
    """How many channels share a line."""
    return 4 if width <= 16 else 2 if width <= 32 else 1


def row_lines(width: int) -> int:
    """Lines per row."""
    return -(-width // LINE)


def lines(channels: int, height: int, width: int) -> int:
    """Lines of a whole map."""
    return row_lines(width) * height * -(-channels // groups(width))


def fewest_channels(size: int) -> tuple[int, tuple[int, int]]:
    """Channels, height and width of a map without gaps that takes `size` lines, of as few channels as can be.

    Its sides are within those of public kmodels: up to 256 high, up to 256 wide.
    """
    sides = [
        (height, lines) for lines in (1, 2, 3, 4) for height in range(4, 257) if not size % (height * lines)
    ]
    height, lines = max(sides, key=lambda side: side[0] * side[1], default=(1, 1))
    return size // (height * lines), (height, lines * LINE)


@dataclass(frozen=True)
class Place:
    """A map in the KPU's RAM."""

    line: int
    channels: int
    height: int
    width: int

    @property
    def end(self) -> int:
        """The first line after it."""
        return self.line + lines(self.channels, self.height, self.width)


def fetch(ram: np.ndarray, place: Place) -> np.ndarray:
    """A copy of the map, uint8 [channels, height, width]."""
    view = _view(ram, place)
    return view.reshape(-1, place.height, place.width)[: place.channels].copy()


def store(ram: np.ndarray, place: Place, values: np.ndarray) -> None:
    """Writes uint8 [channels, height, width]; what lies between the rows stays."""
    view = _view(ram, place)
    shared = view.shape[1]
    whole = place.channels // shared
    view[:whole] = values[: whole * shared].reshape(whole, *view.shape[1:])
    if whole < len(view):
        view[whole, : place.channels - whole * shared] = values[whole * shared :]


def _view(ram: np.ndarray, place: Place) -> np.ndarray:
    """A writable view, [groups of channels, channels in a group, height, width]."""
    shared = groups(place.width)
    area = ram[place.line * LINE : place.end * LINE]
    rows = area.reshape(-1, place.height, row_lines(place.width) * LINE)
    if shared == 1:
        return rows[:, np.newaxis, :, : place.width]
    return rows.reshape(-1, place.height, shared, LINE // shared).swapaxes(1, 2)[..., : place.width]
