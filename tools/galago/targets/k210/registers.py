# SPDX-License-Identifier: MIT
"""What configures the KPU for a layer: twelve 64-bit registers, a batch norm word per channel, a table.

    registers = Registers.unpack(data)          # 96 bytes
    registers.i_ch_num, registers.pool_type     # named by the vendor, with plain values: 24 channels are 24
    registers.pack() == data

Names and bits are those of the kendryte-standalone-sdk (kpu.h, kpu_layer_argument_t).
"""

import struct
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from galago.errors import GalagoError

WORDS = 12
SEGMENTS = 16  # of an activation table
SIGNED_BITS = 36  # of sums and of the input of the activation
ACTIVATION_BYTES = 9 * SEGMENTS  # one word and one bias each
POOL_STRIDES = {
    0: 1,
    1: 2,
    2: 2,
    3: 4,
    4: 4,
    5: 2,
    6: 2,
    7: 4,
    8: 1,
    9: 1,
}  # by pool_type, in pixels


def _bits(word: int, low: int, width: int, default: int = 0, *, less: int = 0, signed: bool = False) -> Any:
    """A field of a register word; `less` is subtracted before it is stored."""
    return field(
        default=default, metadata={"word": word, "low": low, "width": width, "less": less, "signed": signed}
    )


@dataclass
class Registers:
    """The registers of a layer. Counts and sizes are plain values; the KPU stores most of them minus one."""

    int_en: int = _bits(0, 0, 1)
    ram_flag: int = _bits(0, 1, 1)
    full_add: int = _bits(0, 2, 1)
    depth_wise_layer: int = _bits(0, 3, 1)
    image_src_addr: int = _bits(1, 0, 15)  # lines of 64 bytes
    image_dst_addr: int = _bits(1, 32, 15)
    i_ch_num: int = _bits(2, 0, 10, 1, less=1)
    o_ch_num: int = _bits(2, 32, 10, 1, less=1)
    o_ch_num_coef: int = _bits(2, 48, 10, 1, less=1)  # output channels whose weights are loaded at a time
    i_row_wid: int = _bits(3, 0, 10, 1, less=1)
    i_col_high: int = _bits(3, 10, 9, 1, less=1)
    o_row_wid: int = _bits(3, 32, 10, 1, less=1)
    o_col_high: int = _bits(3, 42, 9, 1, less=1)
    kernel_type: int = _bits(4, 0, 3)  # 0: 1x1, 1: 3x3
    pad_type: int = _bits(4, 3, 1)
    pool_type: int = _bits(4, 4, 4)
    first_stride: int = _bits(4, 8, 1)
    bypass_conv: int = _bits(4, 9, 1)
    load_para: int = _bits(4, 10, 1, 1)
    dma_burst_size: int = _bits(4, 16, 8, 15)
    pad_value: int = _bits(4, 24, 8)
    bwsx_base_addr: int = _bits(4, 32, 32)  # like the other two addresses filled in on the board
    load_coor: int = _bits(5, 0, 1, 1)
    load_time: int = _bits(5, 1, 6, 1, less=1)
    para_size: int = _bits(5, 15, 17)
    para_start_addr: int = _bits(5, 32, 32)
    coef_column_offset: int = _bits(6, 0, 4)
    coef_row_offset: int = _bits(6, 4, 12)
    channel_switch_addr: int = _bits(7, 0, 15)
    row_switch_addr: int = _bits(7, 16, 4)
    coef_size: int = _bits(7, 20, 8)
    coef_group: int = _bits(7, 28, 3, 1)
    load_act: int = _bits(7, 31, 1, 1)
    active_addr: int = _bits(7, 32, 32)
    wb_channel_switch_addr: int = _bits(8, 0, 15)
    wb_row_switch_addr: int = _bits(8, 16, 4)
    wb_group: int = _bits(8, 20, 3, 1)
    shr_w: int = _bits(9, 0, 4)
    shr_x: int = _bits(9, 4, 4)
    arg_w: int = _bits(9, 8, 24, signed=True)
    arg_x: int = _bits(9, 32, 24, signed=True)
    arg_add: int = _bits(10, 0, 40, signed=True)
    send_data_out: int = _bits(11, 0, 1)
    channel_byte_num: int = _bits(11, 16, 16, 1, less=1)
    dma_total_byte: int = _bits(11, 32, 32, 1, less=1)

    @classmethod
    def unpack(cls, data: bytes) -> "Registers":
        """Reads 96 bytes. Raises GalagoError model.malformed if undefined bits are set."""
        words = list(struct.unpack(f"<{WORDS}Q", data))
        values = {}
        for one in fields(cls):
            at = one.metadata
            mask = (1 << at["width"]) - 1
            value = words[at["word"]] >> at["low"] & mask
            words[at["word"]] &= ~(mask << at["low"])
            if at["signed"] and value >> (at["width"] - 1):
                value -= 1 << at["width"]
            values[one.name] = value + at["less"]
        for word, rest in enumerate(words):
            if rest:
                raise GalagoError(
                    "model.malformed", f"register word {word} sets unknown bits 0x{rest:x}: compile it again"
                )
        return cls(**values)

    def pack(self) -> bytes:
        """Returns 96 bytes. Raises OverflowError if a value does not fit, which a compiler must prevent."""
        words = [0] * WORDS
        for one in fields(self):
            at = one.metadata
            value = getattr(self, one.name) - at["less"]
            low = -(1 << at["width"] - 1) if at["signed"] else 0
            if not low <= value < low + (1 << at["width"]):
                raise OverflowError(f"{one.name} = {getattr(self, one.name)} does not fit its register")
            words[at["word"]] |= (value & (1 << at["width"]) - 1) << at["low"]
        return struct.pack(f"<{WORDS}Q", *words)

    @property
    def kernel(self) -> int:
        """Height and width of the kernel: 1 or 3."""
        return 3 if self.kernel_type else 1

    @property
    def weights_shape(self) -> tuple[int, int, int, int]:
        """Shape of the weights: outputs, inputs of each output, kernel height, kernel width."""
        return self.o_ch_num, 1 if self.depth_wise_layer else self.i_ch_num, self.kernel, self.kernel


@dataclass
class BatchNorm:
    """Batch norm per output channel: (A * mul >> shift) + add, mul signed 24 bits, add signed 32 bits."""

    mul: np.ndarray  # int64 [channels]
    add: np.ndarray
    shift: np.ndarray

    @classmethod
    def unpack(cls, data: bytes) -> "BatchNorm":
        """Reads 8 bytes per channel. Raises GalagoError model.malformed if the upper four bits are not 0."""
        words = np.frombuffer(data, "<u8")
        if np.any(words >> np.uint64(60)):
            raise GalagoError("model.malformed", "a batch norm word sets unknown bits: compile it again")
        words = words.astype(np.int64)  # below 2**60
        return cls(_signed(words, 24), _signed(words >> 24, 32), words >> 56)

    def pack(self) -> bytes:
        """Returns 8 bytes per channel."""
        mul, add = self.mul & (1 << 24) - 1, self.add & (1 << 32) - 1
        return (mul | add << 24 | self.shift << 56).astype("<u8").tobytes()


@dataclass
class ActivationTable:
    """A function in 16 segments: from `start` on, (V - start) * mul >> shift, rounded, plus `bias`."""

    start: np.ndarray  # int64 [16], ascending, signed 36 bits
    mul: np.ndarray  # signed 16 bits
    shift: np.ndarray  # 0..255 in the table, 0..43 used by compilers
    bias: np.ndarray  # 0..255

    @classmethod
    def unpack(cls, data: bytes) -> "ActivationTable":
        """Reads 144 bytes.

        Raises GalagoError model.malformed for undefined bits, descending starts or large shifts.
        """
        words = np.frombuffer(data, "<u8", SEGMENTS)
        bias = np.frombuffer(data, np.uint8, SEGMENTS, 8 * SEGMENTS).astype(np.int64)
        if np.any(words >> np.uint64(60)):
            raise GalagoError("model.malformed", "an activation table sets unknown bits: compile it again")
        words = words.astype(np.int64)
        table = cls(_signed(words >> 24, 36), _signed(words >> 8, 16), words & 255, bias)
        if np.any(np.diff(table.start) < 0) or np.any(table.shift > 62):
            raise GalagoError(
                "model.malformed",
                "an activation table needs ascending starts and shifts up to 62: compile it again",
            )
        return table

    def pack(self) -> bytes:
        """Returns 144 bytes."""
        start, mul = self.start & (1 << 36) - 1, self.mul & (1 << 16) - 1
        words = self.shift | mul << 8 | start << 24
        return words.astype("<u8").tobytes() + self.bias.astype(np.uint8).tobytes()


def _signed(words: np.ndarray, width: int) -> np.ndarray:
    """Returns the lower `width` bits as signed numbers."""
    return (words & (1 << width) - 1 ^ 1 << width - 1) - (1 << width - 1)
