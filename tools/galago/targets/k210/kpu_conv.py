# SPDX-License-Identifier: MIT
"""The layer that the KPU runs (K210_CONV of the file format), and the registers that follow from others.

conv.source, conv.target            # the maps that it reads and writes
conv.weights                        # uint8 [outputs, inputs or 1 if depthwise, kernel, kernel]
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from galago.errors import GalagoError
from galago.targets.k210 import kpu_ram
from galago.targets.k210.kpu_ram import MapLayout
from galago.targets.k210.layer import Area, KmodelLayer, check_size
from galago.targets.k210.registers import (
    ACTIVATION_BYTES,
    POOL_STRIDES,
    SEGMENTS,
    ActivationTable,
    BatchNorm,
    Registers,
)

WEIGHT_CHUNK = (
    30 * 1024
)  # bytes of weights that the KPU loads at a time; the vendor's compilers use this bound


@dataclass
class KpuConv(KmodelLayer):
    """One run of the KPU: convolution, batch norm, activation, pooling.

    Bit 0 of flags copies it to `output`.
    """

    code = 10240
    output: int = 0
    registers: Registers = field(default_factory=Registers)
    weights: np.ndarray = field(default_factory=lambda: np.zeros((1, 1, 1, 1), np.uint8))
    batch_norm: BatchNorm = field(default_factory=lambda: BatchNorm(*np.zeros((3, 1), np.int64)))
    activation: ActivationTable = field(
        default_factory=lambda: ActivationTable(*np.zeros((4, SEGMENTS), np.int64))
    )

    @classmethod
    def read(cls, data: bytes, start: int, size: int, where: str) -> "KpuConv":
        """Reads the body data[start : start + size]. Raises GalagoError model.malformed, naming `where`."""
        check_size(24, size, where)
        flags, output, *offsets = struct.unpack_from("<6I", data, start)

        def blob(number: int, length: int) -> bytes:
            at = offsets[number]
            if not start <= at <= start + size - length:
                raise GalagoError(
                    "model.malformed",
                    f"{where}: {length:,} bytes at {at:,}, its body is {start:,} to {start + size:,}: "
                    "copy it again",
                )
            return data[at : at + length]

        registers = Registers.unpack(blob(0, 96))
        shape = registers.weights_shape
        weights = np.frombuffer(blob(1, int(np.prod(shape))), np.uint8).reshape(shape)
        batch_norm = BatchNorm.unpack(blob(2, 8 * registers.o_ch_num))
        activation = ActivationTable.unpack(blob(3, ACTIVATION_BYTES))
        return cls(flags, output, registers, weights, batch_norm, activation)

    def write(self, start: int) -> bytes:
        """Returns the body for position `start` of the file, blobs aligned as by the vendor's compiler."""
        body, offsets = bytearray(24), []
        blobs = (
            self.registers.pack(),
            self.weights.tobytes(),
            self.batch_norm.pack(),
            self.activation.pack(),
        )
        for blob, alignment in zip(blobs, (8, 128, 128, 256), strict=True):
            body += bytes(-(start + len(body)) % alignment)
            offsets.append(start + len(body))
            body += blob
        struct.pack_into("<6I", body, 0, self.flags, self.output, *offsets)
        return bytes(body)

    @property
    def source(self) -> MapLayout:
        """The map that the layer reads."""
        r = self.registers
        return MapLayout(r.image_src_addr, r.i_ch_num, r.i_col_high, r.i_row_wid)

    @property
    def target(self) -> MapLayout:
        """The map that the layer writes."""
        r = self.registers
        return MapLayout(r.image_dst_addr, r.o_ch_num, r.o_col_high, r.o_row_wid)

    def kpu_maps(self) -> Iterator[MapLayout]:
        """Yields source and target."""
        yield self.source
        yield self.target

    def main_areas(self) -> Iterator[Area]:
        """Yields the copy in main RAM, which the DMA writes in words of 8 bytes."""
        if self.flags & 1:
            target = self.target
            yield self.output, -(-target.channels * target.height * target.width // 8) * 8

    def check(self, main_bytes: int, where: str) -> None:
        """Also checks that registers are consistent, and refuses features that no known file uses."""
        super().check(main_bytes, where)
        r = self.registers
        unknown = (
            r.full_add,
            r.first_stride,
            r.bypass_conv,
            r.pad_type,
            r.kernel_type > 1,
            r.pool_type not in POOL_STRIDES,
        )
        if any(unknown) or (r.depth_wise_layer and (r.pool_type or r.i_ch_num != r.o_ch_num)):
            raise GalagoError(
                "model.operator", f"{where}: KPU features that no known file uses: compile it again"
            )
        for name, expected in derived(r).items():
            if getattr(r, name) != expected:
                raise GalagoError(
                    "model.malformed",
                    f"{where}: register {name} is {getattr(r, name)}, expected {expected}: compile it again",
                )


def derived(r: Registers) -> dict[str, int]:
    """Returns the registers that follow from shape, kernel and pool, as in all 1107 layers of a survey."""
    stride = POOL_STRIDES[r.pool_type]
    height, width = max(1, r.i_col_high // stride), max(1, r.i_row_wid // stride)
    weight_bytes = int(np.prod(r.weights_shape))
    coef = (
        r.o_ch_num
        if r.depth_wise_layer
        else max(1, min(r.o_ch_num, WEIGHT_CHUNK * r.o_ch_num // weight_bytes))
    )
    return {
        "o_row_wid": width,
        "o_col_high": height,
        "o_ch_num_coef": coef,
        "load_time": -(-r.o_ch_num // coef),
        "para_size": weight_bytes // r.o_ch_num * coef,
        "channel_switch_addr": kpu_ram.row_lines(r.i_row_wid) * r.i_col_high,
        "row_switch_addr": kpu_ram.row_lines(r.i_row_wid),
        "coef_group": kpu_ram.channels_per_line(r.i_row_wid),
        "wb_channel_switch_addr": kpu_ram.row_lines(width) * height,
        "wb_row_switch_addr": kpu_ram.row_lines(width),
        "wb_group": kpu_ram.channels_per_line(width),
        "channel_byte_num": (width * height - 1 & 0xFFFF) + 1,
        "dma_total_byte": width * height * r.o_ch_num,
    }
