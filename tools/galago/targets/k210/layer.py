# SPDX-License-Identifier: MIT
"""The base of all layers of a kmodel: fields that are read, checked and written in the order of the file.

    layer = SomeLayer.read(data, start, size, where)
    layer.check(main_bytes, where)          # everything it accesses is inside its memory
    layer.write(start)                      # its body, for that position in the file

A layer is a dataclass of scalars (u32(), i32() and f32()), then of arrays with `lengths()` elements. Fields
named `input`, `a`, `b` and `output` are byte addresses in main RAM, `line` is a line of KPU RAM; feature maps
are channels first.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self

import numpy as np

from galago.errors import GalagoError
from galago.targets.k210.kpu_ram import LINES, MapLayout

Area = tuple[int, int]  # address and size in bytes


def u32() -> Any:
    """A field of an unsigned 32-bit integer."""
    return field(default=0, metadata={"format": "I"})


def i32() -> Any:
    """A field of a signed 32-bit integer."""
    return field(default=0, metadata={"format": "i"})


def f32() -> Any:
    """A field of a 32-bit float."""
    return field(default=0.0, metadata={"format": "f"})


def empty_array() -> np.ndarray:
    """The default of an array field, whose metadata "array" is its dtype."""
    return np.zeros(0)


@dataclass
class KmodelLayer:
    """The base class. Bit 0 of `flags` is set if the result is in main RAM."""

    code: ClassVar[int] = 0
    areas: ClassVar[dict] = {}
    """Areas of main RAM: address field → bytes of an element, and the fields whose product counts them."""
    flags: int = u32()

    @classmethod
    def read(cls, data: bytes, start: int, size: int, where: str) -> Self:
        """Reads the body data[start : start + size]. Raises GalagoError model.malformed, naming `where`."""
        layer = cls()
        scalars = [one for one in fields(cls) if "format" in one.metadata]
        form = struct.Struct("<" + "".join(one.metadata["format"] for one in scalars))
        check_size(form.size, size, where)
        for one, value in zip(scalars, form.unpack_from(data, start), strict=True):
            if not math.isfinite(value):
                raise GalagoError("model.malformed", f"{where}: {one.name} is {value}: compile it again")
            setattr(layer, one.name, value)
        at = form.size
        for one in fields(cls):
            if dtype := one.metadata.get("array"):
                count = layer.lengths()[one.name]
                length = count * np.dtype(dtype).itemsize
                check_size(at + length, size, where)
                setattr(layer, one.name, np.frombuffer(data, dtype, count, start + at))
                at += length
        if at + 7 < size:
            raise GalagoError(
                "model.malformed",
                f"{where}: its body has {size:,} bytes, expected {at:,}: compile it again",
            )
        return layer

    def write(self, start: int) -> bytes:
        """Returns the body for position `start` of the file, without trailing padding."""
        scalars = [one for one in fields(self) if "format" in one.metadata]
        form = "<" + "".join(one.metadata["format"] for one in scalars)
        arrays = [one for one in fields(self) if "array" in one.metadata]
        return b"".join(
            [
                struct.pack(form, *(getattr(self, one.name) for one in scalars)),
                *(getattr(self, one.name).astype(one.metadata["array"]).tobytes() for one in arrays),
            ]
        )

    def lengths(self) -> dict[str, int]:
        """Returns the number of elements of each array field."""
        return {}

    def main_areas(self) -> Iterator[Area]:
        """Yields the areas of main RAM that the layer reads and writes."""
        for name, (width, *factors) in self.areas.items():
            yield getattr(self, name), width * math.prod(getattr(self, factor) for factor in factors)

    def kpu_maps(self) -> Iterator[MapLayout]:
        """Yields the feature maps in KPU RAM that the layer reads and writes."""
        return iter(())

    def check(self, main_bytes: int, where: str) -> None:
        """Raises GalagoError model.malformed if the layer accesses anything outside main RAM or KPU RAM."""
        for address, size in self.main_areas():
            check_area(address, size, main_bytes, where)
        for layout in self.kpu_maps():
            if min(layout.channels, layout.height, layout.width) < 1 or layout.end > LINES:
                raise GalagoError(
                    "model.malformed",
                    f"{where}: a map of {layout.channels}x{layout.height}x{layout.width} at line "
                    f"{layout.line}, KPU RAM has {LINES}: compile it again",
                )


def check_area(address: int, size: int, main_bytes: int, where: str) -> None:
    """Raises GalagoError model.malformed if an area of main RAM is not inside it."""
    if address + size > main_bytes:
        raise GalagoError(
            "model.malformed",
            f"{where}: {size:,} bytes at {address:,} of main RAM, which has {main_bytes:,}: compile it again",
        )


def check_size(expected: int, size: int, where: str) -> None:
    """Raises GalagoError model.malformed if a body is too short."""
    if size < expected:
        raise GalagoError(
            "model.malformed",
            f"{where}: its body has {size:,} bytes, expected {expected:,}: copy it again",
        )
