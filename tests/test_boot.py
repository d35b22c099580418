# SPDX-License-Identifier: MIT
"""A flashed board classifies at boot what lies on it, and never locks its user out."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from PIL import Image

from galago import boards, transport
from galago.emulator import EmulatedBoard

MPREMOTE = [sys.executable, "-m", "mpremote"]


@pytest.fixture(scope="module")
def board() -> Iterator[EmulatedBoard]:
    """A board flashed by `galago flash`, with two pictures and one that is none."""
    with EmulatedBoard(boards.load("RPI_PICO2")) as emulated:
        flash = [sys.executable, "-m", "galago", "flash", "everyday-v1-025-96", "--port", emulated.port]
        subprocess.run(flash, check=True, capture_output=True, timeout=120)
        yield emulated


def mpremote(board: EmulatedBoard, *arguments: object) -> str:
    done = subprocess.run(
        [*MPREMOTE, "connect", board.port, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@pytest.fixture(scope="module")
def pictures(board: EmulatedBoard, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("pictures")
    Image.new("RGB", (50, 40), (255, 0, 0)).save(folder / "b.bmp")
    Image.new("RGB", (50, 40), (0, 0, 255)).save(folder / "a.jpg")
    (folder / "c.jpg").write_text("no picture")
    mpremote(board, "fs", "cp", *sorted(folder.iterdir()), ":/pictures/")
    return ["a.jpg", "b.bmp", "c.jpg"]


def boot(board: EmulatedBoard) -> list[dict]:
    """Resets the board and gives the serial lines that it prints until its prompt."""
    import serial

    with serial.Serial(board.port, timeout=30) as port:
        port.write(b"\r\x03\x02")
        deadline = time.monotonic() + 30
        text = b""
        while not text.endswith(b">>> ") and time.monotonic() < deadline:
            text += port.read(1)
        port.reset_input_buffer()
        port.write(b"\x04")
        text = b""
        while not text.endswith(b">>> ") and time.monotonic() < deadline:
            text += port.read(1)
    return [json.loads(line) for line in text.splitlines() if line.startswith(b"{")]


def configure(board: EmulatedBoard, text: str) -> None:
    with transport.connect(board.port) as device:
        device.put(text.encode(), "/galago.json")


def test_pictures_are_classified_at_boot_in_the_order_of_their_names(
    board: EmulatedBoard, pictures: list[str]
) -> None:
    lines = boot(board)
    assert [line["image"] for line in lines] == pictures
    assert [line["seq"] for line in lines] == [0, 1, 2]
    assert all(line["top"][0]["confidence"] > 0 for line in lines[:2])
    assert lines[2]["error"]["code"] == "image.format"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "config.invalid"),
        ('{"model": "/models/none"}', "model.missing"),
    ],
)
def test_a_bad_config_is_reported_and_the_last_good_one_runs(
    board: EmulatedBoard, pictures: list[str], text: str, code: str
) -> None:
    with transport.connect(board.port) as device:
        good = device.get("/galago.json")
    boot(board)  # a boot that works marks its config as good
    configure(board, text)
    lines = boot(board)
    configure(board, good.decode())
    assert lines[0]["error"]["code"] == code
    assert [line.get("image") for line in lines[1:]] == pictures


def test_ctrl_c_reaches_the_repl_while_it_classifies_in_a_loop(
    board: EmulatedBoard, pictures: list[str]
) -> None:
    with transport.connect(board.port) as device:
        good = json.loads(device.get("/galago.json"))
    configure(board, json.dumps({**good, "loop": True}))
    import serial

    with serial.Serial(board.port, timeout=30) as port:
        port.write(b"\r\x03\x02\x04")
        while b'"seq": 5' not in port.readline():
            pass
        port.write(b"\x03")
        text = port.read_until(b">>> ")
        assert b"KeyboardInterrupt" in text
        assert text.endswith(b">>> ")
    configure(board, json.dumps(good))


def test_flash_leaves_a_main_py_of_the_user_alone() -> None:
    with EmulatedBoard(boards.load("RPI_PICO2")) as emulated:
        with transport.connect(emulated.port) as device:
            device.put(b"print('mine')\n", "/main.py")
        flash = [sys.executable, "-m", "galago", "flash", "--port", emulated.port]
        done = subprocess.run(flash, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 2
        assert "main.py" in done.stderr
        with transport.connect(emulated.port) as device:
            assert device.get("/main.py") == b"print('mine')\n"
