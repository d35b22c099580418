# SPDX-License-Identifier: MIT
"""Wrong use of galago sweep: one clear line each, and nothing is started or written."""

import json
import socket
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from galago.cli import app
from galago.errors import GalagoError


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("blue", "red"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8), name).save(tmp_path / "photos" / name / "1.png")
    return tmp_path / "photos"


def refused(*arguments: object) -> GalagoError:
    result = CliRunner().invoke(app, ["sweep", *map(str, arguments)])
    assert isinstance(result.exception, GalagoError), result.output
    assert "\n" not in result.exception.message
    return result.exception


def test_wrong_photos_boards_and_times(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "one" / "red").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "one" / "red" / "1.png")
    (tmp_path / "none").mkdir()
    rest = ("-o", tmp_path / "out")
    pico = ("--board", "RPI_PICO2", *rest)
    for arguments, code in (
        ((tmp_path / "missing", *pico), "dataset.missing"),
        ((tmp_path / "none", *pico), "dataset.empty"),
        ((tmp_path / "one", *pico), "dataset.classes"),
        ((photos, "--board", "RPI_PICO9", *rest), "board.unknown"),
        ((photos, *pico, "--max-ms", 0.5), "board.none"),
        ((photos, *pico, "--max-ms", 80, "--max-ms", "RPI_PICO2=0.5"), "board.none"),
        ((photos, *pico, "--max-ms", "NUCLEO_F446RE=15"), "config.invalid"),
        ((photos, *pico, "--max-ms", "RPI_PICO2="), "config.invalid"),
        ((photos, *pico, "--max-ms", "nan"), "config.invalid"),
        ((photos, *pico, "--max-ms", 0), "config.invalid"),
        ((photos, *pico, "--budget", "soon"), "config.invalid"),
        ((photos, *pico, "--budget", "0h"), "config.invalid"),
        ((photos, *pico, "--resume"), "sweep.missing"),
    ):
        assert refused(*arguments).code == code
    assert not (tmp_path / "out").exists()


def test_a_folder_with_another_sweep(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    begun = {"photos": str(photos), "boards": ["RPI_PICO2"], "max_ms": {"RPI_PICO2": 200.0}, "seed": 1}
    (out / "sweep.json").write_text(json.dumps(begun))
    error = refused(photos, "--board", "RPI_PICO2", "-o", out, "--resume", "--max-ms", 100)
    assert error.code == "sweep.differs"
    assert "begun with max_ms = {'RPI_PICO2': 200.0}, not {'RPI_PICO2': 100.0}" in error.message


def test_clusters_that_cannot_be_reached(photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        closed = f"127.0.0.1:{taken.getsockname()[1]}"
        for address in (closed, "ray://head:10001", "head", "127.0.0.1:99999"):
            error = refused(photos, "--board", "RPI_PICO2", "-o", tmp_path / "out", "--ray", address)
            assert error.code == "sweep.cluster"
            assert address in error.message
    assert not (tmp_path / "out").exists()
