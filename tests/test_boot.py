# SPDX-License-Identifier: MIT
"""A flashed board classifies the pictures on it at boot, and never locks its user out."""

import binascii
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from PIL import Image

from galago import boards, transport
from galago.emulator import EmulatedBoard
from galago.emulator.camera import EmulatedCamera

MPREMOTE = [sys.executable, "-m", "mpremote"]


@pytest.fixture(scope="module")
def board() -> Iterator[EmulatedBoard]:
    """A board flashed by `galago flash`, with two pictures and a file that is not one."""
    with EmulatedBoard(boards.load("RPI_PICO2")) as emulated:
        flash = [sys.executable, "-m", "galago", "flash", "everyday-v1-025-96", "--port", emulated.port]
        subprocess.run(flash, check=True, capture_output=True, timeout=600)
        yield emulated


def mpremote(board: EmulatedBoard, *arguments: object) -> str:
    done = subprocess.run(
        [*MPREMOTE, "connect", board.port, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    return done.stdout


@pytest.fixture(scope="module")
def pictures(board: EmulatedBoard, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("pictures")
    Image.new("RGB", (50, 40), (255, 0, 0)).save(folder / "b.bmp")
    Image.new("RGB", (50, 40), (0, 0, 255)).save(folder / "a.jpg")
    (folder / "c.jpg").write_text("not a picture")
    mpremote(board, "fs", "cp", *sorted(folder.iterdir()), ":/pictures/")
    return ["a.jpg", "b.bmp", "c.jpg"]


def boot(board: EmulatedBoard) -> list[dict]:
    """Reset the board and return the serial lines that it prints before its prompt."""
    with serial.Serial(board.port, timeout=300) as port:
        port.write(b"\r\x03\x02")
        port.write(b"print('re' + 'ady')\r")  # earlier prompts may still be on their way
        port.read_until(b"ready\r\n>>> ")
        port.write(b"\x04")
        text = port.read_until(b">>> ")
    return [json.loads(line) for line in text.splitlines() if line.startswith(b"{")]


def configure(board: EmulatedBoard, text: str) -> None:
    with transport.connect(board.port) as device:
        device.put(text.encode(), "/galago.json")


def test_pictures_are_classified_at_boot_in_the_order_of_their_names(
    board: EmulatedBoard, pictures: list[str]
) -> None:
    start, *lines = boot(board)
    assert start["start"] == {
        "seq": 0,
        "model": "everyday-v1-025-96",
        "backend": "builtin",
        "source": "files",
        "input": [96, 96, 3],
        "resize": "crop",
    }
    assert [line["image"] for line in lines] == pictures
    assert [line["seq"] for line in lines] == [0, 1, 2]
    assert all(line["top"][0]["confidence"] > 0 for line in lines[:2])
    assert lines[2]["error"]["code"] == "image.format"


def test_numbers_continue_after_a_restart_and_none_comes_twice(
    board: EmulatedBoard, pictures: list[str]
) -> None:
    before = boot(board)[-1]["seq"]
    assert [line.get("seq") for line in boot(board)[1:]] == [before + 1, before + 2, before + 3]
    with transport.connect(board.port) as device:
        good = json.loads(device.get("/galago.json"))
    configure(board, json.dumps({**good, "loop": True, "interval": 0.1}))
    with serial.Serial(board.port, timeout=300) as port:
        port.write(b"\r\x03\x02\x04")
        while b'"seq": %d' % (before + 9) not in port.readline():
            pass
        board.reset()  # without warning, as when the power goes
        while b'"start"' not in (line := port.readline()):
            pass
        jumped = json.loads(line)["start"]["seq"]
        assert before + 9 < jumped <= before + 9 + 256
    configure(board, json.dumps(good))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "config.invalid"),
        ('{"model": "/models/none"}', "model.missing"),
        ('{"model": "/models/everyday-v1-025-96", "source": "camera"}', "camera.missing"),
        ('{"model": "/models/everyday-v1-025-96", "folder": "/none"}', "config.invalid"),
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
    with transport.connect(board.port) as device:
        device.remove("/galago.good.json")
    alone = boot(board)
    configure(board, good.decode())
    assert [line["error"]["code"] for line in alone] == [code], "nothing is said of a good one that never was"
    assert lines[0]["error"]["code"] == code
    assert "start" in lines[1]
    assert [line.get("image") for line in lines[2:]] == pictures


def test_an_led_is_on_after_a_known_class(board: EmulatedBoard, pictures: list[str]) -> None:
    with transport.connect(board.port) as device:
        good = json.loads(device.get("/galago.json"))
    seen = []
    for threshold, led in ((0, "25"), (1, "25"), (1, "~LED")):
        one = {**good, "folder": "/one", "threshold": threshold, "led": led, "interval": 30}
        with transport.connect(board.port) as device:
            device.makedirs("/one")
            device.put(device.get("/pictures/b.bmp"), "/one/b.bmp")
        configure(board, json.dumps(one))
        with serial.Serial(board.port, timeout=300) as port:
            port.write(b"\r\x03\x02\x04")
            while b'"image"' not in port.readline():
                pass
            port.write(b"\x03")  # the LED goes out again with the program
            port.read_until(b">>> ")
        seen.append(board.pins.get(led.lstrip("~")))
    configure(board, json.dumps({**good, "led": "-5"}))
    assert boot(board)[1]["seq"] >= 0, "any name is taken here"
    configure(board, json.dumps({**good, "led": 99}))
    assert any(line.get("error", {}).get("code") == "config.invalid" for line in boot(board))
    configure(board, json.dumps(good))
    assert seen == [0, 0, 1]


@pytest.mark.slow
def test_a_wrong_golden_output_keeps_a_model_from_running(board: EmulatedBoard, pictures: list[str]) -> None:
    with transport.connect(board.port) as device:
        good = json.loads(device.get("/galago.json"))
        contract = json.loads(device.get(good["model"] + "/model.json"))
        for entry in contract["golden"]:
            entry["output_int8"][3] ^= 1
        contract["files"] = {"tflite": contract["files"]["tflite"]}
        device.makedirs("/models/wrong")
        device.put(device.get(good["model"] + "/model.tflite"), "/models/wrong/model.tflite")
        device.put(json.dumps(contract).encode(), "/models/wrong/model.json")
    boot(board)  # a boot that works marks its config as good
    configure(board, json.dumps({**good, "model": "/models/wrong"}))
    lines = boot(board)
    configure(board, json.dumps(good))
    assert lines[0]["error"]["code"] == "backend.wrong"
    assert lines[1]["start"]["model"] == "everyday-v1-025-96"
    assert [line.get("image") for line in lines[2:]] == pictures


@pytest.mark.slow
def test_a_board_that_hangs_is_restarted_by_its_watchdog(board: EmulatedBoard) -> None:
    program = (
        b"from mobilenet.watchdog import Watchdog\nimport time\nd = Watchdog(3)\n"
        b"for _ in range(35): time.sleep(0.1); d.feed()\nprint('f' + 'ed')\nwhile True: pass"
    )
    with serial.Serial(board.port, timeout=300) as port:
        port.write(b"\r\x03\x01")
        port.read_until(b"raw REPL; CTRL-B to exit\r\n>")
        port.write(program + b"\x04")
        assert port.read_until(b"fed\r\n") == b"OKfed\r\n"
        assert b'"start"' in port.read_until(b">>> ")
    with transport.connect(board.port) as device:
        assert device.exec("import machine; print(machine.reset_cause() == machine.WDT_RESET)") == "True\n"


def test_pictures_of_the_host_come_over_the_serial_line(board: EmulatedBoard) -> None:
    with transport.connect(board.port) as device:
        good = json.loads(device.get("/galago.json"))
    configure(board, json.dumps({**good, "source": "host", "top": 2}))
    row = binascii.b2a_base64(bytes([255, 0, 0]) * 96)

    def send(header: bytes, rows: list[bytes]) -> dict:
        for line in [header, *rows]:
            port.write(line)
            while (answer := port.read(1)) == b"\r" or answer == b"\n":
                pass
            if answer != b"\x06":
                return json.loads(answer + port.readline())
        return json.loads(port.readline().lstrip())

    with serial.Serial(board.port, timeout=300) as port:
        port.write(b"\r\x03\x02\x04")
        while b'"start"' not in port.readline():
            pass
        header = b'{"image": "red.png", "width": 96, "height": 96}\n'
        bad = send(header, [row] * 10 + [row[8:]])
        good_line = send(header, [row] * 96)
        port.write(b"\x03")
        assert port.read_until(b">>> ").endswith(b">>> ")
    configure(board, json.dumps(good))
    assert (bad["image"], bad["error"]["code"]) == ("red.png", "image.corrupt")
    assert (good_line["image"], len(good_line["top"])) == ("red.png", 2)
    assert good_line["seq"] == bad["seq"] + 1


def test_a_camera_is_a_source_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("scene")
    for name, color in (("0.png", (255, 0, 0)), ("1.png", (0, 0, 255))):
        Image.new("RGB", (320, 240), color).save(folder / name)
    known = boards.load("ESP32_GENERIC-SPIRAM")
    with EmulatedBoard(known, firmware=["esp32"], camera=EmulatedCamera(folder)) as emulated:
        flash = [sys.executable, "-m", "galago", "flash", "--source", "camera", "--port", emulated.port]
        subprocess.run(flash, check=True, capture_output=True, timeout=600)
        with serial.Serial(emulated.port, timeout=300) as port:
            port.write(b"\r\x03\x02\x04")
            lines = []
            while len(lines) < 3:
                if (line := port.readline()).startswith(b"{"):
                    lines.append(json.loads(line))
            port.write(b"\x03")
            assert port.read_until(b">>> ").endswith(b">>> ")
        assert "start" in lines[0]
        assert [line["image"] for line in lines[1:]] == ["frame 0", "frame 1"]
        assert lines[1]["top"]


@pytest.mark.slow
def test_ctrl_c_reaches_the_repl_while_it_classifies_in_a_loop(
    board: EmulatedBoard, pictures: list[str]
) -> None:
    with transport.connect(board.port) as device:
        good = json.loads(device.get("/galago.json"))
    configure(board, json.dumps({**good, "loop": True}))
    with serial.Serial(board.port, timeout=300) as port:
        port.write(b"\r\x03\x02\x04")
        while b'"seq": 10' not in port.readline():
            pass
        port.write(b"\x03")
        text = port.read_until(b">>> ")
        assert b"KeyboardInterrupt" in text
        assert text.endswith(b">>> ")
    configure(board, json.dumps(good))


def test_flash_leaves_a_main_py_of_the_user_alone() -> None:
    mine = (Path(__file__).parents[1] / "examples" / "camera_loop.py").read_bytes()
    assert b"galago.json" in mine  # which does not make it Galago's
    with EmulatedBoard(boards.load("RPI_PICO2")) as emulated:
        with transport.connect(emulated.port) as device:
            device.put(mine, "/main.py")
        flash = [sys.executable, "-m", "galago", "flash", "--port", emulated.port]
        done = subprocess.run(flash, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 2
        assert "main.py" in done.stderr
        with transport.connect(emulated.port) as device:
            assert device.get("/main.py") == mine
