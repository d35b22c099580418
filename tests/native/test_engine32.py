# SPDX-License-Identifier: MIT
"""The engine's machine code for 32-bit boards against TensorFlow Lite Micro, with guard pages."""

import numpy as np
import pytest

from galago import models
from galago.errors import GalagoError
from galago.native.verify import count
from galago.native.verify.device import Device
from galago.tflite.tflm import Tflm
from support import operator_models
from support.builder import NONE, RELU, RELU6, SAME, VALID, Builder

CORES = ("armv6m", "armv7emsp", "rv32imc")
RELUS = (6 / 255, -128)  # scale and zero point after RELU6
# Instructions per MAC: a little above what was counted last, so that a slower kernel is noticed.
LIMIT_OF_BLOCK = {"armv6m": 22.6, "armv7emsp": 22.2, "rv32imc": 19.6}
LIMIT = 14.05  # of a whole network, the calls into the runtime included


def graphs(random: np.random.Generator):
    """Yields small models of every operator with its special cases."""

    def int8(*shape):
        return random.integers(-127, 128, shape).astype(np.int8)

    def bias(count, size=3000):
        return random.integers(-size, size, count).astype(np.int32)

    def scales(count, low, high):
        # Multipliers and shifts over the whole range that a model of this scale can have.
        return [float(s) for s in np.exp(random.uniform(np.log(low), np.log(high), count))]

    for zero_in, zero_out, activation, low, high in [
        (-128, -128, RELU6, 1e-4, 1e-2),
        (127, 127, NONE, 1e-6, 1e-1),  # shifts from 1 to the right by more than 20
        (0, -128, RELU, 1e-2, 5.0),  # shifts to the left: nearly everything saturates
        (-7, 3, NONE, 3e-5, 3e-5),
    ]:
        graph = Builder((1, 5, 7, 3), 0.02, zero_in)
        y = graph.conv(
            graph.input, int8(9, 3, 3, 3), bias(9), scales(9, low, high),
            stride=(2, 2), padding=SAME, activation=activation, out=(0.05, zero_out),
        )  # fmt: skip
        y = graph.depthwise(
            y, int8(1, 3, 3, 9), bias(9), scales(9, low, high),
            padding=SAME, activation=activation, out=(0.03, zero_out),
        )  # fmt: skip
        y = graph.conv(
            y, int8(6, 1, 1, 9), bias(6), scales(6, low, high), activation=activation, out=(0.04, zero_out)
        )
        y = graph.depthwise(
            y, int8(1, 2, 3, 12), None, scales(12, low, high),
            stride=(1, 2), padding=VALID, out=(0.05, zero_in),
        )  # fmt: skip
        yield "convolutions", graph.finish(y)

        graph = Builder((1, 4, 6, 5), 0.02, zero_in)
        y = graph.pad(graph.input, [(0, 0), (1, 2), (0, 1), (0, 0)])
        y = graph.conv(y, int8(4, 3, 3, 5), bias(4), scales(4, low, high), padding=VALID, out=(0.1, zero_out))
        z = graph.conv(y, int8(4, 1, 1, 4), bias(4), scales(1, low, high), out=(0.07, zero_in))
        y = graph.add(y, z, activation=activation, out=(0.09, zero_out))
        y = graph.average(y, (2, 2), stride=(2, 2), padding=VALID)
        y = graph.mean(y, out=(0.08, zero_in))
        y = graph.dense(y, int8(3, 4), bias(3), scales(3, low, high), out=(0.1, zero_out))
        yield "a whole network", graph.finish(graph.softmax(y))

    yield "inverted residuals", inverted_residuals(random)

    # Accumulators at the ends of 32 bits.
    graph = Builder((1, 1, 1, 64), 1.0, -128)
    weights = np.full((4, 1, 1, 64), 127, np.int8)
    weights[1::2] = -127
    extremes = np.array([(1 << 31) - 1 - 64 * 127 * 255, -(1 << 31) + 64 * 127 * 255, 0, 0], np.int32)
    y = graph.conv(graph.input, weights, extremes, [1e-6, 1e-6, 1e-3, 1e-3], out=(20.0, 0))
    yield "extreme accumulators", graph.finish(y)


def inverted_residuals(random: np.random.Generator) -> bytes:
    """A small MobileNetV2: linear bottlenecks, sums, padding before strides, odd channel counts."""

    def int8(*shape):
        return np.clip(random.normal(0, 40, shape), -127, 127).astype(np.int8)

    def scales(count, taps):
        return list(random.uniform(0.3, 1, count) / (40 * 74 * np.sqrt(taps)) * 100)

    graph = Builder((1, 14, 14, 3), 1 / 128, 0)
    y = graph.pad(graph.input, [(0, 0), (0, 1), (0, 1), (0, 0)])
    y = graph.conv(
        y, int8(8, 3, 3, 3), None, scales(8, 27), stride=(2, 2), padding=VALID, activation=RELU6, out=RELUS
    )
    for depth, expansion, stride in [(5, 1, 1), (6, 6, 2), (6, 6, 1), (9, 6, 1), (9, 6, 1), (9, 3, 1)]:
        kept, wide = y, expansion * graph.shape(y)[3]
        if expansion > 1:
            y = graph.conv(
                y, int8(wide, 1, 1, graph.shape(y)[3]), None, scales(wide, graph.shape(y)[3]),
                activation=RELU6, out=RELUS,
            )  # fmt: skip
        if stride == 2:  # as Keras pads
            side = graph.shape(y)[1] % 2, 1
            y = graph.pad(y, [(0, 0), side, side, (0, 0)])
        y = graph.depthwise(
            y, int8(1, 3, 3, wide), None, scales(wide, 9), stride=(stride, stride),
            padding=VALID if stride == 2 else SAME, activation=RELU6, out=RELUS,
        )  # fmt: skip
        zero = int(random.integers(-20, 20))
        y = graph.conv(y, int8(depth, 1, 1, wide), None, scales(depth, wide), out=(0.05, zero))
        if graph.shape(y) == graph.shape(kept):
            y = graph.add(kept, y, out=(0.07, zero))
    y = graph.conv(y, int8(33, 1, 1, 9), None, scales(33, 9), activation=RELU6, out=RELUS)
    y = graph.dense(graph.mean(y, out=RELUS), int8(5, 33), None, [0.01], out=(0.2, 3))
    return graph.finish(graph.softmax(y))


@pytest.mark.parametrize("arch", CORES)
def test_every_operator_equals_tflm(arch):
    random = np.random.default_rng(11)
    strict, fast = Device(arch, strict=True), Device(arch)
    for name, model in graphs(random):
        oracle = Tflm(model)
        for device, picture in (
            (strict, random.integers(-128, 128, oracle.input_shape)),
            (fast, np.full(oracle.input_shape, -128)),
            (fast, np.full(oracle.input_shape, 127)),
        ):
            picture = picture.astype(np.int8)
            counted = count.run(model, device, picture)
            count.check(counted, oracle.tensors(picture))
            assert counted.tensors[-1] == oracle.run(picture).tobytes(), name


@pytest.mark.parametrize("arch", CORES)
def test_a_block_of_mobilenet_stays_within_its_count(arch):
    random = np.random.default_rng(5)

    def int8(*shape):
        return np.clip(random.normal(0, 30, shape), -127, 127).astype(np.int8)

    graph = Builder((1, 24, 24, 3), 1 / 128, 0)
    y = graph.conv(
        graph.input, int8(8, 3, 3, 3), None, [0.01] * 8, stride=(2, 2), activation=RELU6, out=(0.03, -128)
    )
    y = graph.depthwise(y, int8(1, 3, 3, 8), None, [0.02] * 8, activation=RELU6, out=(0.03, -128))
    y = graph.conv(y, int8(32, 1, 1, 8), None, [0.02] * 32, activation=RELU6, out=(0.03, -128))
    y = graph.depthwise(
        y, int8(1, 3, 3, 32), None, [0.02] * 32, stride=(2, 2), activation=RELU6, out=(0.03, -128)
    )
    model = graph.finish(graph.conv(y, int8(64, 1, 1, 32), None, [0.01] * 64, out=(0.05, 0)))
    picture = random.integers(-128, 128, (1, 24, 24, 3)).astype(np.int8)
    counted = count.run(model, Device(arch), picture)
    count.check(counted, Tflm(model).tensors(picture))
    assert sum(counted.functions().values()) == counted.instructions == sum(counted.mix().values())
    assert counted.instructions < LIMIT_OF_BLOCK[arch] * counted.macs


@pytest.mark.parametrize("number", range(len(operator_models.names())), ids=operator_models.names())
def test_a_random_model_of_each_operator_equals_tflm(number: int) -> None:
    """On one of the cores each."""
    model = operator_models.build(operator_models.names()[number], number)
    oracle = Tflm(model)
    picture = np.random.default_rng(number).integers(-128, 128, oracle.input_shape).astype(np.int8)
    counted = count.run(model, Device(CORES[number % 3]), picture)
    count.check(counted, oracle.tensors(picture))


@pytest.mark.parametrize("arch", CORES)
def test_a_whole_network_is_exact_and_within_its_count(data, arch):
    """MobileNetV1 0.25@96, for which figures of other engines are known."""
    model = (data / "weights" / "vww_96_int8.tflite").read_bytes()
    picture = np.random.default_rng(1).integers(-128, 128, (1, 96, 96, 3)).astype(np.int8)
    counted = count.run(model, Device(arch), picture)
    count.check(counted, Tflm(model).tensors(picture))
    assert counted.instructions + counted.runtime <= LIMIT * counted.macs


def test_the_shipped_model_is_exact_and_its_macs_are_right():
    model = models.find("everyday-v1-025-96")
    picture, expected = next(model.golden())
    data = model.tflite.read_bytes()
    counted = count.run(data, Device("armv6m"), picture)
    count.check(counted, Tflm(data).tensors(picture))
    assert counted.tensors[-1] == expected.tobytes()
    assert counted.macs == model.contract["macs"]


def test_a_wrong_byte_is_found():
    graph = Builder((1, 2, 2, 3), 0.02, 0)
    weights = np.ones((2, 1, 1, 3), np.int8)
    model = graph.finish(graph.conv(graph.input, weights, None, [0.1, 0.1], out=(0.05, 0)))
    picture = np.ones((1, 2, 2, 3), np.int8)
    tensors = Tflm(model).tensors(picture)
    counted = count.run(model, Device("armv6m"), picture)
    count.check(counted, tensors)
    counted.tensors[0][5] ^= 1
    with pytest.raises(GalagoError, match=r"layer 0 CONV_2D on Cortex-M0\+: 1 of 8 bytes differ") as error:
        count.check(counted, tensors)
    assert error.value.code == "native.differs"
