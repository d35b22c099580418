# SPDX-License-Identifier: MIT
"""A FIFO, a socket or a device in place of a file is named as such; none of them is waited for."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from galago import boards, importer, labels, models, pictures, special_files
from galago.errors import GalagoError
from galago.train import read_recipe


def test_each_kind_has_its_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "socket"))
    names = {"fifo": "a FIFO", "socket": "a socket", "/dev/null": "a device", ".": None, "none": None}
    assert {name: special_files.special(tmp_path / name) for name in names} == names
    assert special_files.special("a\0b") is None


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("board.toml", boards.load),
        ("labels.txt", labels.read),
        ("model", models.find),
        ("model.tflite", lambda path: importer.import_model(path, path.with_name("out"))),
        ("picture.png", pictures.load),
        ("recipe.toml", read_recipe),
    ],
)
def test_no_reader_waits_for_one(name: str, read: Callable[[Path], object], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(GalagoError, match="is a FIFO"):
        read(tmp_path / name)
