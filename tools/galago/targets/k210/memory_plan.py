# SPDX-License-Identifier: MIT
"""Memory planning: assigns addresses to buffers in KPU RAM and main RAM over the order of the layers.

lowered = LoweredLayer(layer, {"image_src_addr": Location(buffer, 0)})
plan([lowered, ...], kept=[])       # gives every buffer an address and writes addresses into the layers
"""

from dataclasses import dataclass
from typing import Literal

from galago.errors import GalagoError
from galago.targets.k210 import kpu_ram
from galago.targets.k210.kmodel import MAX_MAIN_BYTES
from galago.targets.k210.kpu_conv import KpuConv
from galago.targets.k210.layer import KmodelLayer

_ALIGNMENT = 8  # bytes of main RAM: floats, and the DMA's words of 64 bits


@dataclass(eq=False)
class Buffer:
    """Lines of KPU RAM or bytes of main RAM, live from the first layer that uses it to the last."""

    memory: Literal["kpu", "main"]
    size: int
    address: int = 0


@dataclass(frozen=True)
class Location:
    """An offset in a buffer."""

    buffer: Buffer
    offset: int = 0


@dataclass
class LoweredLayer:
    """A layer without addresses, and the locations that they will be.

    Keys of `locations` are fields of the layer, or registers of a KpuConv. `name` is that of the TFLite
    layer.
    """

    layer: KmodelLayer
    locations: dict[str, Location]
    name: str = ""


def plan(lowered: list[LoweredLayer], kept: list[Buffer]) -> dict[str, int]:
    """Assigns all buffers, fills in the addresses, and returns the used sizes of "kpu" and "main" memory.

    Buffers that are live at the same time never overlap; the largest are placed first, each as low as
    possible. `kept` stay live to the end. Raises `memory.kpu` and `memory.main`.
    """
    lifetimes: dict[Buffer, tuple[int, int]] = {}
    for number, one in enumerate(lowered):
        for location in one.locations.values():
            first = lifetimes.get(location.buffer, (number, number))[0]
            lifetimes[location.buffer] = first, number
    for buffer in kept:
        lifetimes[buffer] = lifetimes[buffer][0], len(lowered)
    used = {}
    for memory, limit, code in (
        ("kpu", kpu_ram.LINES, "memory.kpu"),
        ("main", MAX_MAIN_BYTES, "memory.main"),
    ):
        chosen = {buffer: lifetime for buffer, lifetime in lifetimes.items() if buffer.memory == memory}
        used[memory] = _assign(chosen)
        if used[memory] > limit:
            raise _too_large(code, limit, lowered, chosen)
    for one in lowered:
        for name, location in one.locations.items():
            owner = one.layer
            if isinstance(owner, KpuConv) and name != "output":
                setattr(owner.registers, name, location.buffer.address + location.offset)
            else:
                setattr(owner, name, location.buffer.address + location.offset)
    return used


def _assign(lifetimes: dict[Buffer, tuple[int, int]]) -> int:
    """Gives each buffer its address. Returns the end of the highest buffer."""
    assigned: list[Buffer] = []
    for buffer in sorted(lifetimes, key=lambda one: (-one.size, lifetimes[one])):
        first, last = lifetimes[buffer]
        others = [one for one in assigned if lifetimes[one][0] <= last and first <= lifetimes[one][1]]
        address = 0
        for other in sorted(others, key=lambda one: one.address):
            if address + buffer.size <= other.address:
                break
            address = max(address, other.address + _aligned_size(other))
        buffer.address = address
        assigned.append(buffer)
    return max((one.address + _aligned_size(one) for one in assigned), default=0)


def _aligned_size(buffer: Buffer) -> int:
    return buffer.size if buffer.memory == "kpu" else -(-buffer.size // _ALIGNMENT) * _ALIGNMENT


def _too_large(
    code: str, limit: int, lowered: list[LoweredLayer], lifetimes: dict[Buffer, tuple[int, int]]
) -> GalagoError:
    """Returns an error that names the layer with the largest live buffers."""
    loads = [
        sum(buffer.size for buffer, lifetime in lifetimes.items() if lifetime[0] <= number <= lifetime[1])
        for number in range(len(lowered))
    ]
    worst = max(range(len(lowered)), key=loads.__getitem__)
    unit = kpu_ram.LINE if code == "memory.kpu" else 1
    memory = "KPU" if code == "memory.kpu" else "main"
    return GalagoError(
        code,
        f"{lowered[worst].name} needs {loads[worst] * unit:,} bytes of {memory} RAM at once, "
        f"the K210 has {limit * unit:,}: use a smaller input or alpha",
    )
