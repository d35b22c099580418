# SPDX-License-Identifier: MIT
"""CanMV on a K230: Canaan's nncase compiles, and its simulator computes for the emulated board.

More tests on the emulated board are in test_contract.py and test_evaluate_runtimes.py.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import serial
from runtime_bench import Bench
from typer.testing import CliRunner

from galago import boards, flash, models, transport
from galago.cli import app
from galago.emulator import EmulatedBoard
from galago.emulator.camera import EmulatedCamera, scene
from galago.errors import GalagoError
from galago.flash import bytecode_package
from galago.monitor import Monitor, PictureLine, StartLine
from galago.native import mpy
from galago.runtimes import canmv_k230
from galago.targets import k230
from support.requirements import missing

BOARD = boards.load("K230_CANMV")


@pytest.fixture
def directory(model: models.ModelDirectory, tmp_path: Path) -> models.ModelDirectory:
    """The shipped model with placeholders for the files that nncase needs."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("model.json", "model.tflite"):
        shutil.copyfile(model.path / name, folder / name)
    (folder / canmv_k230.FLOAT).write_text("no float model")
    np.save(folder / canmv_k230.CALIBRATION, np.zeros((3, 96, 96, 3), np.uint8))
    return models.ModelDirectory.open(folder)


@pytest.mark.parametrize("name", ["float.tflite", "calibration.npy"])
def test_what_is_missing_is_named(directory: models.ModelDirectory, name: str) -> None:
    (directory.path / name).unlink()
    with pytest.raises(GalagoError, match=f"has no {name}.*galago quantize --float"):
        canmv_k230.files(directory, BOARD)


def test_without_nncase_the_error_says_how_to_install_it(
    directory: models.ModelDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(k230, "available", lambda: False)
    with pytest.raises(GalagoError, match=r"nncase is not installed: pip install .*\[k230\]'") as caught:
        canmv_k230.files(directory, BOARD)
    assert caught.value.code == "backend.refused"


def test_without_dotnet_the_error_says_how_to_install_it(
    directory: models.ModelDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nncase: None
) -> None:
    monkeypatch.setenv("DOTNET_ROOT", str(tmp_path / "nowhere"))
    with pytest.raises(GalagoError, match=r"\.NET 7 or newer is missing: pip install") as caught:
        canmv_k230.files(directory, BOARD)
    assert "\n" not in caught.value.message


def test_what_nncase_cannot_use_is_refused_with_its_message(
    directory: models.ModelDirectory, nncase: None
) -> None:
    with pytest.raises(GalagoError, match="nncase failed") as caught:
        canmv_k230.files(directory, BOARD)
    assert caught.value.code == "backend.refused"
    assert "\n" not in caught.value.message
    with pytest.raises(GalagoError, match="nncase failed"):
        k230.input_output_sizes(b"not a kmodel")


@pytest.fixture
def nncase() -> None:
    if not k230.available():
        missing("needs nncase: pip install -e '.[k230]'")


def test_its_quantization_is_as_close_to_float_as_int8(k230_model: models.ModelDirectory, data: Path) -> None:
    """Both lose accuracy: on most flowers their best class is that of the float network."""
    from galago import evaluate

    chosen = evaluate.labelled(k230_model, data / "images" / "flowers" / "test")
    chosen = chosen.where(np.arange(40) * len(chosen) // 40)
    inputs, _ = evaluate.read_inputs(k230_model, chosen.paths, print)
    scores = k230.simulate(canmv_k230.kmodel(k230_model), inputs.view(np.uint8) ^ 128)
    floats = evaluate.floats(k230_model, inputs)
    ints = evaluate.int8(k230_model, inputs, lambda: None)
    same = (scores.argmax(1) == floats.argmax(1)).sum(), (ints.argmax(1) == floats.argmax(1)).sum()
    print(f"best class as float's: nncase {same[0]} of 40, TensorFlow Lite Micro's int8 {same[1]} of 40")
    assert same[0] >= 36


LOAD = """
from mobilenet import backends, GalagoError
from mobilenet.model import Model
try:
    backends.load("canmv_k230", Model({path!r}))
    print(json.dumps("loaded"))
except GalagoError as error:
    print(json.dumps([error.code, error.message]))
"""


def installed(bench: Bench, change: dict, kmodel: bytes | None = None) -> str:
    """Installs a second, changed directory of the model on the board. Returns its path."""
    path = f"{bench.path}-changed"
    contract = json.loads(bench.board.get(f"{bench.path}/model.json"))
    content = kmodel or bench.board.get(f"{bench.path}/model.kmodel")
    entry = {"name": "model.kmodel", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    contract["files"]["kmodel"] = entry
    contract["runtimes"]["canmv_k230"] |= change
    bench.board.makedirs(path)
    bench.board.put(content, f"{path}/model.kmodel")
    bench.board.put(json.dumps(contract).encode(), f"{path}/model.json")
    return path


def test_a_kmodel_that_the_firmware_does_not_know_is_refused(k230_bench: Bench) -> None:
    """The real module raises EOFError, which is not an OSError."""
    path = installed(k230_bench, {}, b"LDMK of another version")
    ((code, message),) = k230_bench.run(LOAD.format(path=path))
    assert code == "backend.refused"
    assert "KPU load model failed" in message


def test_a_kmodel_that_answers_otherwise_than_the_simulator_is_wrong(k230_bench: Bench) -> None:
    score = json.loads(k230_bench.board.get(f"{k230_bench.path}/model.json"))["runtimes"]["canmv_k230"][
        "score"
    ]
    path = installed(k230_bench, {"score": score - 300})
    ((code, message),) = k230_bench.run(LOAD.format(path=path))
    assert code == "backend.wrong"
    assert f"expected {score - 300}" in message


def test_a_flashed_board_classifies_what_its_camera_sees(
    k230_model: models.ModelDirectory, data: Path
) -> None:
    """From `galago flash` to the lines on the serial port: TensorFlow resizes, nncase's simulator answers."""
    camera = EmulatedCamera()
    camera.show(photo := sorted((data / "images" / "flowers" / "test").glob("*/*.jpg"))[0])
    with EmulatedBoard(BOARD, camera=camera) as emulated:
        command = ["flash", str(k230_model.path), "--port", emulated.port, "--source", "camera"]
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, done.output + done.stderr
        with transport.connect(emulated.port) as board:
            assert not board.implementation["arch"]
            files = flash.compare(board, bytecode_package.package())
            assert (files.present, files.differing) == (files.total, 0)
        start, line = first_lines(emulated.port)
    assert (start["backend"], start["source"]) == ("canmv_k230", "camera")
    import tensorflow as tf

    pixels = scene(photo, 320, 240)[:, 40:280]
    for size in (120, 96):  # halved first, then resized to the input
        image = tf.image.resize(pixels, (size, size), method="bilinear", antialias=False)
        pixels = np.floor(np.asarray(image) + 0.5).astype(np.uint8)
    (scores,) = k230.simulate(canmv_k230.kmodel(k230_model), pixels[np.newaxis])
    (answer,) = line["top"]
    assert answer["label"] == k230_model.labels[scores.argmax()]
    assert answer["confidence"] == pytest.approx(scores.max(), abs=1e-4)


def test_its_package_is_bytecode_alone() -> None:
    """Its firmware loads no machine code."""
    for path, data in bytecode_package.package().items():
        kinds = {code.kind for code in _all(mpy.read(data).code)}
        assert kinds == {mpy.Kind.BYTECODE}, path


def _all(code: mpy.Code) -> Iterator[mpy.Code]:
    yield code
    for child in code.children:
        yield from _all(child)


def first_lines(port: str) -> list[dict]:
    """Boots a flashed board. Returns the line of its start, and that of its first picture."""
    monitor, lines = Monitor(), []
    with serial.Serial(port, timeout=60) as link:
        link.write(b"\r\x03\x02\x04")
        while len(lines) < 2:
            data = link.read(max(1, link.in_waiting))
            assert data, f"the board hangs after {lines}"
            lines += [event[0] for event in monitor.feed(data) if isinstance(event, (StartLine, PictureLine))]
        link.write(b"\x03")
    return lines[:2]
