# SPDX-License-Identifier: MIT
"""An emulated board with every stand-in runtime, the device package and the shipped model on it."""

import contextlib
import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from runtime_bench import RUNTIMES, Bench

from galago import boards, flash, models, quantize, transport
from galago.emulator import EmulatedBoard
from galago.emulator.camera import EmulatedCamera
from galago.runtimes import canmv_k230
from galago.targets import k230
from support.requirements import extra_module, missing


@pytest.fixture(scope="session")
def model() -> models.ModelDirectory:
    return models.find("everyday-v1-025-96")


@pytest.fixture(scope="session")
def new_bench(model: models.ModelDirectory) -> Callable[..., contextlib.AbstractContextManager[Bench]]:
    """Starts a board with firmware modules; the default, an ESP32-S3 with PSRAM, has room for everything.

    Tests of cameras alone need no model. `native` gives the whole device package to a board whose firmware
    loads no machine code: for the resize, with which tests look at frames.
    """

    @contextlib.contextmanager
    def start(
        *firmware: str,
        camera: EmulatedCamera | None = None,
        model: models.ModelDirectory | None = model,
        kind: str = "SEEED_XIAO_ESP32S3",
        native: bool = False,
    ) -> Iterator[Bench]:
        board = boards.load(kind)
        if native:
            board = dataclasses.replace(board, arch="rv64imc")
        with (
            EmulatedBoard(board, firmware=firmware, camera=camera) as emulated,
            transport.connect(emulated.port) as device,
        ):
            files = flash.model_files(model, board) if model else {}
            flash.UploadPlan(device, flash.device_package(device) | files).run()
            path = device.root + flash.remote_path(model) if model else ""
            yield Bench(device, emulated.camera, path)

    return start


@pytest.fixture(scope="session")
def bench(new_bench: Callable[..., contextlib.AbstractContextManager[Bench]]) -> Iterator[Bench]:
    with new_bench(*RUNTIMES, "esp32") as one:
        yield one


@pytest.fixture(scope="session")
def k230_model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> models.ModelDirectory:
    """The flower model with the files that nncase needs, as `galago quantize --float` leaves them."""
    extra_module("keras", extra="train")
    if not k230.available():
        missing("needs nncase: pip install -e '.[k230]'")
    shipped = models.find("flowers-v1-025-96")
    folder = tmp_path_factory.mktemp("k230") / shipped.name
    shutil.copytree(shipped.path, folder)
    float_model = quantize.convert_float(quantize.load(folder / "float.keras"))
    (folder / canmv_k230.FLOAT).write_bytes(float_model)
    paths = sorted((data / "images" / "flowers" / "train").glob("*/*.jpg"))
    pixels = quantize.calibration_pixels(paths, shipped.input_shape, "crop", print, limit=40)
    np.save(folder / canmv_k230.CALIBRATION, pixels)
    return models.ModelDirectory.open(folder)


@pytest.fixture(scope="session")
def k230_bench(
    new_bench: Callable[..., contextlib.AbstractContextManager[Bench]], k230_model: models.ModelDirectory
) -> Iterator[Bench]:
    with new_bench("canmv_k230", model=k230_model, kind="K230_CANMV") as one:
        yield one


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of 320 x 240, which the camera does not resize: smooth, and red differs from blue."""
    folder = tmp_path_factory.mktemp("scenes")
    y, x = np.mgrid[:240, :320]
    for number in range(7):
        red, green, blue = (x * 255 // 319), (y * 255 // 239), (x + y + 40 * number) * 255 // 800
        Image.fromarray(np.stack([red, green, blue], 2).astype(np.uint8)).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="session")
def photos(data: Path) -> list[Path]:
    """200 real pictures."""
    return sorted((data / "images" / "imagenet_val650").glob("*.JPEG"))[:200]
