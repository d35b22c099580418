# SPDX-License-Identifier: MIT
"""Eight hours with a camera, compressed: a board flashed with `--source camera` runs by itself.

The board's clock skips the time that main.py sleeps. The camera fails in every way, and the reader of the
serial line pauses now and then.
"""

import json
import time
from pathlib import Path

import numpy as np
import pytest
import serial
from PIL import Image

from galago import boards, flash, models, pictures, transport
from galago.emulator import EmulatedBoard
from galago.emulator.camera import Capture, EmulatedCamera, Fault, scene
from galago.monitor import Monitor, Notice, PictureLine
from galago.tflite.tflm import Tflm
from support.tiny_model import make_model

INTERVAL = 20  # seconds between pictures
COUNT = 8 * 3600 // INTERVAL
PINS = {"data": [1] * 8, "vsync": 9, "href": 10, "pclk": 11, "xclk": 12, "sda": 13, "scl": 14}

# A boot.py like a user's, whose `time.sleep` returns at once and advances the clock instead.
BOOT = """
import gc, json, sys, time as real

class Clock:
    slept = calls = 0

    def __getattr__(self, name):
        return getattr(real, name)

    def ticks_ms(self):
        return real.ticks_add(real.ticks_ms(), int(1000 * self.slept))

    def sleep(self, seconds):
        self.slept += seconds
        self.calls += 1
        if self.calls % 20000 == 0:
            gc.collect()
            print(json.dumps({"free": gc.mem_free(), "hours": self.slept / 3600}))

sys.modules["time"] = Clock()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven scenes for which the model has different confidences."""
    folder, random = tmp_path_factory.mktemp("scenes"), np.random.default_rng(5)
    for number in range(7):
        rough = random.integers(0, 256, (6, 8, 3)).astype(np.uint8)
        Image.fromarray(rough).resize((160, 120), Image.Resampling.NEAREST).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> models.ModelDirectory:
    return make_model(tmp_path_factory.mktemp("model"), "small", 1)


def answers(model: models.ModelDirectory, folder: Path) -> dict[Path, float]:
    """Returns TensorFlow Lite Micro's confidence of each scene in RGB565."""
    oracle, found = Tflm(model.tflite.read_bytes()), {}
    for picture in sorted(folder.iterdir()):
        high = scene(picture, 160, 120) & np.array([0xF8, 0xFC, 0xF8], np.uint8)
        pixels = pictures.resize(high | high >> np.array([5, 6, 5], np.uint8), *model.input_shape)
        scores = oracle.run((pixels ^ 128).view(np.int8)).ravel().astype(int)
        found[picture] = (scores.max() + 128) / 256
    assert len(set(found.values())) == len(found), "two scenes have the same confidence"
    return found


def run_for_eight_hours(port: str) -> tuple[list[dict], list[dict], Monitor]:
    """Boots the board and reads until all pictures are classified.

    Returns their lines, and what BOOT printed.
    """
    lines, notes, monitor = [], [], Monitor()
    with serial.Serial(port, timeout=60) as link:
        link.write(b"\r\x03\x02\x04")
        while len(lines) < COUNT:
            data = link.read(max(1, link.in_waiting))
            assert data, f"the board hangs after {len(lines)} pictures"
            for event in monitor.feed(data):
                if isinstance(event, PictureLine):
                    lines.append(event.line)
                elif isinstance(event, Notice) and event.text.startswith("{"):
                    notes.append(json.loads(event.text))
            if data.count(b"\n") and len(lines) % 300 == 0:
                time.sleep(0.5)  # the reader pauses: the board has to wait
        link.write(b"\x03")
        assert link.read_until(b">>> ").endswith(b">>> ")
    return lines[:COUNT], notes, monitor


@pytest.mark.parametrize("firmware", ["esp32", "openmv"])
def test_eight_hours_with_failures(folder: Path, model: models.ModelDirectory, firmware: str) -> None:
    """8 % of the captures fail: each is reported, and every other result belongs to its frame."""
    random = np.random.default_rng(8)
    kinds: tuple[Fault, ...] = ("none", "error", "short")
    failing = [number for number in range(50, 3 * COUNT) if random.random() < 0.08]
    faults: dict[int, Fault] = {number: kinds[number % 3] for number in failing}
    kind = "SEEED_XIAO_ESP32S3" if firmware == "esp32" else "ARDUINO_NICLA_VISION"
    camera = EmulatedCamera(folder, faults=faults)
    with EmulatedBoard(boards.load(kind), firmware=[firmware], camera=camera) as emulated:
        with transport.connect(emulated.port) as board:
            settings = flash.default_settings(emulated.board, "camera") | {"interval": INTERVAL}
            settings["camera"] = {"pins": PINS, "frame": "QQVGA"}
            flash.boot_plan(board, model, settings, emulated.board).run()
            board.put(BOOT.encode(), f"{board.root}/boot.py")
        lines, notes, monitor = run_for_eight_hours(emulated.port)
        captures = camera.captures[1 if firmware == "esp32" else 0 :]  # the constructor of `camera` takes one

    assert [line["seq"] for line in lines] == list(range(COUNT))
    assert [line["image"] for line in lines] == [f"frame {number}" for number in range(COUNT)]
    assert (monitor.counts.lost, monitor.counts.damaged, monitor.counts.doubled) == (0, 0, 0)
    assert notes[-1]["hours"] > 7
    free = [note["free"] for note in notes]
    assert free[-1] >= free[0] - 512, f"a leak: {free}"

    failed, used = follow(captures, skip=1 if firmware == "esp32" else 0)
    assert {line["seq"] for line in lines if "error" in line} == {n for n in failed if n < COUNT}
    assert {line["error"]["code"] for line in lines if "error" in line} == {"camera.failed"}
    assert len(failed) > 100
    expected = answers(model, folder)
    for line in lines:
        if "error" not in line:
            capture = used[line["seq"]]
            assert capture.exposed == capture.number, "an old frame"
            assert line["top"][0]["confidence"] == pytest.approx(expected[capture.picture], abs=1e-4)


def follow(captures: list[Capture], skip: int) -> tuple[set[int], dict[int, Capture]]:
    """Returns which results must be errors, and the capture of each other result, by the driver's rules.

    A result takes `skip` discarded captures, unless one raises, and one that counts.
    """
    failed, used, at, seq = set(), {}, 0, 0
    while at + skip < len(captures):
        for place in range(skip + 1):
            capture = captures[at]
            at += 1
            last = place == skip
            if capture.fault == "error" or (last and capture.fault):
                failed.add(seq)
                break
            if last:
                used[seq] = capture
        seq += 1
    return failed, used
