# SPDX-License-Identifier: MIT
"""Every program in examples/ does what it says, on an emulated board whose camera sees a cat, then a cup.

What the emulated board lacks (PWM, an SD card, WiFi, deep sleep) is a stand-in that records what it is told.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from galago import boards, flash, models, transport
from galago.dataset import standard_photos
from galago.emulator import EmulatedBoard
from galago.emulator.camera import EmulatedCamera

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"

STANDINS = """
import machine, sys
class PWM:
    def __init__(self, pin, freq):
        print("servo at", freq, "Hz")
    def duty_ns(self, ns):
        print("pulse of", ns // 1000, "us")
class SDCard:
    blocks = bytearray(512 * 100)
    def readblocks(self, block, buffer, offset=0):
        at = 512 * block + offset
        buffer[:] = self.blocks[at : at + len(buffer)]
    def writeblocks(self, block, buffer, offset=0):
        at = 512 * block + offset
        self.blocks[at : at + len(buffer)] = buffer
    def ioctl(self, op, argument):
        return 100 if op == 4 else 512 if op == 5 else 0
import vfs
vfs.VfsFat.mkfs(SDCard())
def deepsleep(ms):
    print("asleep for", ms, "ms")
    raise SystemExit
class network:
    STA_IF = 0
    class WLAN:
        joined = False
        def __init__(self, interface):
            pass
        def active(self, on):
            pass
        def isconnected(self):
            return self.joined
        def connect(self, name, password):
            self.joined = True
class MQTTClient:
    def __init__(self, name, broker, keepalive):
        self.broker = broker
    def connect(self):
        print("connected to", self.broker)
    def publish(self, topic, message):
        print("published", topic.decode(), message.decode())
class umqtt:
    class simple:
        pass
umqtt.simple.MQTTClient = MQTTClient
machine.PWM, machine.SDCard, machine.deepsleep = PWM, SDCard, deepsleep
sys.modules["network"], sys.modules["umqtt"], sys.modules["umqtt.simple"] = network, umqtt, umqtt.simple
import os
os_mount = vfs.mount
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cat and a cup, each twice: an ESP32's driver discards every other frame, as it may be stale."""
    folder = tmp_path_factory.mktemp("photos")
    for number, name in enumerate(("chelsea", "chelsea", "coffee", "coffee")):
        (path,) = (path for path in standard_photos.paths() if path.stem == name)
        Image.open(path).convert("RGB").save(folder / f"{number}-{name}.png")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> models.ModelDirectory:
    """The shipped model by another name: programs take the model that is flashed, wherever that is."""
    copy = shutil.copytree(models.find("everyday-v1-025-96").path, tmp_path_factory.mktemp("model") / "mine")
    contract = json.loads((copy / "model.json").read_text())
    (copy / "model.json").write_text(json.dumps(contract | {"name": "mine"}))
    return models.ModelDirectory.open(copy)


@pytest.fixture(scope="module")
def emulated(photos: Path, model: models.ModelDirectory) -> Iterator[EmulatedBoard]:
    known = boards.load("ESP32_GENERIC-SPIRAM")
    with EmulatedBoard(known, firmware=["esp32"], camera=EmulatedCamera(photos)) as running:
        with transport.connect(running.port) as board:
            settings = flash.default_settings(known, "camera")
            flash.boot_plan(board, model, settings, known).run()
        yield running


class EnoughError(Exception):
    """Ends an endless program."""


def run(emulated: EmulatedBoard, name: str, last: str, after: str = "") -> list[str]:
    """Runs an example until it prints a line that contains `last`; returns all lines."""
    lines: list[str] = []

    def take(line: str) -> None:
        lines.append(line)
        if last in line:
            raise EnoughError
        assert len(lines) < 40, lines

    with transport.connect(emulated.port) as board:
        board.soft_reset()
        board.exec(STANDINS)
        program = (EXAMPLES / name).read_text().replace("SAVE_EVERY = 60", "SAVE_EVERY = 0")
        program = program.replace("AWAKE = 3", "AWAKE = 0")
        try:
            board.stream(program, take)
        except EnoughError:
            board.interrupt()
        if after:
            lines.append(board.exec(after))
    return lines


def test_the_list_is_complete() -> None:
    listed = re.findall(r"^\| \[`(\w+\.py)`\]\(\1\)", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(path.name for path in EXAMPLES.glob("*.py"))


def test_camera_loop(emulated: EmulatedBoard) -> None:
    lines = run(emulated, "camera_loop.py", "frame 1")
    assert re.match(r"frame \d: (cat|cup) \d\d\.\d %, ", lines[-1])


def test_led_on_cat(emulated: EmulatedBoard) -> None:
    levels = []
    for number in (0, 2):
        emulated.camera.show(emulated.camera.pictures[number])
        run(emulated, "led_on_cat.py", "frame 1")
        levels.append(emulated.pins.get("4"))
    emulated.camera.show(None)
    assert levels == [1, 0]


def test_servo_sorter(emulated: EmulatedBoard) -> None:
    lines = run(emulated, "servo_sorter.py", "pulse of 833 us")  # 30 degrees, for the cup
    assert lines[:2] == ["servo at 50 Hz", "pulse of 500 us"]
    assert any(": cup" in line for line in lines)


def test_count_to_sd(emulated: EmulatedBoard) -> None:
    lines = run(emulated, "count_to_sd.py", "cup 2", after="print(open('/sd/counts.csv').read())")
    counts = dict(row.split(",") for row in lines[-1].split()[1:])
    assert int(counts["cat"]) >= 1
    assert int(counts["cup"]) >= 1


def test_publish_mqtt(emulated: EmulatedBoard) -> None:
    for number, label in ((0, "cat"), (2, "cup")):
        emulated.camera.show(emulated.camera.pictures[number])
        lines = run(emulated, "publish_mqtt.py", '{"')
        assert lines[0] == "connected to 192.168.1.10"
        message = json.loads(lines[1].removeprefix("published camera/door "))
        assert message["label"] == label
        assert 0 < message["confidence"] <= 1
    emulated.camera.show(None)


def test_deep_sleep(emulated: EmulatedBoard) -> None:
    lines = run(emulated, "deep_sleep.py", "asleep")
    assert lines[-1] == "asleep for 600000 ms"
    assert lines[-2].startswith("frame 0: ")


def test_send_pictures(emulated: EmulatedBoard, photos: Path) -> None:
    with transport.connect(emulated.port) as board:
        present = flash.read_config(board) or {}
        flash.write_config(board, present | {"source": "host"})
    paths = sorted(photos.iterdir())[1:3]
    argv = [sys.executable, str(EXAMPLES / "send_pictures.py"), emulated.port, "none.jpg", *map(str, paths)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    missing, *classified = done.stdout.splitlines()
    assert missing.startswith("none.jpg ")
    assert [line.split()[1] for line in classified] == ["cat", "cup"]
