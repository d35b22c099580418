# SPDX-License-Identifier: MIT
"""The layout of feature maps in KPU RAM: 2 MiB in lines of 64 bytes.

    layout = MapLayout(line=0, channels=24, height=112, width=112)
    store(ram, layout, values)                  # uint8 [24, 112, 112] into uint8 [2 MiB]
    fetch(ram, layout)

A row takes whole lines. Up to a width of 32 a line holds one row of two channels, up to 16 one row of four.
"""

from dataclasses import dataclass

import numpy as np

LINE = 64  # bytes
LINES = 32768
RAM_BYTES = LINE * LINES


def channels_per_line(width: int) -> int:
    """Returns the number of channels that share a line."""
    return 4 if width <= 16 else 2 if width <= 32 else 1


def row_lines(width: int) -> int:
    """Returns the number of lines per row."""
    return -(-width // LINE)


def lines(channels: int, height: int, width: int) -> int:
    """Returns the number of lines of a map."""
    return row_lines(width) * height * -(-channels // channels_per_line(width))


def fewest_channels(size: int) -> tuple[int, tuple[int, int]]:
    """Returns channels and (height, width) of the map without gaps in `size` lines that has fewest channels.

    Its sides stay within those of public kmodels: up to 256 high and up to 256 wide.
    """
    sides = [
        (height, lines) for lines in (1, 2, 3, 4) for height in range(4, 257) if not size % (height * lines)
    ]
    height, lines = max(sides, key=lambda side: side[0] * side[1], default=(1, 1))
    return size // (height * lines), (height, lines * LINE)


@dataclass(frozen=True)
class MapLayout:
    """A feature map in KPU RAM, from `line` on."""

    line: int
    channels: int
    height: int
    width: int

    @property
    def end(self) -> int:
        """The first line after the map."""
        return self.line + lines(self.channels, self.height, self.width)


def fetch(ram: np.ndarray, layout: MapLayout) -> np.ndarray:
    """Returns a copy of a map, uint8 [channels, height, width]."""
    view = _view(ram, layout)
    return view.reshape(-1, layout.height, layout.width)[: layout.channels].copy()


def store(ram: np.ndarray, layout: MapLayout, values: np.ndarray) -> None:
    """Writes a map, uint8 [channels, height, width]; bytes between the rows are left unchanged."""
    view = _view(ram, layout)
    shared = view.shape[1]
    whole = layout.channels // shared
    view[:whole] = values[: whole * shared].reshape(whole, *view.shape[1:])
    if whole < len(view):
        view[whole, : layout.channels - whole * shared] = values[whole * shared :]


def _view(ram: np.ndarray, layout: MapLayout) -> np.ndarray:
    """Returns a writable view, [groups of channels, channels per group, height, width]."""
    shared = channels_per_line(layout.width)
    area = ram[layout.line * LINE : layout.end * LINE]
    rows = area.reshape(-1, layout.height, row_lines(layout.width) * LINE)
    if shared == 1:
        return rows[:, np.newaxis, :, : layout.width]
    return rows.reshape(-1, layout.height, shared, LINE // shared).swapaxes(1, 2)[..., : layout.width]
