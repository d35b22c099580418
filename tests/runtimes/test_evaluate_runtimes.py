# SPDX-License-Identifier: MIT
"""`galago evaluate --on board` and `galago doctor` with every runtime, as a user calls them."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from galago import boards, flash, models, runtimes, transport
from galago.cli import app
from galago.doctor import Report, board_check
from galago.emulator import EmulatedBoard

COUNT = 4
BOARDS = {
    "builtin": ("RPI_PICO2", ()),
    "openmv": ("ARDUINO_NICLA_VISION", ("openmv",)),
    "microlite": ("SEEED_XIAO_ESP32S3", ("microlite",)),
    "emlearn": ("SEEED_XIAO_ESP32S3", ("emlearn",)),
    "maixpy": ("SIPEED_MAIX_BIT", ("k210", "maixpy")),
    "canmv_k210": ("SIPEED_MAIX_BIT", ("k210", "canmv_k210")),
    "canmv_k230": ("K230_CANMV", ("canmv_k230",)),
}


def evaluated(port: str, model: models.ModelDirectory, photos: Path, name: str) -> dict[str, Any]:
    command = ["evaluate", str(model.path), str(photos), "--on", "board", "--port", port]
    done = CliRunner().invoke(app, [*command, "--runtime", name, "--limit", str(COUNT), "--json"])
    assert done.exit_code == 0, done.output + done.stderr
    return json.loads(done.stdout)["board"]


@pytest.mark.parametrize("name", BOARDS)
def test_photos_and_golden_pictures(name: str, data: Path, request: pytest.FixtureRequest) -> None:
    """Answers equal TensorFlow Lite Micro's; runtimes with their own arithmetic have the same best class."""
    kind, firmware = BOARDS[name]
    is_k230 = name == "canmv_k230"  # nncase needs a float model
    model = request.getfixturevalue("k230_model" if is_k230 else "model")
    photos = data / "images" / ("flowers/test" if is_k230 else "imagenet_val650")
    with EmulatedBoard(boards.load(kind), firmware=firmware) as emulated:
        result = evaluated(emulated.port, model, photos, name)
        assert (result["runtime"], result["photos"]) == (name, COUNT)
        if name in runtimes.EXACT:
            assert (result["differ"], result["worst_of_256"], result["first"]) == (0, 0, None)
        assert result["same_best_class"] >= COUNT - 1

        with transport.connect(emulated.port) as board:
            settings = flash.default_settings(emulated.board, "files") | {"backends": [name]}
            known = runtimes.carried(board, emulated.board)
            flash.boot_plan(board, model, settings, known).run()
            report = Report()
            board_check.examine(report, board)
    assert report.facts["model"]["runtime"] == name
    assert "of 6 as TensorFlow Lite Micro" in report.facts["model"]["golden pictures"]
    if name in runtimes.EXACT:
        assert report.facts["model"]["golden pictures"].startswith("6 of 6")
    assert not [problem for problem in report.problems if "golden" in problem.what or "model" in problem.what]


def test_the_doctor_says_why_each_runtime_is_skipped(model: models.ModelDirectory) -> None:
    """The firmware has them all, but the model was installed as a bare .tflite."""
    firmware = ("microlite", "emlearn", "canmv_k230")
    with (
        EmulatedBoard(boards.load("SEEED_XIAO_ESP32S3"), firmware=firmware) as emulated,
        transport.connect(emulated.port) as board,
    ):
        order = ["canmv_k230", "emlearn", "microlite", "openmv", "builtin"]
        settings = flash.default_settings(emulated.board, "files") | {"backends": order}
        flash.boot_plan(board, model, settings, None).run()
        report = Report()
        board_check.examine(report, board)
    assert report.facts["model"]["runtime"] == "builtin"
    over = {p.what.split()[1]: p.fix for p in report.problems if "is skipped" in p.what}
    assert list(over) == ["canmv_k230", "emlearn", "microlite"]  # openmv is not in the firmware
    for name, reason in (
        ("canmv_k230", "no .kmodel"),
        ("emlearn", "no .tmdl"),
        ("microlite", "size of the arena"),
    ):
        assert reason in over[name]
