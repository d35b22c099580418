# SPDX-License-Identifier: MIT
"""Every kind of .tflite becomes a model directory that computes the integers of that file.

The oracle for files with other ends is TensorFlow Lite's reference interpreter on the file as exported.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from galago import boards, transport
from galago.emulator import EmulatedBoard
from galago.errors import GalagoError
from galago.evaluate import on_board
from galago.evaluate.agreement import Agreement
from galago.flash import UploadPlan, device_package, model_files
from galago.importer import Imported, Options, import_model
from galago.models import ModelDirectory
from galago.tflite import schema
from galago.tflite.tflm import Tflm
from support import exported
from support.builder import Builder

pytestmark = pytest.mark.slow

INPUTS = 200
Make = Callable[..., bytes]


def imported(data: bytes, folder: Path, **options: Any) -> Imported:
    (folder / "network.tflite").write_bytes(data)
    return import_model(folder / "network.tflite", folder / "out", Options(**options))


def answers(model: ModelDirectory, pixels: np.ndarray) -> np.ndarray:
    """The int8 scores of an imported model for pixels."""
    reference = Tflm(model.tflite.read_bytes())
    return np.array([reference.run(picture).ravel().copy() for picture in model.tensor(pixels)])


def original(data: bytes, inputs: np.ndarray) -> np.ndarray:
    """The outputs of a file as it is, by the reference kernels."""
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    interpreter = litert.Interpreter(
        model_content=data, experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    found = []
    for each in inputs:
        interpreter.set_tensor(source["index"], each[np.newaxis].astype(source["dtype"]))
        interpreter.invoke()
        found.append(interpreter.get_tensor(target["index"]).ravel().copy())
    return np.array(found)


@pytest.mark.parametrize(
    ("ends", "old"), [("int8", False), ("uint8", False), ("float32", False), ("float32", True)]
)
def test_ends_are_folded_exactly(ends: str, old: bool, tflite: Make, tmp_path: Path) -> None:
    data = tflite(ends, old=old)
    done = imported(data, tmp_path)
    model, pixels = done.model, exported.pixels(INPUTS, seed=9)
    scores = answers(model, pixels)
    if ends == "float32":
        expected = original(data, pixels / np.float32(255)) * 256 - 128
    elif ends == "uint8":
        expected = original(data, pixels).astype(int) - 128
    else:
        expected = original(data, (pixels ^ 128).view(np.int8))
        assert model.tflite.read_bytes() == data, "a file that needs no change is used as it is"
    assert np.array_equal(scores, expected)
    assert len({each.tobytes() for each in scores}) > INPUTS // 4
    assert model.contract["input"].get("transform") is None
    assert "0..1" in done.facts["range"]


def test_a_requantized_input_goes_through_the_table(tflite: Make, tmp_path: Path) -> None:
    """The file takes uint8 with a scale of its own and requantizes it, as ST's converter does."""
    model: Any = schema.parse(tflite("uint8"))
    first = model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]]
    first.quantization.scale, first.quantization.zeroPoint = [0.0051], [3]
    data = schema.pack(model)
    done = imported(data, tmp_path, input_range="0..1.3")
    pixels = exported.pixels(INPUTS, seed=4)
    entered = (pixels * (1.3 / 255) / 0.0051 + 3 + 0.5).astype(int).clip(0, 255)
    assert np.array_equal(answers(done.model, pixels), original(data, entered).astype(int) - 128)
    assert "transform" in done.model.contract["input"]


def built(outputs: int, kind: str = "") -> bytes:
    """A classifier without softmax, int8 from end to end; `kind` of reshape before its dense layer."""
    random = np.random.default_rng(1)
    graph = Builder((1, exported.SIZE, exported.SIZE, 3), scale=1 / 255, zero=-128)
    kernel = random.integers(-90, 90, (6, 3, 3, 3)).astype(np.int8)
    bias = random.integers(-900, 900, 6).astype(np.int32)
    x = graph.conv(graph.input, kernel, bias, [0.01] * 6, stride=(2, 2), out=(0.05, -4))
    x = graph.mean(x, out=(0.02, 0))
    if kind:
        x = flattened(graph, x, kind)
    weights = random.integers(-90, 90, (outputs, 6)).astype(np.int8)
    return graph.finish(graph.dense(x, weights, None, [0.05], out=(0.04, 3)))


@pytest.mark.parametrize("outputs", [4, 1])
def test_logits_become_probabilities_on_the_board(outputs: int, tmp_path: Path) -> None:
    model = imported(built(outputs), tmp_path).model
    assert model.contract["output"]["activation"] == "logits"
    pixels = exported.pixels(8, seed=2)
    probabilities = model.probabilities(answers(model, pixels))
    assert probabilities.shape == (8, max(2, outputs))
    assert np.allclose(probabilities.sum(1), 1)
    with EmulatedBoard(boards.load("RPI_PICO2")) as emulated, transport.connect(emulated.port) as board:
        UploadPlan(board, device_package(board) | model_files(model)).run(lambda path, done: None)
        plain = (pixels ^ 128).view(np.int8)
        found = [answer for _, answer in on_board.board_answers(board, model, plain, ["builtin"])]
    assert Agreement.of(found, probabilities).differ == []


def of_range(low: float, high: float) -> bytes:
    """A classifier whose input has the quantization that TensorFlow's converter gives such a range."""
    model: Any = schema.parse(built(4))
    quantization = model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].quantization
    quantization.scale = [(high - low) / 255]
    quantization.zeroPoint = [round(-128 - low / quantization.scale[0])]
    return schema.pack(model)


@pytest.mark.parametrize(("low", "high", "name"), [(0, 255, "0..255"), (-1, 1, "-1..1")])
def test_the_range_is_found(low: float, high: float, name: str, tmp_path: Path) -> None:
    done = imported(of_range(low, high), tmp_path)
    assert done.facts["range"].startswith(name)
    assert "transform" not in done.model.contract["input"]


def test_an_unknown_range_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(GalagoError, match=r"from -3.012 to 2.988.*add --input-range") as caught:
        imported(of_range(-3, 3), tmp_path)
    assert caught.value.code == "model.quantization"


def test_one_of_several_outputs_is_chosen(tmp_path: Path) -> None:
    """By number or name; the numbers are those of the whole file's other output."""
    model: Any = schema.parse(built(4))
    graph = model.subgraphs[0]
    mean = graph.operators[1].outputs[0]
    graph.outputs = [*graph.outputs, mean]
    (tmp_path / "two").mkdir()
    with pytest.raises(GalagoError, match=r"2 outputs, 0 t\d+ \(1x4\), 1 t\d+ .*choose one with --output"):
        imported(schema.pack(model), tmp_path / "two")
    with pytest.raises(GalagoError, match="expected --output to be one of"):
        imported(schema.pack(model), tmp_path / "two", output="2")
    pixels = exported.pixels(20, seed=5)
    name = schema.tensor_name(graph.tensors[graph.outputs[0]])
    for number, output in enumerate(("0", name)):
        (tmp_path / str(number)).mkdir()
        done = imported(schema.pack(model), tmp_path / str(number), output=output)
        assert np.array_equal(answers(done.model, pixels), original(built(4), (pixels ^ 128).view(np.int8)))
        assert f"output {name} of 2" in done.facts["output"]
    (tmp_path / "mean").mkdir()
    assert len(imported(schema.pack(model), tmp_path / "mean", output="1").model.labels) == 6


def flattened(graph: Builder, x: int, kind: str) -> int:
    """How exporters flatten [1, 6]: by a shape that the graph computes, or by other names for RESHAPE."""
    if kind == "SQUEEZE":
        return graph.operator("SQUEEZE", [graph.reshape(x, (1, 1, 6))], graph.computed((1, 6), graph.out(x)))
    if kind == "EXPAND_DIMS":
        axis = graph.constant(np.array(1, np.int32))
        y = graph.operator("EXPAND_DIMS", [x, axis], graph.computed((1, 1, 6), graph.out(x)))
        return graph.reshape(y, (1, 6))
    if kind == "TRANSPOSE":
        order = graph.constant(np.array([1, 0, 2], np.int32))
        source = graph.reshape(x, (1, 1, 6))
        y = graph.operator("TRANSPOSE", [source, order], graph.computed((1, 1, 6), graph.out(x)))
        return graph.reshape(y, (1, 6))
    whole = integers(graph, (2,))
    options = schema.new("ShapeOptionsT")
    options.outType = 2  # int32
    graph.operator("SHAPE", [x], whole, options)
    ends = [graph.constant(np.array([n], np.int32)) for n in (0, 1, 1)]
    options = schema.new("StridedSliceOptionsT")
    options.shrinkAxisMask = 1
    batch = graph.operator("STRIDED_SLICE", [whole, *ends], integers(graph, ()), options)
    options = schema.new("PackOptionsT")
    options.valuesCount = 2
    shape = [batch, graph.constant(np.array(6, np.int32))]
    packed = graph.operator("PACK", shape, integers(graph, (2,)), options)
    return graph.operator("RESHAPE", [x, packed], graph.computed((1, 6), graph.out(x)))


def integers(graph: Builder, shape: tuple[int, ...]) -> int:
    """An int32 tensor that an operator computes."""
    tensor = graph.computed(shape, (1.0, 0))
    one: Any = graph.graph.tensors[tensor]
    one.type, one.quantization = 2, None
    return tensor


@pytest.mark.parametrize("kind", ["SHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE"])
def test_what_only_moves_shapes_is_folded(kind: str, tmp_path: Path) -> None:
    data = built(4, kind)
    done = imported(data, tmp_path)
    assert set(done.facts["operators"].split(", ")) == {"CONV_2D", "FULLY_CONNECTED", "MEAN", "RESHAPE"}
    assert f"{kind}" in done.facts["output"]
    pixels = exported.pixels(20, seed=6)
    assert np.array_equal(answers(done.model, pixels), original(data, (pixels ^ 128).view(np.int8)))


def of_kind(model: Any, kind: str) -> Any:
    """The first operator of a kind."""
    operators = model.subgraphs[0].operators
    kinds = schema.operator_kinds(model)
    return next(one for one in operators if kinds[one.opcodeIndex] == kind)


def without_weights(model: Any) -> None:
    of_kind(model, "FULLY_CONNECTED").inputs = of_kind(model, "FULLY_CONNECTED").inputs[:1]


def other_options(model: Any) -> None:
    of_kind(model, "FULLY_CONNECTED").builtinOptions = schema.new("ConcatenationOptionsT")
    of_kind(model, "FULLY_CONNECTED").builtinOptionsType = schema.constant(
        "BuiltinOptions", "ConcatenationOptions"
    )


def far_axis(model: Any) -> None:
    of_kind(model, "PACK").builtinOptions.axis = 5


def no_order(model: Any) -> None:
    graph = model.subgraphs[0]
    order = graph.tensors[of_kind(model, "TRANSPOSE").inputs[1]]
    model.buffers[order.buffer].data = np.frombuffer(np.array([0, 1, 9], "<i4").tobytes(), np.uint8)


def no_scale(model: Any) -> None:
    model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].quantization.scale = [0.0]


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        (without_weights, ""),
        (other_options, ""),
        (no_scale, ""),
        (far_axis, "SHAPE"),
        (no_order, "TRANSPOSE"),
    ],
)
def test_operators_of_strangers_may_be_wrong(
    damage: Callable[[Any], None], kind: str, tmp_path: Path
) -> None:
    model: Any = schema.parse(built(4, kind))
    damage(model)
    with pytest.raises(GalagoError) as caught:
        imported(schema.pack(model), tmp_path)
    assert caught.value.code == "model.malformed", caught.value.message


@pytest.mark.parametrize(("limit", "kind"), [("_MOST_OPERATORS", ""), ("_MOST_COMPUTED", "SHAPE")])
def test_the_work_for_a_file_is_bounded(limit: str, kind: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(f"galago.importer.graph.{limit}", 2)
    with pytest.raises(GalagoError, match=r"not a valid .tflite \(.* over ") as caught:
        imported(built(4, kind), tmp_path)
    assert caught.value.code == "model.malformed"


@pytest.mark.parametrize("kind", ["float", "float16", "dynamic"])
def test_float_files_are_calibrated(kind: str, tflite: Make, tmp_path: Path, photos: Path) -> None:
    pytest.importorskip("ai_edge_quantizer")
    data = tflite(kind)
    with pytest.raises(GalagoError, match=r"computes in float32.*add --calibrate"):
        imported(data, tmp_path)
    done = imported(data, tmp_path, calibrate=photos, input_range="0..1")
    pixels = exported.pixels(60, seed=11)
    exact = original(tflite("float"), pixels / np.float32(255))
    found = done.model.probabilities(answers(done.model, pixels))
    assert np.abs(found - exact).mean() < 0.03
    assert (found.argmax(1) == exact.argmax(1)).mean() > 0.85
