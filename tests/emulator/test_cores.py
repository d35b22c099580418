# SPDX-License-Identifier: MIT
"""Emulated boards whose native kernels run on the board's own core: flashed, booted, proved, right."""

import hashlib
import json
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
import serial
from PIL import Image

from galago import boards, flash, models, pictures, transport
from galago.dataset.drawn import drawn
from galago.doctor import Report, board_check
from galago.emulator import EmulatedBoard
from galago.flash.install import InstallOptions, install
from galago.models import ModelDirectory
from galago.native import compiler, kernels, mpy
from galago.native.compiler import TARGETS
from galago.native.compiler import pictures as machine_code
from galago.tflite import records
from galago.tflite.tflm import Tflm
from support.requirements import requires
from support.tiny_model import make_model

pytestmark = pytest.mark.slow

NAMES = ["0.bmp", "1.jpg"]
VERDICT = "/galago.picture.json"
PATIENCE = 600  # seconds
UNDEFINED = bytes.fromhex("00de")  # udf #0
ONES = """
import micropython
@micropython.viper
def fill_zero(tensor: ptr8, size: int):
    i = 0
    while i < size:
        tensor[i] = 1
        i += 1
"""


@pytest.mark.parametrize(
    ("name", "arch"),
    [
        ("RPI_PICO", "armv6m"),
        ("RPI_PICO2", "armv7emsp"),
        ("ESP32_GENERIC_C3", "rv32imc"),
        pytest.param("ESP32_GENERIC_S3", "xtensawin", marks=requires("qemu-xtensa", debian="qemu-user")),
    ],
)
def test_a_board_classifies_with_machine_code_of_its_own(name: str, arch: str, tmp_path: Path) -> None:
    """The whole way: flash, boot, the first-use proof, pictures; scores as TensorFlow Lite Micro has them."""
    model = models.find("everyday-v1-025-96")
    with EmulatedBoard(boards.load(name), cores="board") as board:
        assert board.core is not None
        assert board.core.arch == arch
        _flash(board, model, tmp_path)
        text = _boot(board)
        assert board.core.fault is None
        with transport.connect(board.port) as device:
            verdict = json.loads(device.get(VERDICT)) if arch in TARGETS else None
    if verdict:
        assert set(verdict["right"]) == set(machine_code.functions(arch))
        assert not verdict["wrong"]
    (log,) = [line for line in text if line.startswith("kernels: ")]
    assert log.startswith("kernels: machine code computes ")
    _check(text, model, tmp_path)


@pytest.fixture
def model(tmp_path: Path) -> ModelDirectory:
    """A small one, for what does not depend on the model."""
    return make_model(tmp_path, "small", seed=1)


def test_machine_code_that_crashes_the_board_is_tried_once(model: ModelDirectory, tmp_path: Path) -> None:
    """The board restarts, finds its note, and classifies in viper from then on."""
    with EmulatedBoard(boards.load("RPI_PICO2"), cores="board") as board:
        assert board.core is not None
        _flash(board, model, tmp_path)
        made = records.read(model.tflite.read_bytes())
        generated = kernels.generate(made, board.core.arch)
        crashing = [replace(kernel, code=UNDEFINED) for kernel in generated]
        _replace_kernels(board, model, kernels.pack(made, crashing, board.core.arch))
        text = _boot(board)
        assert board.core.fault is not None
        assert board.core.fault.code == "native.fault"
        again = _boot(board)
        with transport.connect(board.port) as device:
            report = Report()
            board_check.examine(report, device)
    for lines, restarts in ((text, 1), (again, 0)):
        assert sum("the board starts again" in line for line in lines) == restarts
        (log,) = [line for line in lines if line.startswith("kernels: ")]
        assert log.startswith(
            "kernels: the board restarted while it checked the machine code, viper computes: "
        )
        _check(lines, model, tmp_path)
    assert any("restarted while it checked" in problem.what for problem in report.problems)


def test_a_damaged_file_of_machine_code_keeps_no_board_from_classifying(
    model: ModelDirectory, tmp_path: Path
) -> None:
    with EmulatedBoard(boards.load("RPI_PICO2"), cores="board") as board:
        _flash(board, model, tmp_path)
        with transport.connect(board.port) as device:
            path = f"/models/{model.name}/{kernels.FILE}"
            device.put(device.get(path)[:1000], path)
        text = _boot(board)
    (log,) = [line for line in text if line.startswith("kernels: ")]
    assert kernels.FILE in log
    assert log.endswith("viper computes")
    _check(text, model, tmp_path)


def test_wrong_machine_code_of_pictures_is_found_and_what_crashes_is_tried_once(
    model: ModelDirectory, tmp_path: Path
) -> None:
    with EmulatedBoard(boards.load("RPI_PICO2"), cores="board") as board:
        assert board.core is not None
        _flash(board, model, tmp_path)
        code = dict(machine_code.functions(board.core.arch))
        (tmp_path / "wrong.py").write_text(ONES)
        code["fill_zero"] = compiler.compile_function(
            compiler.read(tmp_path / "wrong.py"), "fill_zero", board.core.arch
        )
        _replace_pictures(board, code)
        text = _boot(board)
        assert "pictures: machine code of fill_zero is wrong, viper computes it" in text
        _check(text, model, tmp_path)
        assert not [line for line in _boot(board) if line.startswith("pictures: ")]
        _replace_pictures(board, code | {"decode_mcus": UNDEFINED})
        _boot(board)  # the board starts again in the middle
        assert board.core.fault is not None
        text = _boot(board)
        (log,) = [line for line in text if line.startswith("pictures: ")]
        assert log == "pictures: the board restarted while it checked decode_mcus, viper computes"
        _check(text, model, tmp_path)
        with transport.connect(board.port) as device:
            report = Report()
            board_check.examine(report, device)
        assert any("rm :/galago.picture.json" in problem.fix for problem in report.problems)
        _flash(board, model, tmp_path, kernels="viper")
        text = _boot(board)
        assert not [line for line in text if line.startswith(("kernels: ", "pictures: "))]
        _check(text, model, tmp_path)
        with transport.connect(board.port) as device:
            assert flash.kept_native(device) is None
            assert not flash.compare(device, flash.device_package(device)).differing


def _replace_pictures(board: EmulatedBoard, code: dict[str, bytes]) -> None:
    assert board.core is not None
    with transport.connect(board.port) as device:
        device.put(mpy.machine_code(code, board.core.arch), "/lib/mobilenet/picture.mpy")


def _flash(board: EmulatedBoard, model: ModelDirectory, folder: Path, kernels: str | None = None) -> None:
    """Puts the model and two pictures, which `folder` keeps, on the board."""
    install(board.port, InstallOptions(model=model, kernels=kernels))
    with transport.connect(board.port) as device:
        for number, name in enumerate(NAMES):
            Image.fromarray(drawn(number, (60, 80, 3))).save(folder / name)
            device.put((folder / name).read_bytes(), f"/pictures/{name}")


def _replace_kernels(board: EmulatedBoard, model: ModelDirectory, data: bytes) -> None:
    """Puts another kernels.mpy on the board, and its hash into the contract, as flashing would."""
    with transport.connect(board.port) as device:
        folder = f"/models/{model.name}"
        contract = json.loads(device.get(f"{folder}/model.json"))
        contract["files"]["kernels"] |= {
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "crc32": f"{zlib.crc32(data):08x}",
        }
        device.put(data, f"{folder}/{kernels.FILE}")
        device.put(json.dumps(contract).encode(), f"{folder}/model.json")


def _check(text: list[str], model: ModelDirectory, folder: Path) -> None:
    """The JSON lines of a boot answer both pictures as TensorFlow Lite Micro does."""
    start, *lines = [json.loads(line) for line in text if line.startswith("{")]
    assert start["start"]["backend"] == "builtin"
    assert [line["image"] for line in lines] == NAMES
    oracle = Tflm(model.tflite.read_bytes())
    for line in lines:
        tensor = pictures.as_board(folder / line["image"], *model.input_shape)
        scores = oracle.run(tensor).ravel().astype(int) + 128
        best = line["top"][0]
        assert best["index"] == scores.argmax()
        assert best["confidence"] == pytest.approx(scores.max() / 256, abs=1e-4)


def _boot(board: EmulatedBoard) -> list[str]:
    """Resets the board and returns the lines that it prints until its prompt."""
    with serial.Serial(board.port, timeout=PATIENCE) as port:
        port.write(b"\r\x03\x02")
        port.write(b"print('re' + 'ady')\r")  # earlier prompts may still be on their way
        port.read_until(b"ready\r\n>>> ")
        port.write(b"\x04")
        return port.read_until(b">>> ").decode().splitlines()
