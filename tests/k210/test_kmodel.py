# SPDX-License-Identifier: MIT
"""Kmodel files: public files byte for byte, layers against plain struct packing, and damaged files."""

import struct
from pathlib import Path

import numpy as np
import pytest
from random_networks import RandomNetwork

from galago.errors import GalagoError
from galago.targets.k210 import cpu_layers
from galago.targets.k210.compiler import compile_model
from galago.targets.k210.kmodel import Kmodel
from galago.targets.k210.kpu_conv import KpuConv
from galago.targets.k210.layer import KmodelLayer
from galago.targets.k210.registers import Registers
from galago.targets.k210.simulator import Simulator

REAL = ("mbnet75", "face_detect", "mask", "mnist")


@pytest.fixture(scope="module")
def small() -> bytes:
    """A compiled network of a few kilobytes: three KPU layers, one of them with a 3x3 map, and a head."""
    net = RandomNetwork(np.random.default_rng(1), size=12)
    net.conv(4, stride=2)
    net.depthwise(stride=2)
    net.conv(4, kernel=1)
    net.head(5)
    return compile_model(net.finish()).model.write()


@pytest.mark.parametrize("name", REAL)
def test_a_real_file_read_and_written_is_the_same(data: Path, name: str) -> None:
    file = (data / "kmodels" / f"{name}.kmodel").read_bytes()
    assert Kmodel.read(file).write() == file


def test_registers_of_a_real_file_by_name(data: Path) -> None:
    """Sipeed's MobileNet 0.75, whose structure is documented elsewhere."""
    model = Kmodel.read((data / "kmodels" / "mbnet75.kmodel").read_bytes())
    convs = [layer for layer in model.layers if isinstance(layer, KpuConv)]
    assert (len(model.layers), len(convs), model.main_bytes) == (35, 28, 188160)
    assert model.outputs == [(180160, 4000)]
    first = convs[0].registers
    assert (first.i_ch_num, first.i_row_wid, first.i_col_high, first.o_ch_num) == (3, 224, 224, 24)
    assert (first.image_src_addr, first.image_dst_addr, first.kernel_type, first.pool_type) == (
        30080,
        0,
        1,
        5,
    )
    assert first.dma_burst_size == 15
    assert [r.depth_wise_layer for r in (conv.registers for conv in convs)].count(1) == 13
    assert [conv.registers.pool_type for conv in convs].count(5) == 5
    assert not any(conv.registers.pool_type for conv in convs if conv.registers.depth_wise_layer)
    last = convs[-1].registers
    assert (last.o_ch_num, last.load_time, last.o_ch_num_coef, last.para_size) == (1000, 25, 40, 30720)
    live = convs[1].activation
    assert (live.start[10], live.mul[10], live.shift[10], live.bias[10]) == (0, 1024, 20, 0)


def test_signed_registers() -> None:
    registers = Registers(arg_x=-(128 << 15), arg_w=-(255 << 15), arg_add=-5, shr_x=15, shr_w=15)
    words = struct.unpack("<12Q", registers.pack())
    assert words[9] == 15 | 15 << 4 | (-(255 << 15) & 0xFFFFFF) << 8 | (-(128 << 15) & 0xFFFFFF) << 32
    assert words[10] == 2**40 - 5
    assert Registers.unpack(registers.pack()) == registers


@pytest.mark.parametrize(
    ("layer", "form", "values"),
    [
        (cpu_layers.Add(1, 8, 16, 24, 2), "<5I", (1, 8, 16, 24, 2)),
        (cpu_layers.Quantize(1, 8, 16, 2, 0.5, -3.0), "<4I2f", (1, 8, 16, 2, 0.5, -3.0)),
        (cpu_layers.GlobalAveragePool(1, 0, 64, 9, 4), "<5I", (1, 0, 64, 9, 4)),
        (cpu_layers.Softmax(1, 0, 64, 10), "<4I", (1, 0, 64, 10)),
        (
            cpu_layers.QuantizedAdd(1, 0, 8, 16, 8, -3, 5, 2, -4, 6, 2, 7, 9, 10),
            "<5I9i",
            (1, 0, 8, 16, 8, -3, 5, 2, -4, 6, 2, 7, 9, 10),
        ),
        (
            cpu_layers.Concat(1, 64, 2, np.array([0, 8, 16, 8], np.uint32)),
            "<7I",
            (1, 64, 2, 0, 8, 16, 8),
        ),
        (
            cpu_layers.FullyConnected(
                1, 0, 8, 2, 1, 1, np.array([1.5, -2], np.float32), np.array([0.25], np.float32)
            ),
            "<6I3f",
            (1, 0, 8, 2, 1, 1, 1.5, -2.0, 0.25),
        ),
        (
            cpu_layers.ChannelwiseDequantize(1, 0, 8, 1, 4, np.array([0.5, -1], np.float32)),
            "<5I2f",
            (1, 0, 8, 1, 4, 0.5, -1.0),
        ),
    ],
)
def test_layer_bodies_are_fields_in_order(layer: KmodelLayer, form: str, values: tuple) -> None:
    body = struct.pack(form, *values)
    assert layer.write(0) == body
    assert type(layer).read(body, 0, len(body), "layer").write(0) == body


def test_a_compiled_file_read_and_written_is_the_same(small: bytes) -> None:
    assert Kmodel.read(small).write() == small


@pytest.mark.parametrize(
    ("at", "value", "code", "words"),
    [
        (0, 4, "model.malformed", "version 3"),
        (4, 0, "model.operator", "8-bit"),
        (8, 1, "model.malformed", "version 3"),
        (12, 1 << 30, "model.malformed", "entries"),
        (20, 7 << 20, "model.malformed", "main RAM"),
        (20, 8, "model.malformed", "of main RAM, which has 8"),
        (24, 1 << 31, "model.malformed", "entries"),
        (36, 10240 + 9, "model.operator", "type 10249"),
        (40, 1 << 31, "model.malformed", "layer 0: 2,147,483,648 bytes from"),
    ],
)
def test_a_damaged_header_is_named(small: bytes, at: int, value: int, code: str, words: str) -> None:
    broken = bytearray(small)
    struct.pack_into("<I", broken, at, value)
    with pytest.raises(GalagoError, match=words) as caught:
        Kmodel.read(bytes(broken))
    assert caught.value.code == code


def test_ten_thousand_mutations(small: bytes) -> None:
    """Each mutant is refused, or is a model that the simulator runs inside its memory."""
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (3, 12, 12)).astype(np.uint8)
    refused = ran = 0
    for number in range(10_000):
        broken = bytearray(small)
        for _ in range(int(rng.integers(1, 4))):
            end = len(broken) if rng.random() < 0.5 else 500  # headers and a body's numbers
            at = int(rng.integers(0, end))
            broken[at] = int(rng.integers(0, 256))
        if rng.random() < 0.1:
            del broken[int(rng.integers(0, len(broken))) :]
        try:
            mutant = Kmodel.read(bytes(broken))
            if number % 10 == 0:
                simulator = Simulator(mutant)
                if simulator.input_shape == picture.shape:
                    simulator.run(picture)
                    ran += 1
        except GalagoError:
            refused += 1
    assert refused > 2000
    assert ran > 100
