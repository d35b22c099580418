# SPDX-License-Identifier: MIT
"""`galago doctor` says what a board is, and finds what was done to it."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from galago import boards, flash, transport
from galago.cli import app
from galago.doctor import Report, device, host
from galago.emulator import EmulatedBoard
from galago.models import ModelDirectory
from support.tiny_model import make_model

MODEL = "small"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelDirectory:
    return make_model(tmp_path_factory.mktemp("model"), MODEL, 1)


def install(emulated: EmulatedBoard, model: ModelDirectory) -> None:
    with transport.connect(emulated.port) as board:
        known = emulated.board
        flash.boot_plan(board, model, flash.settings_of(known, "files"), known).run()


@pytest.fixture(scope="module")
def emulated(model: ModelDirectory) -> Iterator[EmulatedBoard]:
    """A Pico 2 that is flashed, as a user would."""
    with EmulatedBoard(boards.load("RPI_PICO2")) as running:
        install(running, model)
        yield running


def examined(emulated: EmulatedBoard, spoil: str = "") -> Report:
    report = Report()
    with transport.connect(emulated.port) as board:
        if spoil:
            board.exec(spoil)
        device.examine(report, board)
    return report


def test_a_sound_board_has_no_problems(emulated: EmulatedBoard) -> None:
    report = examined(emulated)
    assert report.problems == []
    facts = report.facts
    assert facts["board"]["kind"].startswith("RPI_PICO2,")
    assert facts["board"]["clock"] == "150 MHz"
    assert facts["model"]["golden pictures"] == "2 of 2 as TensorFlow Lite Micro"
    assert facts["model"]["time"].endswith("for one inference")
    assert facts["galago"]["model"] == f"/models/{MODEL}"


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        ("f = open('/lib/mobilenet/report.mpy', 'ab'); f.write(b' '); f.close()", "another version"),
        ("f = open('/lib/mobilenet/report.mpy.new', 'w'); f.write('x'); f.close()", "interrupted"),
        ("f = open('/main.py', 'w'); f.write('print(1)'); f.close()", "main.py"),
        ("f = open('/galago.json', 'w'); f.write('{'); f.close()", "galago.json cannot be used"),
        ("import os; os.remove('/galago.json')", "no model that it runs"),
        (f"import os; os.remove('/models/{MODEL}/model.tflite')", "model.missing"),
        (f"f = open('/models/{MODEL}/model.tflite', 'r+b'); f.write(b'x'); f.close()", "model.hash"),
        (
            "import os; s = os.statvfs('/'); f = open('/fill', 'wb')\n"
            "for _ in range(s[3] - 4): f.write(bytes(4096))\nf.close()",
            "nearly full",
        ),
    ],
)
def test_what_is_wrong_is_found_and_has_a_fix(
    emulated: EmulatedBoard, model: ModelDirectory, spoil: str, what: str
) -> None:
    install(emulated, model)
    try:
        report = examined(emulated, f"try:\n exec({spoil!r})\nexcept OSError: f.close()")
    finally:
        with transport.connect(emulated.port) as board:
            for path in ("/fill", "/main.py"):
                if board.sha256(path):
                    board.remove(path)
    found = [problem for problem in report.problems if what in problem.what]
    assert len(found) == 1, report.problems
    assert found[0].fix


def test_a_camera_without_its_module_is_a_problem() -> None:
    with EmulatedBoard(boards.load("ARDUINO_NICLA_VISION"), firmware=[]) as running:
        problems = examined(running).problems
    assert any("GC2145" in problem.what and "OpenMV" in problem.fix for problem in problems)


def test_a_board_that_is_not_reached_is_a_problem_with_its_fix() -> None:
    done = CliRunner().invoke(app, ["doctor", "--json", "--port", "/dev/no-such-port"])
    assert done.exit_code == 1
    report = json.loads(done.stdout)
    assert report["facts"]["this computer"]["mpremote"]
    (problem,) = report["problems"]
    assert "no-such-port" in problem["what"]
    assert "mpremote connect list" in problem["fix"]


def test_permission_on_a_port_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.os, "access", lambda path, mode: False)  # root may open every port
    port = tmp_path / "ttyACM0"
    port.touch(mode=stat.S_IRUSR)
    for group, fix in (("dialout", "usermod -a -G dialout"), ("root", "udev")):
        monkeypatch.setattr(host, "_group", lambda number, group=group: group)
        report = Report()
        host._check_port(report, port)
        assert fix in report.problems[0].fix + report.problems[0].what


def test_an_emulated_board_is_examined_as_a_user_sees_it() -> None:
    done = CliRunner().invoke(app, ["doctor", "--board", "ESP32_GENERIC_C3"], env={"COLUMNS": "120"})
    assert done.exit_code == 0, done.output
    for text in ("ESP32_GENERIC_C3", "streamed", "golden pictures", "nothing is wrong"):
        assert text in done.output
