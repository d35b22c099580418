# SPDX-License-Identifier: MIT
"""Maix boards: the package for MaixPy's old MicroPython, and whole boards with the simulated KPU."""

import ast
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import serial
from PIL import Image

from galago import boards, models, pictures, runtimes, transport
from galago.classify import classify
from galago.cli.connection import upload
from galago.emulator import EmulatedBoard
from galago.emulator.camera import EmulatedCamera
from galago.emulator.k210_chip import from_565, to_565
from galago.errors import GalagoError
from galago.flash import boot_plan, device_package, flat_package, kmodel, model_files, remote_path
from galago.flash.files import main_program
from galago.resources import firmware_dir
from galago.tflite.tflm import Tflm

BOARD = boards.load("SIPEED_MAIX_BIT")
MODEL = models.find("everyday-v1-025-96")

# The modules of MaixPy 0.6.3 (mpconfigport.h), and those of its own.
MODULES = {
    "array",
    "binascii",
    "gc",
    "hashlib",
    "json",
    "machine",
    "math",
    "micropython",
    "os",
    "sys",
    "time",
}
MODULES |= {"KPU", "image", "lcd", "sensor", "maix"}


def programs() -> dict[str, str]:
    """Returns every program that is installed on a Maix board, by file name."""
    source = (firmware_dir() / "main.py").read_text()
    return {path: data.decode() for path, data in flat_package.package().items()} | {
        "/main.py": flat_package.flattened(source, "")
    }


@pytest.mark.parametrize("path", programs())
def test_the_package_keeps_to_an_old_micropython(path: str) -> None:
    """MicroPython 1.11 has a subset of Python 3.4's syntax, and MaixPy no native emitters."""
    tree = ast.parse(programs()[path], feature_version=(3, 4))
    names = {name.removeprefix("/").removesuffix(".py") for name in programs()}
    optional = {
        id(node) for outer in ast.walk(tree) if isinstance(outer, ast.Try) for node in ast.walk(outer)
    }
    for node in ast.walk(tree):
        assert not isinstance(node, ast.JoinedStr | ast.NamedExpr | ast.AnnAssign | ast.AsyncFunctionDef)
        if isinstance(node, ast.Call):  # mpy-cross 1.11: "non-keyword arg after */**"
            starred = [isinstance(argument, ast.Starred) for argument in node.args]
            assert starred.count(True) == 0 or starred.index(True) == len(starred) - 1
        if isinstance(node, ast.FunctionDef):
            assert node.name != "__getattr__"
            assert not node.decorator_list or [ast.unparse(one) for one in node.decorator_list] == [
                "property"
            ]
        if isinstance(node, ast.Import | ast.ImportFrom):
            imported = (
                {node.module} if isinstance(node, ast.ImportFrom) else {alias.name for alias in node.names}
            )
            assert imported <= MODULES | names or id(node) in optional or "mobilenet_image" in str(imported)


def test_imports_are_flattened() -> None:
    source = (
        'from .. import camera, errors\nfrom ..errors import GalagoError as E\nx = "mobilenet.backends."\n'
    )
    assert flat_package.flattened(source, "mobilenet.backends.maixpy") == (
        "import mobilenet_camera as camera\nimport mobilenet_errors as errors\n"
        'from mobilenet_errors import GalagoError as E\nx = "mobilenet_backends_"\n'
    )


@pytest.fixture(scope="module")
def maix() -> Iterator[tuple[EmulatedBoard, transport.Board]]:
    """An emulated Maix Bit with the shipped model."""
    with EmulatedBoard(BOARD) as emulated, transport.connect(emulated.port) as device:
        upload(device, device_package(device) | model_files(MODEL, BOARD), "test")
        yield emulated, device


def expected(path: Path) -> np.ndarray:
    """Returns TensorFlow Lite Micro's probabilities for a picture converted to RGB565."""
    pixels = from_565(to_565(pictures.resize(pictures.load(path), 96, 96)))
    return Tflm(MODEL.tflite.read_bytes()).run((pixels ^ 128).view(np.int8)).ravel() / 256 + 0.5


PHOTOS = ("cat.bmp", "parrot.jpg", "bird.bmp")


def test_pictures_are_classified_by_the_simulated_kpu(maix, data: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 no more")
    photos = [data / "images" / "photos" / name for name in PHOTOS]
    *lines, last = classify(maix[1], MODEL, [*photos, broken], top=20)
    for photo, line in zip(photos, lines, strict=True):
        probabilities = expected(photo)
        assert line["image"] == photo.name
        assert line["top"][0]["index"] == probabilities.argmax()
        for entry in line["top"]:
            assert entry["confidence"] == pytest.approx(probabilities[entry["index"]], abs=0.1)
    assert last["error"]["code"].startswith("image.")


def test_the_board_itself_crops_and_shrinks(maix, data: Path) -> None:
    """Wide, tall and small files of its own are classified; unreadable files are reported."""
    photo = Image.open(data / "images" / "photos" / "cat.bmp").convert("RGB")
    device, paths = maix[1], []
    for size in [(400, 300), (192, 288), (60, 80)]:
        file = io.BytesIO()
        photo.resize(size).save(file, "BMP")
        paths.append(f"{device.root}/{size[0]}.bmp")
        device.put(file.getvalue(), paths[-1])
    paths += [f"{device.root}/none.bmp", f"{device.root}/x.ppm"]
    device.put(b"P6 1 1 255 abc", paths[-1])
    lines = run(device, f"for r in net.classify(*{paths!r}): print(report.line(0, r))").splitlines()
    for path in paths[:3] + paths[4:]:
        device.remove(path)
    *good, missing, unsupported = map(json.loads, lines)
    assert [line["top"][0]["label"] for line in good] == ["cat"] * 3
    assert missing["error"]["code"] == "image.missing"
    assert unsupported["error"]["code"] == "image.missing"  # its decoder raises only an OSError


def run(device: transport.Board, program: str) -> str:
    """Runs a program with the classifier as `net`. Returns what it prints."""
    device.soft_reset()
    start = "from mobilenet import Classifier, GalagoError, report\n"
    return device.exec(
        f"{start}net = Classifier({device.root + remote_path(MODEL)!r})\n{program}", timeout=60
    )


@pytest.mark.parametrize("firmware", [("k210", "maixpy"), ("k210", "canmv_k210")])
def test_a_camera_is_turned_for_the_kpu(firmware: tuple[str, ...], data: Path) -> None:
    """On both firmwares the LCD shows the frame upright again."""
    camera = EmulatedCamera(data / "images" / "photos")
    camera.show(data / "images" / "photos" / "cat.bmp")
    with (
        EmulatedBoard(BOARD, firmware=firmware, camera=camera) as emulated,
        transport.connect(emulated.port) as device,
    ):
        upload(device, device_package(device) | model_files(MODEL, BOARD), "test")
        program = (
            "from mobilenet_camera import open as camera_open\nfrom mobilenet_outputs import open as output\n"
            "eye = camera_open({})\nlcd = output('display', 'lcd')\n"
            "result = next(net.watch(eye))\nlcd.show(result)\nprint(net.backend, result.label)\neye.close()"
        )
        assert run(device, program).split() == [firmware[1], "cat"]
        shown = np.asarray(emulated.k210.screen.crop((112, 0, 208, 96)), dtype=int)
        seen = pictures.resize(pictures.load(data / "images" / "photos" / "cat.bmp"), 96, 96).astype(int)
        assert emulated.k210.written[-1].endswith("cat")
        assert abs(shown - seen).mean() < abs(shown[::-1, ::-1] - seen).mean() / 2


def test_a_flashed_board_shows_pictures_at_boot(maix, data: Path) -> None:
    emulated, device = maix
    plan = boot_plan(device, MODEL, {"source": "camera", "display": "lcd"}, BOARD)
    plan.run()
    emulated.camera.show(data / "images" / "photos" / "cat.bmp")
    with serial.Serial(emulated.port, timeout=300) as port:
        emulated.reset()
        labels: list[str] = []
        while len(labels) < 2:  # when the second line comes, the first picture is on the LCD
            text = port.readline()
            assert text, "the board is silent"
            line = json.loads(text) if text.startswith(b"{") else {}
            labels += [line["top"][0]["label"]] if "top" in line else []
        assert set(labels) == {"cat"}
        assert emulated.k210.written[0].endswith("cat")
    device.interrupt()
    device.remove("/flash/main.py")


def test_a_large_kmodel_goes_to_flash_by_kflash(
    maix, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A stand-in for kflash keeps its package; the kmodel in it then runs from the chip's flash."""
    emulated, device = maix
    monkeypatch.setattr("galago.runtimes.k210_kmodel._MAX_FILESYSTEM_SHARE", 0.01)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(GalagoError, match="pip install kflash") as caught:
        kmodel.write(BOARD, "/dev/ttyUSB9", 1, b"")
    assert caught.value.code == "firmware.tool"
    tool = tmp_path / "kflash"
    tool.write_text(
        f"#!/bin/sh\necho $* > {tmp_path}/arguments\nfor last; do :; done\ncp $last {tmp_path}/got\n"
    )
    tool.chmod(0o755)
    large = kmodel.large_kmodel(MODEL, BOARD)
    assert large
    assert large[0] == BOARD.kmodel_address
    kmodel.write(BOARD, "/dev/ttyUSB9", *large)
    assert (tmp_path / "arguments").read_text().startswith("-p /dev/ttyUSB9 -b 1500000 -B bit ")
    with zipfile.ZipFile(tmp_path / "got") as archive:
        # kflash 1.1.6 turns the numbers into strings in this way.
        listed = re.sub(r'"address": (.*),', r'"address": "\1",', archive.read("flash-list.json").decode())
        (entry,) = json.loads(listed)["files"]
        emulated.k210.flash[int(entry["address"], 0)] = archive.read(entry["bin"])
    upload(device, model_files(MODEL, BOARD) | device_package(device), "test")
    assert run(device, "print(net.model.file('kmodel'), net.backend)").split() == ["None", "maixpy"]
    monkeypatch.undo()
    upload(device, model_files(MODEL, BOARD) | device_package(device), "test")


def test_kmodels_that_cannot_be_loaded_are_refused(maix, monkeypatch: pytest.MonkeyPatch) -> None:
    _, device = maix
    path = f"{device.root}{remote_path(MODEL)}"
    kept = device.get(f"{path}/model.json")
    contract = json.loads(kept)
    for change, code in (
        ({"turned": 0}, "backend.wrong"),
        ({"best": 0}, "backend.wrong"),
        ({"address": 0xC00000}, "backend.refused"),  # where nothing was ever written
    ):
        facts = {"maixpy": contract["runtimes"]["maixpy"] | change}
        device.put(json.dumps(contract | {"runtimes": facts}).encode(), f"{path}/model.json")
        program = f"try:\n Classifier({path!r}, ['maixpy'])\nexcept GalagoError as error:\n print(error.code)"
        device.soft_reset()
        start = "from mobilenet import Classifier, GalagoError\n"
        assert device.exec(start + program, timeout=60).strip() == code, change
    device.put(kept, f"{path}/model.json")


def test_models_that_the_kpu_cannot_run_are_refused_when_flashing() -> None:
    contract = MODEL.contract | {"input": MODEL.contract["input"] | {"resize": "pad"}}
    with pytest.raises(GalagoError, match="pad") as caught:
        runtimes.prepare(models.ModelDirectory(MODEL.path, contract), BOARD)
    assert caught.value.code == "backend.refused"


def test_the_program_at_boot_is_main(maix) -> None:
    assert b"galago.json" in main_program(maix[1])
