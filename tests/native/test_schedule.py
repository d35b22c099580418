# SPDX-License-Identifier: MIT
"""Whole inferences in one call of machine code, and operators compiled from viper, against TFLM."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from galago.native import kernels
from galago.native.verify.device import Device
from galago.tflite import records
from galago.tflite.tflm import Tflm
from support import operator_models
from support.builder import RELU6, Builder
from support.requirements import requires

ARCHITECTURES = ("armv6m", "armv7emsp", "rv32imc")
XTENSA = pytest.param("xtensawin", marks=requires("qemu-xtensa", debian="qemu-user"))


@functools.cache
def device(arch: str) -> Device:
    return Device(arch)


def load(model: bytes, arch: str, streamed: Path | None = None) -> Any:
    """An Interpreter with the machine code of the model, whose weights are streamed from a file if given."""
    board = device(arch)
    board.runtime.forget()
    made = kernels.build(model, arch)
    functions = board.kernels(made) if made else None
    interpreter: Any = board.load("mobilenet.tflite").Interpreter
    if streamed is None:
        return interpreter(model, kernels=functions)
    streamed.write_bytes(model)
    return interpreter(str(streamed), weights="stream", kernels=functions)


def mixed() -> bytes:
    """Rows in a chain, a layer in tiles, tables with and without biases, and a dilated convolution."""
    rng = np.random.default_rng(3)

    def int8(*shape: int) -> np.ndarray:
        return rng.integers(-127, 128, shape).astype(np.int8)

    biases = rng.integers(-500, 500, 8).astype(np.int32)
    graph = Builder((1, 8, 8, 3), 0.02, -5)
    x = graph.conv(graph.input, int8(8, 3, 3, 3), biases, [0.01] * 8, activation=RELU6, out=(0.024, -128))
    x = graph.depthwise(x, int8(1, 3, 3, 8), biases, [0.02] * 8, activation=RELU6, out=(0.024, -128))
    x = graph.conv(x, int8(12, 1, 1, 8), None, [0.01] * 12, out=(0.05, 3))
    x = graph.conv(x, int8(4, 3, 3, 12), None, [0.003] * 4, dilation=2, out=(0.02, -128))
    x = graph.depthwise(x, int8(1, 3, 3, 4), None, [0.02] * 4, stride=(2, 2), out=(0.03, 0))
    x = graph.conv(x, int8(5, 1, 1, 4), None, [0.01] * 5, out=(0.2, 3))
    return graph.finish(graph.softmax(graph.reshape(graph.mean(x, keep=True, out=(0.2, 1)), (1, 5))))


@pytest.mark.slow
@pytest.mark.parametrize("arch", [*ARCHITECTURES, XTENSA])
def test_an_inference_is_one_call_but_for_what_viper_computes(arch: str, tmp_path: Path) -> None:
    model = mixed()
    (general,) = (i for i, each in enumerate(records.read(model)) if each.kernel == "general_convolution")
    tflm = Tflm(model)
    picture = np.random.default_rng(1).integers(-128, 128, tflm.input_shape).astype(np.int8)
    *_, expected = tflm.tensors(picture).values()

    def check(net: Any) -> None:
        net.input[:] = picture.tobytes()
        net.invoke()
        assert bytes(net.output) == expected.tobytes()

    net = load(model, arch, streamed=tmp_path / "model.tflite")
    assert general not in net.native
    check(net)
    net = load(model, arch)
    assert len(net.native) == len(net.runs)
    assert any(len(chain) > 1 for chain in net.chains)
    function, starts = net.schedule._function, []
    net.schedule._function = lambda words, *buffers: (starts.append(words[0]), function(words, *buffers))[1]
    check(net)
    check(net)
    assert starts == [0, 0]
    # A layer whose machine code is wrong: viper computes its rows among the others.
    net.use_viper(general, device(arch).load("mobilenet.tflite.kernels.general_convolution").run)
    check(net)
    assert starts[2:] == [0, net.schedule._order.index(general) + 1]
    net.use_viper(1, device(arch).load("mobilenet.tflite.kernels.depthwise_conv_2d").run)
    check(net)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(operator_models.names())))
def test_compiled_operators_give_tflms_outputs(number: int) -> None:
    name, arch = operator_models.names()[number], ARCHITECTURES[number % 3]
    model = operator_models.build(name, number)
    net, tflm = load(model, arch), Tflm(model)
    picture = np.random.default_rng(number).integers(-128, 128, tflm.input_shape).astype(np.int8)
    *_, expected = tflm.tensors(picture).values()
    net.input[:] = picture.tobytes()
    net.invoke()
    assert bytes(net.output) == expected.tobytes()
