# SPDX-License-Identifier: MIT
"""File systems built on the host: they hold what `galago flash` writes, and MicroPython mounts them."""

from dataclasses import replace
from pathlib import Path

import pytest

from galago import boards, flash, models, transport
from galago.emulator import EmulatedBoard, littlefs
from galago.errors import GalagoError
from galago.flash.install import InstallOptions, install
from support.requirements import extra_module

extra_module("littlefs", extra="chips")

SIZE = 64 * 4096
FILES = {
    "/main.py": b"print(1)\n",
    "/lib/mobilenet/deep/er.mpy": bytes(range(256)) * 50,
    "/empty": b"",
    "/ä.txt": b"name in UTF-8",
}


def test_an_image_holds_its_files() -> None:
    image = littlefs.build(FILES, SIZE)
    assert len(image) == SIZE
    assert littlefs.read(image) == FILES


def test_files_that_do_not_fit_are_an_error() -> None:
    with pytest.raises(
        GalagoError, match=r"1 files of 300,000 bytes do not fit into .* 262,144 bytes"
    ) as caught:
        littlefs.build({"/large": bytes(300_000)}, SIZE)
    assert caught.value.code == "board.storage"


@pytest.mark.parametrize("damage", ["zeros", "text", "other size"])
def test_an_image_that_cannot_be_read_is_an_error(damage: str) -> None:
    image = {
        "zeros": bytes(SIZE),
        "text": b"no file system " * (SIZE // 15 + 1),
        "other size": littlefs.build(FILES, 2 * SIZE)[:SIZE],
    }[damage]
    with pytest.raises(GalagoError, match="LittleFS of 64 blocks") as caught:
        littlefs.read(image)
    assert caught.value.code == "board.storage"
    assert "\n" not in caught.value.message


@pytest.mark.slow
def test_a_seeded_board_is_one_that_was_flashed(tmp_path: Path) -> None:
    """The real interpreter mounts the image, and `galago flash` finds nothing to do."""
    board = replace(boards.load("RPI_PICO"), arch="x64")
    model = models.find("everyday-v1-025-96")
    storage = tmp_path / "board.img"
    storage.write_bytes(littlefs.build(flash.seed(model, board), board.filesystem))
    with EmulatedBoard(board, storage, firmware=[]) as emulated:
        done = install(emulated.port, InstallOptions(model=model))
        assert done.uploaded == 0
        with transport.connect(emulated.port) as device:
            assert device.exec_int("import os; print(os.statvfs('/')[2])") == board.filesystem // 4096
