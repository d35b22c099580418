# SPDX-License-Identifier: MIT
"""Every kind of .tflite becomes a model directory that computes the integers of that file.

The oracle for files with other ends is TensorFlow Lite's reference interpreter on the file as exported.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from galago import boards, transport
from galago.emulator import EmulatedBoard
from galago.errors import GalagoError
from galago.evaluate import on_board
from galago.flash import UploadPlan, device_package, model_files
from galago.importer import Imported, Options, import_model
from galago.models import ModelDirectory
from galago.tflite import schema
from galago.tflite.tflm import Tflm
from support import exported

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


@pytest.mark.parametrize("old", [False, True], ids=["new quantizer", "old quantizer"])
@pytest.mark.parametrize("ends", ["int8", "uint8", "float32"])
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


@pytest.mark.parametrize(("activation", "classes", "outputs"), [(None, 4, 4), (None, 1, 1)])
def test_logits_become_probabilities_on_the_board(
    activation: str | None, classes: int, outputs: int, tflite: Make, tmp_path: Path
) -> None:
    data = tflite("int8", activation, classes)
    done = imported(data, tmp_path)
    model = done.model
    assert model.contract["output"]["activation"] == "logits"
    pixels = exported.pixels(8, seed=2)
    probabilities = model.probabilities(answers(model, pixels))
    assert probabilities.shape == (8, max(2, outputs))
    assert np.allclose(probabilities.sum(1), 1)
    with EmulatedBoard(boards.load("RPI_PICO2")) as emulated, transport.connect(emulated.port) as board:
        UploadPlan(board, device_package(board) | model_files(model)).run(lambda path, done: None)
        plain = (pixels ^ 128).view(np.int8)
        found = [answer for _, answer in on_board.board_answers(board, model, plain, ["builtin"])]
    assert on_board.Agreement.of(found, probabilities).differ == []


@pytest.mark.parametrize(("low", "high", "name"), [(0, 255, "0..255"), (-1, 1, "-1..1")])
def test_the_range_is_found(low: float, high: float, name: str, tflite: Make, tmp_path: Path) -> None:
    done = imported(tflite("int8", low=low, high=high), tmp_path)
    assert done.facts["range"].startswith(name)
    assert "transform" not in done.model.contract["input"]


def test_an_unknown_range_is_asked_for(tflite: Make, tmp_path: Path) -> None:
    with pytest.raises(GalagoError, match=r"from -2.988 to 3.012.*add --input-range") as caught:
        imported(tflite("int8", low=-3, high=3), tmp_path)
    assert caught.value.code == "model.quantization"


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


def test_a_file_is_imported_on_the_fly_by_every_verb(tflite: Make, tmp_path: Path, monkeypatch: Any) -> None:
    from typer.testing import CliRunner

    from galago.cli import app

    monkeypatch.setenv("GALAGO_CACHE", str(tmp_path / "cache"))
    (tmp_path / "trained.tflite").write_bytes(tflite("uint8"))
    (tmp_path / "labels.txt").write_text("\n".join(exported.LABELS))
    picture = tmp_path / "picture.png"
    Image.fromarray(exported.pixels(1)[0]).save(picture)
    file = str(tmp_path / "trained.tflite")
    first = CliRunner().invoke(app, ["classify", "--model", file, str(picture)])
    assert first.exit_code == 0, first.output
    assert "uint8 in the file" in first.stderr
    assert any(label in first.stdout for label in exported.LABELS)
    for verb in (["fit", file, "--board", "RPI_PICO2"], ["compile", file, "--inspect"]):
        again = CliRunner().invoke(app, verb)
        assert again.exit_code == 0, again.output
        assert "in the file" not in again.stderr
