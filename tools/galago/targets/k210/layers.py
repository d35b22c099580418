# SPDX-License-Identifier: MIT
"""The layers of a kmodel: one dataclass per type, its fields in the order of the file.

    layer = read(code, data, start, size, where)
    layer.check(main_bytes, where)          # everything it touches is where it may be
    layer.write(start)                      # its body, if it lies there in the file

`input`, `a`, `b` and `output` are byte addresses in main RAM, `line` a line of KPU RAM; maps are channels
first.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from galago.errors import GalagoError
from galago.targets.k210 import layout

Area = tuple[int, int]  # address and size in bytes


def _u32() -> Any:
    return field(default=0, metadata={"format": "I"})


def _i32() -> Any:
    return field(default=0, metadata={"format": "i"})


def _f32() -> Any:
    return field(default=0.0, metadata={"format": "f"})


def _empty() -> np.ndarray:
    """Where an array will be, of as many elements as `lengths` says."""
    return np.zeros(0)


@dataclass
class Layer:
    """What all layers have. `flags` 1 says that the result is in main RAM."""

    code: ClassVar[int] = 0
    areas: ClassVar[dict] = {}  # in main RAM, by field: bytes of an element, and the fields that count them
    flags: int = _u32()

    @classmethod
    def read(cls, data: bytes, start: int, size: int, where: str) -> "Layer":
        """The layer whose body is data[start : start + size]."""
        layer = cls()
        scalars = [one for one in fields(cls) if "format" in one.metadata]
        form = struct.Struct("<" + "".join(one.metadata["format"] for one in scalars))
        check_size(form.size, size, where)
        for one, value in zip(scalars, form.unpack_from(data, start), strict=True):
            if value != value or abs(value) == float("inf"):
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
            raise GalagoError("model.malformed", f"{where}: {size:,} bytes for {at:,}: compile it again")
        return layer

    def write(self, start: int) -> bytes:
        """The body, without the zeros that follow it."""
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
        """Elements of each array field."""
        return {}

    def main_areas(self) -> Iterator[Area]:
        """What it reads and writes in main RAM."""
        for name, (width, *factors) in self.areas.items():
            yield getattr(self, name), width * math.prod(getattr(self, factor) for factor in factors)

    def places(self) -> Iterator[layout.Place]:
        """The maps that it reads and writes in KPU RAM."""
        return iter(())

    def check(self, main_bytes: int, where: str) -> None:
        """`model.malformed` where it leaves main RAM or KPU RAM."""
        for address, size in self.main_areas():
            check_area(address, size, main_bytes, where)
        for place in self.places():
            if min(place.channels, place.height, place.width) < 1 or place.end > layout.LINES:
                raise GalagoError(
                    "model.malformed",
                    f"{where}: a map of {place.channels}x{place.height}x{place.width} at line {place.line}, "
                    f"KPU RAM has {layout.LINES}: compile it again",
                )


@dataclass
class Add(Layer):
    """Float sum."""

    code = 1
    areas: ClassVar = {"a": (4, "count"), "b": (4, "count"), "output": (4, "count")}
    a: int = _u32()
    b: int = _u32()
    output: int = _u32()
    count: int = _u32()


@dataclass
class QuantizedAdd(Add):
    """Sum of uint8, each operand shifted by an offset and scaled by mul >> shift."""

    code = 2
    areas: ClassVar = {"a": (1, "count"), "b": (1, "count"), "output": (1, "count")}
    a_offset: int = _i32()
    a_mul: int = _i32()
    a_shift: int = _i32()
    b_offset: int = _i32()
    b_mul: int = _i32()
    b_shift: int = _i32()
    output_offset: int = _i32()
    output_mul: int = _i32()
    output_shift: int = _i32()

    def check(self, main_bytes: int, where: str) -> None:
        """Also its own numbers."""
        super().check(main_bytes, where)
        shifts = (self.a_shift, self.b_shift, self.output_shift)
        if not all(0 <= shift <= 32 for shift in shifts):
            raise GalagoError(
                "model.malformed", f"{where}: shifts {shifts}, wanted 0 to 32: compile it again"
            )


@dataclass
class GlobalAveragePool(Layer):
    """Float mean over `size` pixels of each channel."""

    code = 5
    areas: ClassVar = {"input": (4, "size", "channels"), "output": (4, "channels")}
    input: int = _u32()
    output: int = _u32()
    size: int = _u32()
    channels: int = _u32()

    def check(self, main_bytes: int, where: str) -> None:
        """Also its own numbers."""
        super().check(main_bytes, where)
        if not self.size or not self.channels:
            raise GalagoError("model.malformed", f"{where}: a mean of nothing: compile it again")


@dataclass
class QuantizedMaxPool(Layer):
    """Maximum over windows of uint8; taps outside count as 0."""

    code = 8
    areas: ClassVar = {
        "input": (1, "in_width", "in_height", "in_channels"),
        "output": (1, "out_width", "out_height", "out_channels"),
    }
    input: int = _u32()
    output: int = _u32()
    in_width: int = _u32()
    in_height: int = _u32()
    in_channels: int = _u32()
    out_width: int = _u32()
    out_height: int = _u32()
    out_channels: int = _u32()
    kernel_width: int = _u32()
    kernel_height: int = _u32()
    stride_width: int = _u32()
    stride_height: int = _u32()
    pad_width: int = _u32()
    pad_height: int = _u32()

    def check(self, main_bytes: int, where: str) -> None:
        """Also its own numbers."""
        super().check(main_bytes, where)
        steps = (self.kernel_width, self.kernel_height, self.stride_width, self.stride_height)
        sizes = (self.in_width, self.in_height, self.out_width, self.out_height)
        if self.in_channels != self.out_channels or not all(0 < n <= 1024 for n in (*steps, *sizes)):
            raise GalagoError(
                "model.malformed", f"{where}: windows {steps} on maps of {sizes}: compile it again"
            )
        if max(self.pad_width, self.pad_height) > 1024:
            raise GalagoError(
                "model.malformed", f"{where}: padding {self.pad_width}, {self.pad_height}: compile it again"
            )


@dataclass
class Quantize(Layer):
    """Float to uint8: (x - bias) / scale, rounded half away from zero."""

    code = 11
    areas: ClassVar = {"input": (4, "count"), "output": (1, "count")}
    input: int = _u32()
    output: int = _u32()
    count: int = _u32()
    scale: float = _f32()
    bias: float = _f32()

    def check(self, main_bytes: int, where: str) -> None:
        """Also its own numbers."""
        super().check(main_bytes, where)
        if not self.scale:
            raise GalagoError("model.malformed", f"{where}: a scale of 0: compile it again")


@dataclass
class Dequantize(Layer):
    """Uint8 to float: x * scale + bias."""

    code = 12
    areas: ClassVar = {"input": (1, "count"), "output": (4, "count")}
    input: int = _u32()
    output: int = _u32()
    count: int = _u32()
    scale: float = _f32()
    bias: float = _f32()


@dataclass
class Requantize(Layer):
    """Uint8 to uint8 through a table."""

    code = 13
    areas: ClassVar = {"input": (1, "count"), "output": (1, "count")}
    input: int = _u32()
    output: int = _u32()
    count: int = _u32()
    table: np.ndarray = field(default_factory=_empty, metadata={"array": "u1"})

    def lengths(self) -> dict[str, int]:
        """Elements of each array field."""
        return {"table": 256}


@dataclass
class _Channels(Layer):
    """A function of one float vector."""

    code = 0
    areas: ClassVar = {"input": (4, "channels"), "output": (4, "channels")}
    input: int = _u32()
    output: int = _u32()
    channels: int = _u32()

    def check(self, main_bytes: int, where: str) -> None:
        """Also its own numbers."""
        super().check(main_bytes, where)
        if not self.channels:
            raise GalagoError("model.malformed", f"{where}: no channels: compile it again")


class L2Normalization(_Channels):
    """x / |x|."""

    code = 14


class Softmax(_Channels):
    """Probabilities of logits."""

    code = 15


class Logistic(_Channels):
    """1 / (1 + exp(-x))."""

    code = 25


@dataclass
class Concat(Layer):
    """Byte areas one behind the other; `pieces` is [k, 2] of start and bytes."""

    code = 16
    output: int = _u32()
    count: int = _u32()
    pieces: np.ndarray = field(default_factory=_empty, metadata={"array": "<u4"})

    def lengths(self) -> dict[str, int]:
        """Elements of each array field."""
        return {"pieces": 2 * self.count}

    def main_areas(self) -> Iterator[Area]:
        """The result and its pieces."""
        yield self.output, sum(int(size) for size in self.pieces[1::2])
        for address, size in self.pieces.reshape(-1, 2):
            yield int(address), int(size)


class QuantizedConcat(Concat):
    """The same for uint8."""

    code = 17


@dataclass
class FullyConnected(Layer):
    """Float, weights [outputs][inputs]; `act` is 0 none, 1 ReLU, 2 ReLU6."""

    code = 18
    areas: ClassVar = {"input": (4, "inputs"), "output": (4, "outputs")}
    input: int = _u32()
    output: int = _u32()
    inputs: int = _u32()
    outputs: int = _u32()
    act: int = _u32()
    weights: np.ndarray = field(default_factory=_empty, metadata={"array": "<f4"})
    bias: np.ndarray = field(default_factory=_empty, metadata={"array": "<f4"})

    def lengths(self) -> dict[str, int]:
        """Elements of each array field."""
        return {"weights": self.inputs * self.outputs, "bias": self.outputs}

    def check(self, main_bytes: int, where: str) -> None:
        """Also its own numbers."""
        super().check(main_bytes, where)
        if self.act > 2:
            raise GalagoError(
                "model.operator", f"{where}: activation {self.act} is not known: use ReLU or ReLU6"
            )


@dataclass
class Flatten(Layer):
    """Float [channels, height, width] to [height, width, channels]."""

    code = 20
    areas: ClassVar = {
        "input": (4, "width", "height", "channels"),
        "output": (4, "width", "height", "channels"),
    }
    input: int = _u32()
    output: int = _u32()
    width: int = _u32()
    height: int = _u32()
    channels: int = _u32()


@dataclass
class ChannelwiseDequantize(Layer):
    """Uint8 to float with scale and bias per channel of `size` values; `factors` is [channels, 2] of both."""

    code = 24
    areas: ClassVar = {"input": (1, "channels", "size"), "output": (4, "channels", "size")}
    input: int = _u32()
    output: int = _u32()
    channels: int = _u32()
    size: int = _u32()
    factors: np.ndarray = field(default_factory=_empty, metadata={"array": "<f4"})

    def lengths(self) -> dict[str, int]:
        """Elements of each array field."""
        return {"factors": 2 * self.channels}


@dataclass
class AddPadding(Layer):
    """A vector of uint8 into KPU RAM, as the left top pixels of maps of 4x4."""

    code = 10241
    areas: ClassVar = {"input": (1, "channels")}
    input: int = _u32()
    line: int = _u32()
    channels: int = _u32()

    def places(self) -> Iterator[layout.Place]:
        """The map in KPU RAM."""
        yield layout.Place(self.line, self.channels, 4, 4)


@dataclass
class RemovePadding(Layer):
    """The left top pixels of maps of 4x4 in main RAM, as a vector."""

    code = 10242
    areas: ClassVar = {"input": (16, "channels"), "output": (1, "channels")}
    input: int = _u32()
    output: int = _u32()
    channels: int = _u32()


@dataclass
class Upload(Layer):
    """A map from main RAM into KPU RAM."""

    code = 10243
    areas: ClassVar = {"input": (1, "width", "height", "channels")}
    input: int = _u32()
    line: int = _u32()
    width: int = _u32()
    height: int = _u32()
    channels: int = _u32()

    def places(self) -> Iterator[layout.Place]:
        """The map in KPU RAM."""
        yield layout.Place(self.line, self.channels, self.height, self.width)


def check_area(address: int, size: int, main_bytes: int, where: str) -> None:
    """`model.malformed` where a piece of main RAM is not inside it."""
    if address + size > main_bytes:
        raise GalagoError(
            "model.malformed",
            f"{where}: {size:,} bytes at {address:,} of main RAM, which has {main_bytes:,}: compile it again",
        )


def check_size(wanted: int, size: int, where: str) -> None:
    """`model.malformed` where a body is too short."""
    if size < wanted:
        raise GalagoError(
            "model.malformed", f"{where}: its body has {size:,} bytes, wanted {wanted:,}: copy it again"
        )
