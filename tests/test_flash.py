# SPDX-License-Identifier: MIT
"""`galago flash`: only what differs goes to the board, in one step, and the model before stays."""

import json
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from galago import boards, fit, flash, transport
from galago.cli import app
from galago.emulator import EmulatedBoard
from galago.errors import GalagoError
from galago.flash import install, micropython_image, romfs
from galago.flash.files import compiled_package
from galago.flash.install import InstallOptions
from galago.models import ModelDirectory
from galago.pictures import as_board
from galago.tflite.tflm import Tflm
from support.lost_answers import LostAnswers
from support.tiny_model import make_model


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> list[ModelDirectory]:
    """Three models that fit everywhere; the third has the first one's name and other weights."""
    folder = tmp_path_factory.mktemp("models")
    models = [make_model(folder, name, seed) for seed, name in enumerate(("first", "second"), 1)]
    return [*models, make_model(folder / "other", "first", 3)]


@pytest.fixture
def emulated() -> Iterator[EmulatedBoard]:
    with EmulatedBoard(boards.load("RPI_PICO")) as running:
        yield running


def run(*arguments: object):
    return CliRunner().invoke(app, ["flash", *map(str, arguments)])


def config(port: str) -> dict:
    with transport.connect(port) as board:
        found = flash.read_config(board)
        assert found
        return found


def classifies(port: str, path: str) -> str:
    """Load a model on the board and run its self-test; returns where its weights are."""
    with transport.connect(port) as board:
        board.soft_reset()
        program = (
            f"from mobilenet import Classifier\nnet = Classifier({path!r}, ['builtin'])\nnet.self_test()\n"
            "print(net.us > 0, net.describe()['weights'])"
        )
        tested, weights = board.exec(program, timeout=60).splitlines()[-1].split()  # kernels may log before
        assert tested == "True"
        return weights


def error_of(call: Callable[[], object]) -> str:
    with pytest.raises(GalagoError) as caught:
        call()
    return caught.value.message


def test_only_what_differs_is_uploaded_and_the_old_model_stays(
    emulated: EmulatedBoard, small: list[ModelDirectory]
) -> None:
    port = emulated.port
    done = [install.install(port, InstallOptions(model=model)) for model in (*small[:2], small[1])]
    assert done[0].uploaded > 100_000
    assert 77_000 < done[1].uploaded < 95_000, "a model, its kernels and its config"
    assert done[2].uploaded == 0
    assert (done[1].place, config(port)["model"]) == ("/models/second", "/models/second")
    assert run("--rollback", "--port", port).exit_code == 0
    assert config(port)["model"] == "/models/first"
    assert classifies(port, "/models/first")
    assert run("--rollback", "--port", port).exit_code == 0
    assert config(port)["model"] == "/models/second"


def test_without_room_for_the_decoder_of_jpeg_the_host_decodes(
    small: list[ModelDirectory], tmp_path: Path
) -> None:
    model, spec = small[0], replace(boards.load("NUCLEO_H743ZI"), backends=("builtin",))
    files = compiled_package("x64") | flash.model_files(model, spec)
    unused, decoders = flash.spare_files(model, spec, camera=False)
    assert {path.split("/")[-2] for path in decoders - unused} == {"jpeg"}
    room = sum(-(-len(data) // 512) * 512 for path, data in files.items() if path not in unused)
    tight = replace(spec, filesystem=(room + 14_000) // 4096 * 4096)  # less than its folders and a FAT take
    pixels = np.random.default_rng(1).integers(0, 256, (90, 120, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.jpg")
    with EmulatedBoard(tight, firmware=[]) as running:
        options = ("--model", model.path, "--kernels", "viper", "--json", tmp_path / "a.jpg")
        done = CliRunner().invoke(app, ["classify", "--port", running.port, *map(str, options)])
        with transport.connect(running.port) as board:
            assert board.sha256("/flash/lib/mobilenet/image/bmp.mpy")
            assert not board.sha256("/flash/lib/mobilenet/image/jpeg/scan.mpy")
    answer = json.loads(done.stdout)["top"][0]
    height, width, channels = model.input_shape
    tensor = as_board(tmp_path / "a.jpg", height, width, channels, model.contract["input"]["resize"])
    expected = Tflm(model.tflite.read_bytes()).run(tensor[None]).ravel()
    assert answer["index"] == expected.argmax()


def test_a_model_never_overwrites_the_one_of_its_name_that_runs(
    emulated: EmulatedBoard, small: list[ModelDirectory]
) -> None:
    port = emulated.port
    places = [
        install.install(port, InstallOptions(model=model)).place for model in (small[0], small[2], small[0])
    ]
    assert places == ["/models/first", "/models/first~", "/models/first"]
    assert classifies(port, "/models/first~")


def test_a_heap_that_is_too_small_is_reported_when_flashing(small: list[ModelDirectory]) -> None:
    tiny = replace(boards.load("RPI_PICO"), heap=40_000)
    with EmulatedBoard(tiny, firmware=[]) as running:
        done = install.install(running.port, InstallOptions(model=small[0]))
        assert "of heap" in done.warning
        assert "of heap" in run(small[0].path, "--port", running.port).stderr
    with EmulatedBoard(boards.load("RPI_PICO"), firmware=[]) as running:
        assert install.install(running.port, InstallOptions(model=small[0])).warning == ""


@pytest.mark.slow
def test_a_board_with_little_room_gets_what_its_model_needs(small: list[ModelDirectory]) -> None:
    spec = replace(boards.load("RPI_PICO_W"), filesystem=581_632)
    verdict = fit.check(fit.Requirements.of(small[0]), spec)
    assert (verdict.form, verdict.fits) == ("trimmed", True)
    with EmulatedBoard(spec, firmware=[]) as running:
        done = install.install(running.port, InstallOptions(model=small[0]))
        assert done.left_out > 30
        assert classifies(running.port, done.place)
        with transport.connect(running.port) as board:
            flash.write_config(board, {"model": done.place, "source": "host"})
            assert board.sha256("/lib/mobilenet/tflite/kernels/conv_2d.mpy")
            assert not board.sha256("/lib/mobilenet/tflite/kernels/prelu.mpy")
            board.remove(f"{done.place}/model.plan")
        assert "flash it again" in str(error_of(lambda: classifies(running.port, done.place)))
        assert install.install(running.port, InstallOptions(model=small[0])).uploaded > 0
        full = run(small[1].path, "--port", running.port)
        assert isinstance(full.exception, GalagoError)
        assert full.exception.code == "board.full"
        assert "--replace" in full.exception.message
        assert classifies(running.port, done.place), "a model that has no room leaves the old one alone"
        assert run(small[1].path, "--port", running.port, "--replace").exit_code == 0
        assert config(running.port)["model"] == "/models/second"
        assert classifies(running.port, "/models/second")


@pytest.mark.slow
def test_a_model_that_never_fits_replaces_nothing(small: list[ModelDirectory]) -> None:
    spec = replace(boards.load("NUCLEO_F401RE"), heap=200_000, ram=300_000, filesystem=655_360)
    with EmulatedBoard(spec, firmware=[]) as running:
        place = install.install(running.port, InstallOptions(model=small[0])).place
        refused = run("everyday-v1-025-96", "--port", running.port, "--replace").exception
        assert isinstance(refused, GalagoError)
        assert (refused.code, "nothing was removed" in refused.message) == ("board.full", True)
        with transport.connect(running.port) as board:
            assert board.sha256(f"{place}/model.json")


def test_a_board_without_an_earlier_model_cannot_be_rolled_back(
    emulated: EmulatedBoard, small: list[ModelDirectory]
) -> None:
    install.install(emulated.port, InstallOptions(model=small[0]))
    error = run("--rollback", "--port", emulated.port).exception
    assert isinstance(error, GalagoError)
    assert error.code == "config.missing"


def test_what_has_arrived_is_not_sent_again(emulated: EmulatedBoard, small: list[ModelDirectory]) -> None:
    files = {"/lib/mobilenet/x.mpy": bytes(range(256)) * 500, "/models/m/y": b"y" * 5000}

    class StopError(Exception):
        pass

    def stop(path: str, done: int) -> None:
        if done > 100_000:
            raise StopError

    with transport.connect(emulated.port) as board:
        plan = flash.UploadPlan(board, files)
        assert plan.total == 133_000
        with pytest.raises(StopError):
            plan.run(stop)
        rest = flash.UploadPlan(board, files)
        assert 133_000 - 100_000 - 60_000 < rest.total < 133_000 - 40_000
        rest.run()
        assert {board.get(path) for path in files} == set(files.values())
        assert flash.UploadPlan(board, files).empty


def test_an_answer_that_is_lost_does_not_end_a_flash(
    emulated: EmulatedBoard, small: list[ModelDirectory], monkeypatch: pytest.MonkeyPatch
) -> None:
    faults, files = emulated.faults, {"/models/m/y": b"y" * 40_000, "/models/m/z": b"z" * 5_000}
    with transport.connect(emulated.port) as board:
        start = faults.arrived
        flash.UploadPlan(board, files).run()
        total = faults.arrived - start
        for name in files:
            board.remove(name)
        answers = LostAnswers(emulated, monkeypatch)
        for share in (1, 3, 5, 7, 9):
            new = {name: data + bytes([share]) for name, data in files.items()}
            answers.lose(total * share // 10)
            flash.UploadPlan(board, new).run()
            assert answers.asked_again
            assert {name: board.get(name) for name in new} == new


def test_several_boards_are_flashed_at_once_and_each_has_its_line(small: list[ModelDirectory]) -> None:
    with EmulatedBoard(boards.load("RPI_PICO")) as one, EmulatedBoard(boards.load("PYBD_SF2")) as other:
        done = run(small[0].path, "--port", one.port, "--port", other.port)
        assert done.exit_code == 0, done.output
        lines = done.stdout.splitlines()
        assert [line.split(" runs")[0] for line in lines] == ["/models/first", "/rom/models/first"]
        assert "Raspberry Pi Pico" in done.stderr
        assert "PYBD-SF2W" in done.stderr
        assert config(one.port)["led"] == "LED"
        assert config(other.port)["folder"] == "/flash/pictures"
        failed = run(small[1].path, "--port", one.port, "--port", "/dev/no-such-port")
        assert isinstance(failed.exception, GalagoError)
        assert config(one.port)["model"] == "/models/second", "the others are done all the same"


def test_what_the_user_set_stays_and_changes_are_named(small: list[ModelDirectory]) -> None:
    with EmulatedBoard(boards.load("ESP32_GENERIC-SPIRAM"), firmware=["esp32"]) as running:
        port = running.port
        assert run(small[0].path, "--port", port, "--source", "camera").exit_code == 0
        assert config(port)["camera"]["pins"]["xclk"] == 0
        set_ = ["config", "--port", port, "threshold=0.8", "camera.frame=VGA", "camera.mirror=true"]
        changed = CliRunner().invoke(app, set_)
        assert changed.exit_code == 0, changed.output
        assert "camera.frame: default → VGA" in changed.output
        done = run(small[1].path, "--port", port, "--interval", "2")
        assert "galago.json interval: default → 2" in done.stderr
        assert "galago.json model: /models/first → /models/second" in done.stderr
        assert "threshold" not in done.stderr
        kept = config(port)
        assert (kept["source"], kept["threshold"], kept["interval"]) == ("camera", 0.8, 2)
        assert (kept["camera"]["frame"], kept["camera"]["mirror"]) == ("VGA", True)
        shown = CliRunner().invoke(app, ["config", "--port", port]).stdout
        assert re.search(r"camera.frame +\"VGA\"\n", shown)
        assert re.search(r"watchdog +0   \(default\)\n", shown)
        rolled = run("--rollback", "--port", port)
        assert "interval: 2.0 → default" in rolled.stderr


@pytest.mark.parametrize(
    ("assignment", "code"),
    [
        ("threshhold=1", "config.invalid"),
        ("camera.skip=one", "config.invalid"),
        ("top=many", "config.invalid"),
        ("source", "usage"),
        ("source.x=1", "config.invalid"),
        ("source=camera", "camera.missing"),
        ("model=", "config.invalid"),
    ],
)
def test_a_wrong_setting_is_refused_before_the_board_has_it(
    flashed: EmulatedBoard, assignment: str, code: str
) -> None:
    before = config(flashed.port)
    done = CliRunner().invoke(app, ["config", "--port", flashed.port, assignment])
    assert isinstance(done.exception, GalagoError)
    assert done.exception.code == code
    assert config(flashed.port) == before


@pytest.fixture(scope="module")
def flashed(small: list[ModelDirectory]) -> Iterator[EmulatedBoard]:
    """A board with a model, and stock firmware."""
    with EmulatedBoard(boards.load("RPI_PICO")) as running:
        install.install(running.port, InstallOptions(model=small[0]))
        yield running


def test_a_source_that_the_board_lacks_is_refused(small: list[ModelDirectory]) -> None:
    functions = b"def init(*arguments, **options):\n    return True\n"
    with EmulatedBoard(boards.load("ESP32_GENERIC-SPIRAM"), firmware=[]) as running:
        done = run(small[0].path, "--port", running.port, "--source", "camera")
        assert isinstance(done.exception, GalagoError)
        assert (done.exception.code, "micropython-camera-API" in done.exception.message) == (
            "camera.missing",
            True,
        )
        with transport.connect(running.port) as board:
            board.makedirs("/lib")
            board.put(functions, "/lib/camera.py")  # neither a class Camera nor lemariva's constants
        error = run(small[0].path, "--port", running.port, "--source", "camera").exception
        assert isinstance(error, GalagoError)
        assert "micropython-camera-API or lemariva's" in error.message


def test_a_file_that_hides_a_module_of_micropython_is_named(small: list[ModelDirectory]) -> None:
    with EmulatedBoard(boards.load("RPI_PICO"), firmware=[]) as running:
        with transport.connect(running.port) as board:
            board.put(b"print('mine')\n", "/json.py")
            board.soft_reset()
        error = run(small[0].path, "--port", running.port).exception
        assert isinstance(error, GalagoError)
        assert "/json.py hides MicroPython's module json" in error.message


# ROMFS


def test_images_are_aligned_whatever_the_sizes() -> None:
    for size in (0, 1, 15, 16, 127, 128, 16_383, 70_001):
        files = {
            f"models/{'m' * (1 + size % 9)}/{name}": os.urandom(size + n) for n, name in enumerate("abc")
        }
        image = romfs.build_image(files)
        assert len(image) % 2 == 0
        for path in files:
            if files[path]:
                assert romfs._offset(image, files, path) % 16 == 0


@pytest.mark.slow
def test_a_model_goes_to_the_romfs_where_its_weights_are_used_in_place(small: list[ModelDirectory]) -> None:
    with EmulatedBoard(boards.load("PYBD_SF2")) as running:
        port = running.port
        first = install.install(port, InstallOptions(model=small[0]))
        assert first.place == "/rom/models/first"
        assert classifies(port, first.place) == "place"
        with transport.connect(port) as board:
            address = board.exec(
                "import uctypes\nm = memoryview(open('/rom/models/first/model.tflite', 'rb'))\n"
                "print(uctypes.addressof(m) % 16)"
            )
            assert int(address) == 0
        assert install.install(port, InstallOptions(model=small[0])).uploaded == 0
        second = install.install(port, InstallOptions(model=small[1]))
        assert second.place == "/rom/models/second"
        assert classifies(port, second.place) == "place"
        assert run("--rollback", "--port", port).exit_code == 0
        assert config(port)["model"] == "/flash/models/first", "it moved to the file system in time"
        assert classifies(port, "/flash/models/first") in ("ram", "stream")
        files = install.install(port, InstallOptions(model=small[1], romfs=False))
        assert files.place == "/flash/models/second"


def test_a_romfs_with_files_of_the_user_is_left_alone(small: list[ModelDirectory]) -> None:
    with EmulatedBoard(boards.load("PYBD_SF2")) as running:
        romfs.deploy(running.port, romfs.build_image({"mine.py": b"print(1)"}))
        with transport.connect(running.port) as board:
            board.soft_reset()
        assert install.install(running.port, InstallOptions(model=small[0])).place == "/flash/models/first"
        with transport.connect(running.port) as board:
            assert board.get("/rom/mine.py") == b"print(1)"


# Firmware


@pytest.fixture
def fake_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Make a program on PATH that writes its arguments to a log and ends with a status."""

    def make(name: str, status: int = 0) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        log = tmp_path / f"{name}.log"
        program = folder / name
        program.write_text(
            f"#!{sys.executable}\nimport sys\nopen({str(log)!r}, 'w').write('\\n'.join(sys.argv[1:]))\n"
            f"print('some of it')\nprint('the last word')\nsys.exit({status})\n"
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(folder))
        return log

    return make


@pytest.mark.parametrize(
    ("board", "tool", "suffix", "options"),
    [
        ("ESP32_GENERIC", "esptool", ".bin", ["write_flash", "0x1000"]),
        ("ESP32_GENERIC_S3", "esptool.py", ".bin", ["write_flash", "0x0"]),
        ("ESP32_GENERIC_P4", "esptool", ".bin", ["write_flash", "0x2000"]),
        ("RPI_PICO", "picotool", ".uf2", ["load", "-f", "-x"]),
        ("PYBV11", "dfu-util", ".dfu", ["-a", "0", "-D"]),
        ("NUCLEO_F446RE", "st-flash", ".hex", ["--format", "ihex", "write"]),
        ("SIPEED_MAIX_BIT", "kflash", ".bin", ["-B", "bit"]),
        ("TEENSY41", "teensy_loader_cli", ".hex", ["--mcu=TEENSY41"]),
    ],
)
def test_the_board_s_own_tool_gets_the_image(
    fake_tool: Callable[..., Path], tmp_path: Path, board: str, tool: str, suffix: str, options: list[str]
) -> None:
    log = fake_tool(tool)
    known, image = boards.load(board), tmp_path / f"firmware{suffix}"
    image.write_bytes(b"image")
    chosen = (
        micropython_image.TOOLS["picotool"]
        if board == "RPI_PICO"
        else micropython_image.choose_tool(known, image)
    )
    output: list[str] = []
    micropython_image.install(chosen, known, "/dev/ttyACM0", image, output.append)
    arguments = log.read_text().split("\n")
    assert str(image) in arguments
    places = [arguments.index(each) for each in options]
    assert places == sorted(places)
    assert output == ["some of it", "the last word"]


def test_missing_tools_and_wrong_images_are_named(fake_tool: Callable[..., Path], tmp_path: Path) -> None:
    fake_tool("nothing")
    image = tmp_path / "firmware.bin"
    image.write_bytes(b"image")
    for board, file, code, text in (
        ("ESP32_GENERIC", image, "firmware.tool", "pip install esptool"),
        ("RPI_PICO", image.with_suffix(".hex"), "firmware.image", "no file"),
        ("TEENSY41", image, "firmware.image", ".hex"),
        ("K230_CANMV", image, "firmware.tool", "SD card"),
    ):
        with pytest.raises(GalagoError, match=text) as caught:
            micropython_image.choose_tool(boards.load(board), file)
        assert caught.value.code == code


def test_a_uf2_image_is_copied_to_the_drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drive, image = tmp_path / "RPI-RP2", tmp_path / "firmware.uf2"
    drive.mkdir()
    (drive / "INFO_UF2.TXT").touch()
    image.write_bytes(b"UF2\n")
    monkeypatch.setattr(micropython_image, "_DRIVES", (f"{tmp_path}/*",))
    known = boards.load("RPI_PICO")
    tool = micropython_image.choose_tool(known, image)
    assert tool.name == "uf2"
    micropython_image.install(tool, known, "/dev/ttyACM0", image)
    assert (drive / "firmware.uf2").read_bytes() == b"UF2\n"


def test_firmware_and_model_are_one_command(
    emulated: EmulatedBoard, small: list[ModelDirectory], fake_tool: Callable[..., Path], tmp_path: Path
) -> None:
    image = tmp_path / "firmware.bin"
    image.write_bytes(b"image")
    log = fake_tool("esptool")
    with EmulatedBoard(boards.load("ESP32_GENERIC_C3"), firmware=[]) as running:
        done = run(small[0].path, "--port", running.port, "--micropython", image)
        assert done.exit_code == 0, done.output
        assert log.read_text().split("\n")[:2] == ["--port", running.port]
        assert config(running.port)["model"] == "/models/first"
        fake_tool("esptool", status=2)
        error = run(small[0].path, "--port", running.port, "--micropython", image).exception
    assert isinstance(error, GalagoError)
    assert error.code == "firmware.failed"
    assert "the last word" in error.message
