# SPDX-License-Identifier: MIT
"""uint8 models of TensorFlow 1 become int8 ones with the same numbers; the oracle runs the uint8 file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from galago import boards, evaluate, runtimes, transport
from galago.emulator import EmulatedBoard
from galago.emulator.host_calls import StandInError
from galago.emulator.inference import TflmService
from galago.errors import GalagoError
from galago.evaluate import on_board
from galago.evaluate.agreement import Agreement
from galago.flash import UploadPlan, device_package, model_files
from galago.importer import Options, import_model
from galago.targets.tinymaix.converter import convert
from galago.tflite import legacy, schema
from galago.tflite.reference import ReferenceKernels, reference
from support.builder import RELU6, Builder

litert = pytest.importorskip("ai_edge_litert.interpreter")

INPUTS = 200


def uint8_classifier() -> bytes:
    """A uint8 classifier as TensorFlow 1 made them: one scale per kernel, and a zero point that is not 0."""
    random = np.random.default_rng(8)
    graph = Builder((1, 12, 12, 3), scale=1 / 128, zero=0)

    def kernel(*shape: int) -> np.ndarray:
        return random.integers(-128, 128, shape).astype(np.int8)

    def bias(channels: int) -> np.ndarray:
        return random.integers(-900, 900, channels).astype(np.int32)

    x = graph.conv(graph.input, kernel(8, 3, 3, 3), bias(8), [0.011], activation=RELU6, out=(6 / 255, -128))
    x = graph.depthwise(x, kernel(1, 3, 3, 8), bias(8), [0.02], stride=(2, 2), out=(6 / 255, -128))
    x = graph.conv(x, kernel(5, 1, 1, 8), bias(5), [0.007], out=(0.1, 3))
    x = graph.softmax(graph.reshape(graph.average(x, (6, 6)), (1, 5)))
    model: Any = schema.parse(graph.finish(x))
    for operator, zero_point in zip(schema.operators(model), (17, -9, 40), strict=False):
        model.subgraphs[0].tensors[operator.inputs[1]].quantization.zeroPoint = [zero_point]
    return legacy.to_uint8(schema.pack(model))


def test_a_uint8_model_keeps_its_numbers(tmp_path: Path) -> None:
    data = uint8_classifier()
    (tmp_path / "quant.tflite").write_bytes(data)
    done = import_model(tmp_path / "quant.tflite", tmp_path / "out")
    assert "reference kernels" in done.facts["exact"]
    oracle = litert.Interpreter(
        model_content=data, experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF
    )
    oracle.allocate_tensors()
    (source,), (target,) = oracle.get_input_details(), oracle.get_output_details()
    found = reference(done.model.tflite.read_bytes())
    assert isinstance(found, ReferenceKernels)
    random, answers = np.random.default_rng(3), set()
    for _ in range(INPUTS):
        pixels = random.integers(0, 256, (12, 12, 3), np.uint8) // random.integers(1, 9)
        oracle.set_tensor(source["index"], pixels[np.newaxis].astype(np.uint8))
        oracle.invoke()
        expected = oracle.get_tensor(target["index"])
        scores = found.run(done.model.tensor(pixels.astype(np.uint8)))
        assert np.array_equal(scores.astype(int), expected.astype(int) - 128)
        answers.add(scores.tobytes())
    assert len(answers) > INPUTS // 4
    versions = {code.version for code in schema.parse(done.model.tflite.read_bytes()).operatorCodes}
    assert versions == {1}, "the engine rounds means as uint8 kernels do in these"


def test_other_runtimes_refuse_them(tmp_path: Path) -> None:
    """TensorFlow Lite Micro would end the process that prepares the files of microlite."""
    (tmp_path / "quant.tflite").write_bytes(uint8_classifier())
    model = import_model(tmp_path / "quant.tflite", tmp_path / "out").model
    prepared = runtimes.prepare(model, boards.load("ESP32_GENERIC-SPIRAM"))
    assert "weights have a zero point" in prepared.refused["microlite"].message
    with pytest.raises(StandInError, match="weights have a zero point"):
        TflmService().load(model.tflite.read_bytes())
    with pytest.raises(GalagoError, match=r"the weights of layer 0 \(CONV_2D\) have a zero point"):
        convert(model.tflite.read_bytes())


def test_googles_files_are_taken(data: Path, tmp_path: Path) -> None:
    weights = data / "weights"
    options = Options(labels=weights / "imagenet_labels.txt")
    done = import_model(weights / "mobilenet_v1_0.25_128_quant.tflite", tmp_path / "out", options)
    assert done.model.labels[0] == "background"
    assert done.model.contract["output"]["activation"] == "softmax"
    assert "transform" not in done.model.contract["input"]


@pytest.mark.slow
def test_the_board_gives_the_answers_of_the_uint8_kernels(tmp_path: Path) -> None:
    (tmp_path / "quant.tflite").write_bytes(uint8_classifier())
    model = import_model(tmp_path / "quant.tflite", tmp_path / "out").model
    random = np.random.default_rng(3)
    pixels = random.integers(0, 256, (60, 12, 12, 3), np.uint8) // random.integers(1, 9, (60, 1, 1, 1))
    plain = (pixels.astype(np.uint8) ^ 128).view(np.int8)
    with EmulatedBoard(boards.load("RPI_PICO2")) as emulated, transport.connect(emulated.port) as board:
        UploadPlan(board, device_package(board) | model_files(model)).run(lambda path, done: None)
        found = [answer for _, answer in on_board.board_answers(board, model, plain, ["builtin"])]
    expected = model.probabilities(evaluate.int8(model, plain))
    assert Agreement.of(found, expected).differ == []
