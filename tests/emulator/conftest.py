# SPDX-License-Identifier: MIT
"""Emulated boards, and real mpremote."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from instruments import LONGEST, Image

from galago import boards
from galago.emulator import EmulatedBoard


@pytest.fixture(scope="module")
def board() -> Iterator[EmulatedBoard]:
    """One board for all tests of a module, in whatever state the last test left it."""
    with EmulatedBoard(boards.load("RPI_PICO2")) as emulated:
        yield emulated


@pytest.fixture
def image(tmp_path: Path) -> Image:
    """The flash of `new_board`."""
    return Image(tmp_path / "flash.img")


@pytest.fixture
def new_board(image: Image) -> Iterator[EmulatedBoard]:
    """An empty board of the smallest kind for one test."""
    with EmulatedBoard(boards.load("RPI_PICO"), image.path) as emulated:
        yield emulated


@pytest.fixture(scope="session")
def mpremote() -> Callable[..., str]:
    """Runs the real mpremote and returns its output. `status` is the expected exit status."""

    def run(port: str, *arguments: object, status: int = 0) -> str:
        command = [sys.executable, "-m", "mpremote", "connect", port, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
        assert done.returncode == status, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    return run
