# SPDX-License-Identifier: MIT
"""Emulated boards whose native kernels run on the board's own core: flashed, booted, proved, right."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import serial
from PIL import Image

from galago import boards, models, pictures
from galago.dataset.drawn import drawn
from galago.emulator import EmulatedBoard
from galago.tflite.tflm import Tflm
from support.requirements import requires

MODEL = "everyday-v1-025-96"
PATIENCE = 600  # seconds


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
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(2):
        Image.fromarray(drawn(number, (120, 160, 3))).save(folder / f"{number}.bmp")
    with EmulatedBoard(boards.load(name), cores="board") as board:
        assert board.core is not None
        assert board.core.arch == arch
        galago = [sys.executable, "-m", "galago", "flash", MODEL, "--port", board.port]
        subprocess.run(galago, check=True, capture_output=True, timeout=PATIENCE)
        mpremote = [sys.executable, "-m", "mpremote", "connect", board.port]
        copy = [*mpremote, "fs", "cp", *map(str, sorted(folder.iterdir())), ":/pictures/"]
        subprocess.run(copy, check=True, capture_output=True, timeout=PATIENCE)
        text = _boot(board)
        log = [line for line in text if line.startswith("kernels: ")]
        start, *lines = [json.loads(line) for line in text if line.startswith("{")]
        assert board.core.fault is None
    assert len(log) == 1, log
    assert log[0].startswith("kernels: machine code computes ")
    assert start["start"]["backend"] == "builtin"
    assert [line["image"] for line in lines] == ["0.bmp", "1.bmp"]
    model = models.find(MODEL)
    oracle = Tflm(model.tflite.read_bytes())
    for number, line in enumerate(lines):
        pixels = pictures.resize(pictures.load(folder / f"{number}.bmp"), *model.input_shape)
        scores = oracle.run((pixels ^ 128).view(np.int8)).ravel().astype(int) + 128
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
