# SPDX-License-Identifier: MIT
"""Buffers in a machine's memory, and how errors name them."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Region:
    """A buffer in a machine's memory; `size` is in bytes."""

    name: str
    address: int
    size: int
    writable: bool


def nearest(regions: Iterable[Region], address: int) -> str:
    """Where an address is relative to the nearest buffer, to append to a message; "" without buffers."""
    distance = {r: max(r.address - address, address - r.address - r.size) for r in regions}
    if not distance:
        return ""
    region = min(distance, key=distance.__getitem__)
    kind = "" if region.writable else "read-only "
    return f": offset {address - region.address} of {kind}{region.name}, {region.size} bytes"
