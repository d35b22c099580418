# SPDX-License-Identifier: MIT
"""Where things lie: buffers of KPU RAM and main RAM, planned over the order of the layers.

step = Step(layer, {"image_src_addr": Spot(buffer, 0)})
plan(steps)                         # gives every buffer its address and writes addresses into the layers
"""

from dataclasses import dataclass
from typing import Literal

from galago.errors import GalagoError
from galago.targets.k210 import layout
from galago.targets.k210.conv import Conv
from galago.targets.k210.kmodel import LARGEST_RAM
from galago.targets.k210.layers import Layer

_ALIGNMENT = 8  # bytes of main RAM: floats, and the DMA's words of 64 bits


@dataclass(eq=False)
class Buffer:
    """Lines of KPU RAM, or bytes of main RAM, kept from the first step that names it to the last."""

    memory: Literal["kpu", "main"]
    size: int
    address: int = 0


@dataclass(frozen=True)
class Spot:
    """A place in a buffer."""

    buffer: Buffer
    offset: int = 0


@dataclass
class Step:
    """A layer, and the spots that its addresses will be: fields of the layer, or registers of a Conv."""

    layer: Layer
    spots: dict[str, Spot]
    name: str = ""


def plan(steps: list[Step], kept: list[Buffer]) -> dict[str, int]:
    """Places all buffers and fills in the addresses; gives the sizes of both memories in use.

    What lives at the same time never overlaps; the largest are placed first, each as low as it can be.
    `kept` live to the end. Raises `memory.kpu` and `memory.main`.
    """
    lives: dict[Buffer, tuple[int, int]] = {}
    for number, step in enumerate(steps):
        for spot in step.spots.values():
            first = lives.get(spot.buffer, (number, number))[0]
            lives[spot.buffer] = first, number
    for buffer in kept:
        lives[buffer] = lives[buffer][0], len(steps)
    used = {}
    for memory, limit, code in (
        ("kpu", layout.LINES, "memory.kpu"),
        ("main", LARGEST_RAM, "memory.main"),
    ):
        chosen = {buffer: life for buffer, life in lives.items() if buffer.memory == memory}
        used[memory] = _place(chosen)
        if used[memory] > limit:
            _refuse(code, limit, steps, chosen)
    for step in steps:
        for name, spot in step.spots.items():
            owner = step.layer
            if isinstance(owner, Conv) and name != "output":
                setattr(owner.registers, name, spot.buffer.address + spot.offset)
            else:
                setattr(owner, name, spot.buffer.address + spot.offset)
    return used


def _place(lives: dict[Buffer, tuple[int, int]]) -> int:
    """Gives each buffer its address; gives the end of the highest."""
    placed: list[Buffer] = []
    for buffer in sorted(lives, key=lambda one: (-one.size, lives[one])):
        first, last = lives[buffer]
        others = [one for one in placed if lives[one][0] <= last and first <= lives[one][1]]
        address = 0
        for other in sorted(others, key=lambda one: one.address):
            if address + buffer.size <= other.address:
                break
            address = max(address, other.address + _rounded(other))
        buffer.address = address
        placed.append(buffer)
    return max((one.address + _rounded(one) for one in placed), default=0)


def _rounded(buffer: Buffer) -> int:
    return buffer.size if buffer.memory == "kpu" else -(-buffer.size // _ALIGNMENT) * _ALIGNMENT


def _refuse(code: str, limit: int, steps: list[Step], lives: dict[Buffer, tuple[int, int]]) -> None:
    loads = [
        sum(buffer.size for buffer, life in lives.items() if life[0] <= number <= life[1])
        for number in range(len(steps))
    ]
    worst = max(range(len(steps)), key=loads.__getitem__)
    unit = layout.LINE if code == "memory.kpu" else 1
    memory = "KPU" if code == "memory.kpu" else "main"
    raise GalagoError(
        code,
        f"{steps[worst].name} wants {loads[worst] * unit:,} bytes of {memory} RAM at once, "
        f"the K210 has {limit * unit:,}: take a smaller input or alpha",
    )
