# SPDX-License-Identifier: MIT
"""The layers of a kmodel that the CPU runs: one dataclass per type, its fields in the order of the file.

`input`, `a`, `b` and `output` are byte addresses in main RAM, `line` is a line of KPU RAM (layer.py). Codes,
names and fields are those of nncase 0.1 (kmodel version 3).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from galago.errors import GalagoError
from galago.targets.k210.kpu_ram import MapLayout
from galago.targets.k210.layer import Area, KmodelLayer, empty_array, f32, i32, u32


@dataclass
class Add(KmodelLayer):
    """Adds float arrays."""

    code = 1
    areas: ClassVar = {"a": (4, "count"), "b": (4, "count"), "output": (4, "count")}
    a: int = u32()
    b: int = u32()
    output: int = u32()
    count: int = u32()


@dataclass
class QuantizedAdd(Add):
    """Adds uint8 arrays; operands and result are shifted by an offset and scaled by mul >> shift."""

    code = 2
    areas: ClassVar = {"a": (1, "count"), "b": (1, "count"), "output": (1, "count")}
    a_offset: int = i32()
    a_mul: int = i32()
    a_shift: int = i32()
    b_offset: int = i32()
    b_mul: int = i32()
    b_shift: int = i32()
    output_offset: int = i32()
    output_mul: int = i32()
    output_shift: int = i32()

    def check(self, main_bytes: int, where: str) -> None:
        """Also checks the layer's own values."""
        super().check(main_bytes, where)
        shifts = (self.a_shift, self.b_shift, self.output_shift)
        if not all(0 <= shift <= 32 for shift in shifts):
            raise GalagoError(
                "model.malformed", f"{where}: shifts {shifts}, expected 0 to 32: compile it again"
            )


@dataclass
class GlobalAveragePool(KmodelLayer):
    """Float mean of the `size` pixels of each channel."""

    code = 5
    areas: ClassVar = {"input": (4, "size", "channels"), "output": (4, "channels")}
    input: int = u32()
    output: int = u32()
    size: int = u32()
    channels: int = u32()

    def check(self, main_bytes: int, where: str) -> None:
        """Also checks the layer's own values."""
        super().check(main_bytes, where)
        if not self.size or not self.channels:
            raise GalagoError("model.malformed", f"{where}: the mean of an empty array: compile it again")


@dataclass
class QuantizedMaxPool(KmodelLayer):
    """Maximum over windows of uint8; pixels outside the map count as 0."""

    code = 8
    areas: ClassVar = {
        "input": (1, "in_width", "in_height", "in_channels"),
        "output": (1, "out_width", "out_height", "out_channels"),
    }
    input: int = u32()
    output: int = u32()
    in_width: int = u32()
    in_height: int = u32()
    in_channels: int = u32()
    out_width: int = u32()
    out_height: int = u32()
    out_channels: int = u32()
    kernel_width: int = u32()
    kernel_height: int = u32()
    stride_width: int = u32()
    stride_height: int = u32()
    pad_width: int = u32()
    pad_height: int = u32()

    def check(self, main_bytes: int, where: str) -> None:
        """Also checks the layer's own values."""
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
class Quantize(KmodelLayer):
    """Float to uint8: (x - bias) / scale, halves rounded away from zero."""

    code = 11
    areas: ClassVar = {"input": (4, "count"), "output": (1, "count")}
    input: int = u32()
    output: int = u32()
    count: int = u32()
    scale: float = f32()
    bias: float = f32()

    def check(self, main_bytes: int, where: str) -> None:
        """Also checks the layer's own values."""
        super().check(main_bytes, where)
        if not self.scale:
            raise GalagoError("model.malformed", f"{where}: a scale of 0: compile it again")


@dataclass
class Dequantize(KmodelLayer):
    """Uint8 to float: x * scale + bias."""

    code = 12
    areas: ClassVar = {"input": (1, "count"), "output": (4, "count")}
    input: int = u32()
    output: int = u32()
    count: int = u32()
    scale: float = f32()
    bias: float = f32()


@dataclass
class Requantize(KmodelLayer):
    """Uint8 to uint8 by a table of 256 bytes."""

    code = 13
    areas: ClassVar = {"input": (1, "count"), "output": (1, "count")}
    input: int = u32()
    output: int = u32()
    count: int = u32()
    table: np.ndarray = field(default_factory=empty_array, metadata={"array": "u1"})

    def lengths(self) -> dict[str, int]:
        """Returns the number of elements of each array field."""
        return {"table": 256}


@dataclass
class _VectorFunction(KmodelLayer):
    """A function of a float vector."""

    code = 0
    areas: ClassVar = {"input": (4, "channels"), "output": (4, "channels")}
    input: int = u32()
    output: int = u32()
    channels: int = u32()

    def check(self, main_bytes: int, where: str) -> None:
        """Also checks the layer's own values."""
        super().check(main_bytes, where)
        if not self.channels:
            raise GalagoError("model.malformed", f"{where}: no channels: compile it again")


class L2Normalization(_VectorFunction):
    """x / |x|."""

    code = 14


class Softmax(_VectorFunction):
    """Softmax over the channels."""

    code = 15


class Logistic(_VectorFunction):
    """1 / (1 + exp(-x))."""

    code = 25


@dataclass
class Concat(KmodelLayer):
    """Concatenates areas of main RAM; `pieces` is [count, 2] of address and size in bytes."""

    code = 16
    output: int = u32()
    count: int = u32()
    pieces: np.ndarray = field(default_factory=empty_array, metadata={"array": "<u4"})

    def lengths(self) -> dict[str, int]:
        """Returns the number of elements of each array field."""
        return {"pieces": 2 * self.count}

    def main_areas(self) -> Iterator[Area]:
        """Yields the result and its pieces."""
        yield self.output, sum(int(size) for size in self.pieces[1::2])
        for address, size in self.pieces.reshape(-1, 2):
            yield int(address), int(size)


class QuantizedConcat(Concat):
    """Concatenates uint8 arrays."""

    code = 17


@dataclass
class FullyConnected(KmodelLayer):
    """Float dense layer; weights are [outputs, inputs], `act` is 0 for none, 1 for ReLU, 2 for ReLU6."""

    code = 18
    areas: ClassVar = {"input": (4, "inputs"), "output": (4, "outputs")}
    input: int = u32()
    output: int = u32()
    inputs: int = u32()
    outputs: int = u32()
    act: int = u32()
    weights: np.ndarray = field(default_factory=empty_array, metadata={"array": "<f4"})
    bias: np.ndarray = field(default_factory=empty_array, metadata={"array": "<f4"})

    def lengths(self) -> dict[str, int]:
        """Returns the number of elements of each array field."""
        return {"weights": self.inputs * self.outputs, "bias": self.outputs}

    def check(self, main_bytes: int, where: str) -> None:
        """Also checks the layer's own values."""
        super().check(main_bytes, where)
        if self.act > 2:
            raise GalagoError("model.operator", f"{where}: unknown activation {self.act}: use ReLU or ReLU6")


@dataclass
class Flatten(KmodelLayer):
    """Transposes float [channels, height, width] to [height, width, channels]."""

    code = 20
    areas: ClassVar = {
        "input": (4, "width", "height", "channels"),
        "output": (4, "width", "height", "channels"),
    }
    input: int = u32()
    output: int = u32()
    width: int = u32()
    height: int = u32()
    channels: int = u32()


@dataclass
class ChannelwiseDequantize(KmodelLayer):
    """Uint8 [channels, size] to float; `factors` is [channels, 2] of scale and bias."""

    code = 24
    areas: ClassVar = {"input": (1, "channels", "size"), "output": (4, "channels", "size")}
    input: int = u32()
    output: int = u32()
    channels: int = u32()
    size: int = u32()
    factors: np.ndarray = field(default_factory=empty_array, metadata={"array": "<f4"})

    def lengths(self) -> dict[str, int]:
        """Returns the number of elements of each array field."""
        return {"factors": 2 * self.channels}


@dataclass
class AddPadding(KmodelLayer):
    """Copies a uint8 vector into KPU RAM, as the top left pixels of 4x4 maps."""

    code = 10241
    areas: ClassVar = {"input": (1, "channels")}
    input: int = u32()
    line: int = u32()
    channels: int = u32()

    def kpu_maps(self) -> Iterator[MapLayout]:
        """Yields the map in KPU RAM."""
        yield MapLayout(self.line, self.channels, 4, 4)


@dataclass
class RemovePadding(KmodelLayer):
    """Copies the top left pixels of 4x4 maps in main RAM to a vector."""

    code = 10242
    areas: ClassVar = {"input": (16, "channels"), "output": (1, "channels")}
    input: int = u32()
    output: int = u32()
    channels: int = u32()


@dataclass
class Upload(KmodelLayer):
    """Copies a uint8 map from main RAM into KPU RAM."""

    code = 10243
    areas: ClassVar = {"input": (1, "width", "height", "channels")}
    input: int = u32()
    line: int = u32()
    width: int = u32()
    height: int = u32()
    channels: int = u32()

    def kpu_maps(self) -> Iterator[MapLayout]:
        """Yields the map in KPU RAM."""
        yield MapLayout(self.line, self.channels, self.height, self.width)
