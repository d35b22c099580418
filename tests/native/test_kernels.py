# SPDX-License-Identifier: MIT
"""Generated kernels against TensorFlow Lite Micro, byte for byte, each buffer between guard pages."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from networks import network
from test_engine32 import graphs

from galago import models
from galago.native import kernels
from galago.native.verify import count, machines
from galago.native.verify.cores import CORES
from galago.native.verify.device import Device
from galago.native.verify.trial import Trial
from galago.tflite import records
from galago.tflite.reference import ReferenceKernels, reference
from galago.tflite.tflm import Tflm
from support import mobilenets
from support.builder import NONE, RELU, RELU6, SAME, VALID, Builder
from support.requirements import requires


def runnable(arch: str):
    """Returns a test parameter for `arch`; code for Xtensa and Helium runs in QEMU, the others in Unicorn."""
    in_qemu = {
        "xtensawin": requires("qemu-xtensa", debian="qemu-user"),
        "helium": requires("qemu-system-arm", debian="qemu-system-arm"),
    }
    return pytest.param(arch, marks=in_qemu.get(arch, ()))


ARCHS = [runnable(arch) for arch in machines.ARCHITECTURES]
# The cores that the device package runs on around the kernels; those left out run the same code.
BOARDS = [param for param in ARCHS if param.values[0] not in ("x64", "armv7m", "armv7emdp", "helium")]
SCALAR = [param for param in ARCHS if param.values[0] in ("armv6m", "rv32imc", "xtensawin", "helium")]
MOST_STACK = 320  # bytes
# Instructions per MAC of the shipped model, a little above what was counted last.
LIMITS = {"armv7emsp": 1.25, "rv32imc": 3.45, "xtensawin": 4.4, "armv6m": 4.8}


def layer(random: np.random.Generator, kind: str, shifted: bool = False) -> bytes:
    """A model of one layer, of random shape and scales; if `shifted`, its weights have a zero point."""

    def int8(*shape):
        return random.integers(-127, 128, shape).astype(np.int8)

    def pick(*values):
        return values[int(random.integers(len(values)))]

    height, width = (int(n) for n in random.integers(3, 11, 2))
    channels, filters = 4 * int(random.integers(1, 9)), int(random.integers(2, 14))
    if kind == "convolution":
        channels = pick(1, 3, 4)
    if kind == "depthwise":
        filters = channels
    zero_in, (zero_out, activation) = pick(-128, 127, 0, -7), pick((-128, RELU6), (3, NONE), (-20, RELU))
    # Shifts to the right, of 0 too: the factor of a sum is the scale x 0.4.
    scales = [float(s) for s in np.exp(random.uniform(np.log(1e-4), np.log(pick(0.01, 2)), filters))]
    more = {"activation": activation, "out": (0.05, zero_out)}
    bias = (
        random.integers(-3000, 3000, filters).astype(np.int32) if random.random() < 0.8 or shifted else None
    )
    if shifted:  # uint8 kernels demand one scale, and biases
        scales = scales[:1]
    graph = Builder((1, channels) if kind == "dense" else (1, height, width, channels), 0.02, zero_in)
    y = _layer(graph, kind, filters, bias, scales, more, int8, pick)
    if shifted:
        weights: Any = graph.graph.tensors[graph.graph.operators[0].inputs[1]]
        weights.quantization.zeroPoint = [pick(-128, 127, -7)]
    return graph.finish(y)


def _layer(graph: Builder, kind: str, filters: int, bias, scales, more, int8, pick) -> int:
    channels = graph.shape(graph.input)[-1]
    if kind == "dense":
        return graph.dense(graph.input, int8(filters, channels), bias, scales, **more)
    more["padding"] = pick(SAME, VALID)
    stride = pick(1, 2)
    if kind == "pointwise":
        return graph.conv(graph.input, int8(filters, 1, 1, channels), bias, scales, **more)
    more["stride"] = (stride, stride)
    if kind == "depthwise":
        return graph.depthwise(graph.input, int8(1, 3, 3, channels), bias, scales, **more)
    window = pick((3, 3), (1, 1), (2, 3), (3, 2))
    return graph.conv(graph.input, int8(filters, *window, channels), bias, scales, **more)


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("kind", ["convolution", "depthwise", "pointwise", "dense"])
def test_layers_of_random_shape(arch, kind):
    """Every second one has weights with a zero point; its oracle are TensorFlow Lite's uint8 kernels."""
    random = np.random.default_rng(21)
    tried = shifted = 0
    for number in range(5 if arch == "helium" else 8):  # each starts a QEMU for Helium
        model = layer(random, kind, shifted=bool(number % 2))
        trial = Trial(model, arch, strict=True)
        if not trial.kernel(0):
            continue
        oracle = reference(model)
        picture = random.integers(-128, 128, oracle.input_shape).astype(np.int8)
        expected = oracle.run(picture).tobytes()
        assert trial.run(0, picture.tobytes()) == expected, trial.records[0].words
        assert trial.run(0, picture.tobytes(), rows=True) == expected, trial.records[0].words
        if kind != "depthwise":
            assert trial.run(0, picture.tobytes(), group=4) == expected, trial.records[0].words
        assert trial.stack <= MOST_STACK
        tried += 1
        shifted += isinstance(oracle, ReferenceKernels)
    assert tried >= 3
    assert shifted >= 2


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("seed", range(2))
def test_layers_of_a_network(arch, seed):
    """Every layer of a chain, with odd channel counts and any shift; scalar kernels compute all of them."""
    random = np.random.default_rng(seed)
    model = network(random, doubles=bool(seed % 2))
    oracle, trial = Tflm(model), Trial(model, arch, strict=True)
    picture = random.integers(-128, 128, oracle.input_shape).astype(np.int8)
    source = picture.tobytes()
    for number, tensor in enumerate(oracle.tensors(picture).values()):
        if arch.startswith(("armv7em", "helium")) and not trial.kernel(number):
            source = tensor.tobytes()
            continue
        for rows, group in ((False, 1 << 20), (True, 4), (False, 6)):
            if arch == "xtensawin":
                trial.machine.ends = rows  # type: ignore[attr-defined]
            found = trial.run(number, source, rows=rows, group=group)
            assert found == tensor.tobytes(), trial.records[number].words
        source = tensor.tobytes()
    assert trial.stack <= MOST_STACK


@pytest.mark.parametrize("seed", range(2))
def test_compact_kernels_serve_layers_of_any_stride_and_depth(seed):
    random = np.random.default_rng(seed)
    graph = Builder((1, 9, 10, 8), 0.02, -5)
    y = graph.input
    for stride, filters, activation in ((1, 12, RELU6), (2, 32, NONE), (2, 16, RELU6), (1, 5, NONE)):
        channels = graph.shape(y)[-1]
        scales = np.exp(random.uniform(-6, [-3, 0][seed], channels)).tolist()
        weights = random.integers(-127, 128, (1, 3, 3, channels)).astype(np.int8)
        biases = random.integers(-3000, 3000, channels).astype(np.int32)
        y = graph.depthwise(
            y, weights, biases, scales, padding=SAME, stride=(stride, stride), out=(6 / 255, -128)
        )
        scales = np.exp(random.uniform(-6, -3, filters)).tolist()
        weights = random.integers(-127, 128, (filters, 1, 1, channels)).astype(np.int8)
        y = graph.conv(y, weights, None, scales, activation=activation, out=(6 / 255, -128))
    model = graph.finish(y)
    oracle, trial = Tflm(model), Trial(model, "armv7emsp", strict=True, compact=True)
    assert {kernel.name.split("_")[0] for kernel in trial.kernels} >= {"depthwise", "pointwise"}
    assert len(trial.kernels) <= 5  # two of them with all layers
    picture = random.integers(-128, 128, oracle.input_shape).astype(np.int8)
    source = picture.tobytes()
    for number, tensor in enumerate(oracle.tensors(picture).values()):
        for rows in (False, True):
            assert trial.run(number, source, rows=rows) == tensor.tobytes(), trial.records[number].words
        source = tensor.tobytes()
    assert trial.stack <= MOST_STACK


@pytest.mark.parametrize("arch", SCALAR)
def test_tables(arch):
    """Multipliers and shifts for scales of every size, also close to a tie, equal those of TFLM's double."""
    random = np.random.default_rng(5)
    trial = Trial(network(random, doubles=False), arch, strict=True)
    for in_scale, out_scale, low, high in [(1.0, 1.0, -40, 0), (0.7, 0.03, -20, 1), (3e-5, 9e4, -30, 20)]:
        mantissas = random.integers(1 << 23, 1 << 24, 300)
        mantissas[:50] = (1 << 23) + np.arange(50)
        scales = (mantissas * np.exp2(random.integers(low, high, 300) - 23.0)).astype("<f4")
        biases = random.integers(-(1 << 31), 1 << 31, 300).astype("<i4")
        trial.model = b"xx" + scales.tobytes() + biases.tobytes()
        for step, bias in ((4, 2 + scales.nbytes), (0, 0)):
            bits = np.array([in_scale, out_scale], "<f4").view("<i4").tolist()
            values = {"in_scale": bits[0], "out_scale": bits[1], "out_c": 300, "scales": 2}
            values |= {"scale_step": step, "bias": bias}
            numbers = {records.Record.word(name): value for name, value in values.items()}
            trial.records[0] = records.Record(tuple(numbers.get(i, 0) for i in range(32)), (), ())
            factors = np.float64(scales if step else scales[0]) * np.float32(in_scale) / np.float32(out_scale)
            fractions, shifts = np.frexp(np.broadcast_to(factors, 300))
            multipliers = np.floor(fractions * (1 << 31) + 0.5)
            shifts = shifts + (multipliers == 1 << 31)
            multipliers = np.where(multipliers == 1 << 31, 1 << 30, multipliers) * (shifts >= -31)
            expected = np.stack([multipliers, shifts * (shifts >= -31), biases * bool(bias)], 1).astype("<i4")
            assert np.array_equal(np.frombuffer(trial.table(0), "<i4").reshape(-1, 3), expected)


@pytest.mark.parametrize("arch", BOARDS)
def test_every_operator_beside_viper(arch):
    """Whole models, in which kernels and viper share one arena."""
    random = np.random.default_rng(11)
    device = Device(arch)
    for _, model in list(graphs(random))[:5]:
        oracle = Tflm(model)
        picture = random.integers(-128, 128, oracle.input_shape).astype(np.int8)
        count.check(count.run(model, device, picture, kernels.build(model, arch)), oracle.tensors(picture))


@pytest.mark.parametrize("arch", BOARDS)
def test_the_shipped_model_is_exact_and_within_its_count(arch):
    model = models.find("everyday-v1-025-96")
    picture, expected = next(model.golden())
    data = model.tflite.read_bytes()
    counted = count.run(data, Device(arch), picture, kernels.build(data, arch))
    count.check(counted, Tflm(data).tensors(picture))
    assert counted.tensors[-1] == expected.tobytes()
    assert counted.instructions < LIMITS[arch] * counted.macs


@pytest.mark.parametrize("name", ["person_detect", "vww_96_int8", "v2_035_96"])
def test_whole_models_on_a_cortex_m4(data, pytestconfig, name):
    if name in mobilenets.NETWORKS:
        model = mobilenets.model(name, data, pytestconfig.cache.mkdir("mobilenets"))
    else:
        model = (data / "weights" / f"{name}.tflite").read_bytes()
    oracle = Tflm(model)
    picture = np.random.default_rng(4).integers(-128, 128, oracle.input_shape).astype(np.int8)
    counted = count.run(model, Device("armv7emsp"), picture, kernels.build(model, "armv7emsp"))
    count.check(counted, oracle.tensors(picture))
    if name == "vww_96_int8":
        assert counted.instructions <= 1.3 * counted.macs


def test_a_cortex_m33_computes_the_same(monkeypatch):
    """The core of the RP2350, whose firmware loads machine code for a Cortex-M4."""
    core = replace(CORES["armv7emsp"], name="Cortex-M33", model="UC_CPU_ARM_CORTEX_M33")
    monkeypatch.setitem(CORES, "armv7emsp", core)
    model = models.find("everyday-v1-025-96")
    picture, expected = next(model.golden())
    data = model.tflite.read_bytes()
    device = Device("armv7emsp")
    assert device.core.name == "Cortex-M33"
    counted = count.run(data, device, picture, kernels.build(data, "armv7emsp"))
    count.check(counted, Tflm(data).tensors(picture))
    assert counted.tensors[-1] == expected.tobytes()


@pytest.mark.parametrize("arch", ARCHS)
def test_the_code_of_a_model_is_small(arch):
    data = models.find("everyday-v1-025-96").tflite.read_bytes()
    generated = kernels.generate(records.read(data), arch)
    assert sum(len(kernel.code) for kernel in generated) <= kernels.MOST_CODE
    assert len({kernel.name for kernel in generated}) == len(generated)
    computed = [layer for kernel in generated for layer in kernel.scratch]
    assert len(computed) == len(set(computed))


def test_the_host_sees_the_scales_as_the_engine_does():
    """arithmetic.py computes in double what the device's quantization.py computes in integers."""
    random = np.random.default_rng(2)
    for _, model in graphs(random):
        device = Device("armv6m")
        net = device.load("mobilenet.tflite").Interpreter(model)  # type: ignore[attr-defined]
        table = device.load("mobilenet.tflite.kernels.conv_2d").table  # type: ignore[attr-defined]
        for number, record in enumerate(records.read(model)):
            if record.weights and record.operator != records.ADD:
                table(net, 32 * number, record.out_c)
                at = net.plan[32 * number + record.word("scratch")]
                words = np.frombuffer(net.arena, "<i4", 3 * record.out_c, at).reshape(-1, 3)
                expected = [
                    (m, s) if s >= -31 else (0, 0)
                    for m, s in zip(record.multipliers, record.shifts, strict=True)
                ]
                assert [tuple(entry[:2]) for entry in words.tolist()] == expected


@pytest.mark.parametrize("arch", SCALAR)
def test_the_largest_products(arch):
    """Sums of two products fill the half word in which scalar kernels keep them, and no carry is lost."""
    extreme = np.array([-128, 127], np.int8)
    weights = np.array([np.tile(extreme[[a, b]], 5) for a in (0, 1) for b in (0, 1)]).reshape(4, 1, 1, 10)
    graph = Builder((1, 3, 3, 10), 0.02, 0)
    y = graph.conv(graph.input, weights, None, [0.004] * 4, activation=NONE, out=(0.4, 3), padding=SAME)
    oracle, trial = Tflm(model := graph.finish(y)), Trial(model, arch, strict=True)
    for picture in (np.tile(extreme, 45), np.repeat(extreme, 45), np.full(90, -128, np.int8)):
        picture = picture.reshape(1, 3, 3, 10)
        assert trial.run(0, picture.tobytes()) == oracle.run(picture).tobytes()
