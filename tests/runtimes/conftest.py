# SPDX-License-Identifier: MIT
"""An emulated board with every stand-in runtime, the device package and the shipped model on it."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from runtime_bench import RUNTIMES, Bench

from galago import boards, flash, models, transport
from galago.emulator import EmulatedBoard
from galago.emulator.camera import Camera


@pytest.fixture(scope="session")
def model() -> models.ModelDirectory:
    return models.find("everyday-v1-025-96")


@pytest.fixture(scope="session")
def new_bench(model: models.ModelDirectory) -> Callable[..., contextlib.AbstractContextManager[Bench]]:
    """Starts a board with the given firmware modules; an ESP32-S3 with PSRAM, where everything fits."""

    @contextlib.contextmanager
    def start(*firmware: str, camera: Camera | None = None) -> Iterator[Bench]:
        board = boards.load("SEEED_XIAO_ESP32S3")
        with (
            EmulatedBoard(board, firmware=firmware, camera=camera) as emulated,
            transport.connect(emulated.port) as device,
        ):
            flash.Plan(device, flash.device_package(device) | flash.model_files(model, board)).run()
            yield Bench(device, emulated.camera, flash.remote_path(model))

    return start


@pytest.fixture(scope="session")
def bench(new_bench: Callable[..., contextlib.AbstractContextManager[Bench]]) -> Iterator[Bench]:
    with new_bench(*RUNTIMES, "esp32") as one:
        yield one


@pytest.fixture(scope="session")
def photos(data: Path) -> list[Path]:
    """200 real pictures."""
    return sorted((data / "images" / "imagenet_val650").glob("*.JPEG"))[:200]
