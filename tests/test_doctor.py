# SPDX-License-Identifier: MIT
"""`galago doctor` says what a board is, and finds what is wrong with it."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from galago import boards, flash, transport
from galago.cli import app
from galago.doctor import Report, board_check, host_check
from galago.emulator import EmulatedBoard
from galago.emulator.card import Card
from galago.errors import GalagoError
from galago.models import ModelDirectory
from support.tiny_model import make_model

MODEL = "small"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelDirectory:
    return make_model(tmp_path_factory.mktemp("model"), MODEL, 1)


def install(emulated: EmulatedBoard, model: ModelDirectory) -> None:
    with transport.connect(emulated.port) as board:
        known = emulated.board
        flash.boot_plan(board, model, flash.default_settings(known, "files"), known).run()
        board.makedirs(f"{board.root}/pictures")


@pytest.fixture(scope="module")
def emulated(model: ModelDirectory) -> Iterator[EmulatedBoard]:
    """A Pico 2 that was flashed as a user would do it, with a card in its slot."""
    with EmulatedBoard(boards.load("RPI_PICO2"), card=Card(size=1 << 20)) as running:
        install(running, model)
        yield running


def examined(emulated: EmulatedBoard, damage: str = "") -> Report:
    report = Report()
    with transport.connect(emulated.port) as board:
        if damage:
            board.exec(damage)
        board_check.examine(report, board)
    return report


def test_a_working_board_has_no_problems(emulated: EmulatedBoard) -> None:
    report = examined(emulated, "import machine, vfs; vfs.mount(machine.SDCard(), '/sd')")
    assert report.problems == []
    facts = report.facts
    assert facts["memory"]["card at /sd"] == "1,028,096 bytes free, models: none"
    assert facts["board"]["kind"].startswith("RPI_PICO2,")
    assert facts["board"]["clock"] == "150 MHz"
    assert facts["model"]["golden pictures"] == "2 of 2 as TensorFlow Lite Micro"
    assert facts["model"]["time"].endswith("for one inference, on this computer's processor")
    assert "this computer's" in facts["board"]["emulated"]
    assert abs(int(facts["memory"]["heap"].split()[0].replace(",", "")) - 497_152) < 100
    assert facts["galago"]["model"] == f"/models/{MODEL}"


_SET = (
    "import json; c = json.load(open('/galago.json')); c.update(%s); f = open('/galago.json', 'w'); "
    "json.dump(c, f); f.close()"
)


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        ("f = open('/lib/mobilenet/report.mpy', 'ab'); f.write(b' '); f.close()", "another version"),
        ("f = open('/lib/mobilenet/report.mpy.new', 'w'); f.write('x'); f.close()", "interrupted"),
        ("f = open('/main.py', 'w'); f.write('print(1)'); f.close()", "main.py"),
        ("f = open('/galago.json', 'w'); f.write('{'); f.close()", "galago.json cannot be used"),
        ("import os; os.remove('/galago.json')", "no model to run"),
        (_SET % "threshhold=1", 'unknown key "threshhold"'),
        (_SET % "camera={'frame': 6}", "'camera.frame' is 6"),
        (_SET % "source='camera'", "camera.missing"),
        (_SET % "folder='/none'", "the source does not work"),
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
    emulated: EmulatedBoard, model: ModelDirectory, damage: str, what: str
) -> None:
    install(emulated, model)
    try:
        report = examined(emulated, f"try:\n exec({damage!r})\nexcept OSError: f.close()")
    finally:
        with transport.connect(emulated.port) as board:
            for path in ("/fill", "/main.py"):
                if board.sha256(path):
                    board.remove(path)
    found = [problem for problem in report.problems if what in problem.what]
    assert len(found) == 1, report.problems
    assert found[0].fix


NO_FILE_SYSTEM = "import vfs\nvfs.umount('/')"


def test_a_board_without_a_file_system_is_not_called_full() -> None:
    with EmulatedBoard(boards.load("RPI_PICO2"), firmware=[]) as running:
        report = examined(running, NO_FILE_SYSTEM)
        assert report.facts["memory"]["file system"] == "none"
        (problem,) = report.problems
        assert problem.what == flash.NO_FILESYSTEM
        assert "install its MicroPython again" in problem.fix
        with transport.connect(running.port) as board, pytest.raises(GalagoError) as caught:
            flash.UploadPlan(board, {"/x": b"x"})
        assert caught.value.code == "board.filesystem"


def copy_package(board: transport.Board, folder: str) -> None:
    """Copy the package's sources as `mpremote fs cp -r` does."""
    for path, data in flash.source_package().items():
        path = folder + path.removeprefix(flash.LIBRARY)
        board.makedirs(path.rpartition("/")[0])
        board.put(data, path)


def test_a_package_that_hides_the_flashed_one_is_named(model: ModelDirectory) -> None:
    with EmulatedBoard(boards.load("RPI_PICO2")) as running:
        install(running, model)
        with transport.connect(running.port) as board:
            board.makedirs("/mobilenet")
            board.put(b"", "/mobilenet/__init__.py")
            with pytest.raises(GalagoError, match="fs rm -r :/mobilenet") as caught:
                flash.UploadPlan(board, flash.device_package(board))
            assert caught.value.code == "board.import"
        (problem,) = examined(running).problems
        assert problem.what.startswith("the board imports /mobilenet in place of /lib/mobilenet")
        assert problem.fix == "remove it with mpremote fs rm -r :/mobilenet"


def test_a_search_path_without_lib_is_a_problem(model: ModelDirectory) -> None:
    with EmulatedBoard(boards.load("RPI_PICO2")) as running:
        install(running, model)
        (problem,) = examined(running, "import sys\nsys.path.remove('/lib')").problems
        assert "imports nothing from /lib" in problem.what
        assert "sys.path.append('/lib')" in problem.fix
        with transport.connect(running.port) as board:
            board.soft_reset()
        assert not examined(running).problems


def test_a_package_that_was_copied_by_hand_is_recognised(model: ModelDirectory) -> None:
    with EmulatedBoard(boards.load("RPI_PICO2")) as running:
        with transport.connect(running.port) as board:
            flash.UploadPlan(board, flash.model_files(model) | {flash.CONFIG: config_of(model)}).run()
            board.makedirs("/pictures")
            copy_package(board, flash.LIBRARY)
        report = examined(running)
        assert report.problems == []
        assert "as .py, installed by mip or by hand" in report.facts["galago"]["device package"]
        assert report.facts["model"]["golden pictures"].startswith("2 of 2")
        (problem,) = examined(running, "open('/lib/mobilenet/report.py', 'a').write(' ')").problems
        assert "1 are from another version" in problem.what


def test_sources_beside_the_flashed_package_are_a_problem_that_flashing_fixes(model: ModelDirectory) -> None:
    with EmulatedBoard(boards.load("RPI_PICO2")) as running:
        install(running, model)
        with transport.connect(running.port) as board:
            copy_package(board, flash.LIBRARY)
        assert ".py files, which are imported in place" in examined(running).problems[0].what
        install(running, model)
        assert not examined(running).problems


def config_of(model: ModelDirectory) -> bytes:
    return json.dumps({"model": flash.remote_path(model), "source": "files"}).encode()


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


def test_permission_on_a_port_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_check.os, "access", lambda path, mode: False)  # root may open every port
    port = tmp_path / "ttyACM0"
    port.touch(mode=stat.S_IRUSR)
    for group, fix in (("dialout", "usermod -a -G dialout"), ("root", "udev")):
        monkeypatch.setattr(host_check, "_group", lambda number, group=group: group)
        report = Report()
        host_check._check_port(report, port)
        assert fix in report.problems[0].fix + report.problems[0].what


def test_an_emulated_board_is_examined_as_a_user_sees_it() -> None:
    done = CliRunner().invoke(app, ["doctor", "--board", "ESP32_GENERIC_C3"], env={"COLUMNS": "120"})
    assert done.exit_code == 0, done.output
    for text in ("ESP32_GENERIC_C3", "streamed", "golden pictures", "no problems found"):
        assert text in done.output
