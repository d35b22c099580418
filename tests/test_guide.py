# SPDX-License-Identifier: MIT
"""The guides work: every command of their `sh` blocks is run in turn, on an emulated board."""

import contextlib
import glob
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from galago import boards, transport
from galago.emulator import EmulatedBoard
from galago.emulator.camera import EmulatedCamera

pytestmark = pytest.mark.slow

DOCS = Path(__file__).resolve().parents[1] / "docs"
PROGRAMS = {"galago": [sys.executable, "-m", "galago"], "mpremote": [sys.executable, "-m", "mpremote"]}
PHOTOS, TEST_PHOTOS, EPOCHS = 60, 20, 1
"""Photos of each class, and epochs. The guide's own 2934 photos train for many minutes."""
TIMEOUT = 3600.0
"""Seconds per command: only a hang takes longer, even on a busy computer."""


def commands(guide: str) -> list[str]:
    """Returns the lines of a guide's `sh` blocks that start one of PROGRAMS and need no download."""
    blocks = re.findall(r"```sh\n(.+?)```", (DOCS / guide).read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.split()[0] in PROGRAMS and "--micropython" not in line]


def follow(command: str, port: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command as a shell in `folder` would, with the emulated board in place of the guide's port."""
    program, *words = shlex.split(
        command.replace("/dev/ttyACM0", port).replace("--port a0", f"--port {port}"), comments=True
    )
    arguments = []
    for word in words:
        arguments += sorted(glob.glob(word, root_dir=folder)) if "*" in word else [word]
    return subprocess.run(
        [*PROGRAMS[program], *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def layout(result: str) -> str:
    """Returns a printed result without what differs from picture to picture: numbers, class and bar."""
    name, _, *rest = result.split()
    words = [re.sub(r"[\d.]+", "0", word) for word in rest if re.fullmatch(r"[\w.%]+", word)]
    return " ".join([name, *words])


def test_the_first_class_works_command_by_command(tmp_path: Path) -> None:
    steps = commands("first-class.md")
    assert len(steps) == 8
    Image.new("RGB", (120, 100), (200, 30, 10)).save(tmp_path / "photo.jpg")
    outputs = []
    with EmulatedBoard(boards.load("RPI_PICO2")) as emulated:
        for command in steps:
            process = follow(command, emulated.port, tmp_path)
            outputs.append(process.stdout)
            status = 1 if "doctor" in command else 0  # a new board has no device package yet
            assert process.returncode == status, f"{command}\n{process.stdout}\n{process.stderr}"
    doctor, classify, _, _, monitor, _, config, fit = outputs
    assert re.search(r"threshold +0.8\n", config)
    assert "the board has no device package" in doctor
    (shown,) = re.findall(r"^photo\.jpg .+", (DOCS / "first-class.md").read_text(), re.MULTILINE)
    assert layout(classify.splitlines()[0]) == layout(shown)
    assert "photo.jpg" in monitor
    assert "RPI_PICO2" in fit


def test_the_commands_and_the_program_of_the_readme_work(tmp_path: Path) -> None:
    steps = commands("../README.md")
    assert len(steps) == 3
    (tmp_path / "photos").mkdir()
    for name in ("cat.jpg", "cup.png", "photos/1.jpg"):
        Image.new("RGB", (120, 100), (200, 30, 10)).save(tmp_path / name)
    with EmulatedBoard(boards.load("RPI_PICO2")) as emulated:
        for command in steps:
            done = follow(command, emulated.port, tmp_path)
            assert done.returncode == 0, f"{command}\n{done.stderr}"
        (program,) = re.findall(r"```python\n(.+?)```", (DOCS / "../README.md").read_text(), re.DOTALL)
        with transport.connect(emulated.port) as board:
            board.put((tmp_path / "cat.jpg").read_bytes(), "/cat.jpg")
            cat, cup = board.exec(program, timeout=60).splitlines()
    assert re.fullmatch(r"cat.jpg \w+ 0\.\d+", cat)
    assert cup.startswith("cup.bmp failed: ")


def test_plain_micropython_ways_work_command_by_command(tmp_path: Path) -> None:
    """mip and copying by hand one after the other, with real mpremote, on a board that galago never saw."""
    text = (DOCS / "plain-micropython.md").read_text(encoding="utf-8")
    for language, file in (("python", "program.py"), ("json", "galago.json")):
        (content,) = re.findall(rf"```{language}\n(.+?)```", text, re.DOTALL)
        (tmp_path / file).write_text(content, encoding="utf-8")
    for folder in ("firmware", "models"):
        (tmp_path / folder).symlink_to(DOCS.parent / folder)
    Image.new("RGB", (120, 100), (200, 30, 10)).save(tmp_path / "cat.jpg")
    outputs = {}
    with EmulatedBoard(boards.load("RPI_PICO2")) as emulated:
        for command in commands("plain-micropython.md"):
            if command.endswith("mobilenet :/lib/"):  # instead of what mip has installed
                follow("mpremote connect /dev/ttyACM0 fs rm -r :/lib/mobilenet", emulated.port, tmp_path)
            done = follow(command, emulated.port, tmp_path)
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
            outputs[command.split()[-1]] = done.stdout
    cat, cup = outputs["program.py"].splitlines()
    assert re.fullmatch(r"cat.jpg \w+ 0\.\d+", cat)
    assert cup.startswith("cup.bmp failed: ")
    started, classified = outputs["firmware/main.py"].splitlines()
    assert '"start"' in started
    assert '"image": "cat.jpg", "top"' in classified


def test_the_program_and_the_commands_for_cameras_work_on_the_board_of_their_page(tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.+?)```", (DOCS / "cameras.md").read_text(), re.DOTALL)
    known = boards.load("ESP32_GENERIC-SPIRAM")
    lines: list[str] = []

    def take(line: str) -> None:
        lines.append(line)
        if line.startswith("frame 1"):
            raise StopIteration

    Image.new("RGB", (320, 240), (200, 30, 10)).save(tmp_path / "photo.jpg")
    with EmulatedBoard(known, firmware=["esp32"], camera=EmulatedCamera(tmp_path)) as emulated:
        follow("galago flash --port /dev/ttyACM0 --source camera", emulated.port, tmp_path)
        with transport.connect(emulated.port) as board, contextlib.suppress(StopIteration):
            board.stream(program, take)
        assert lines[-1].endswith("%"), lines
        steps = commands("cameras.md")
        assert len(steps) == 2
        # The first one never ends, the second one takes 50 seconds.
        shown = [follow(f"{command} --interval 0 --count 2", emulated.port, tmp_path) for command in steps]
    assert [done.returncode for done in shown] == [0, 0], [done.stderr for done in shown]
    assert shown[1].stdout.endswith("2 frames, saved in photos/cup\n")
    assert sorted(path.name for path in (tmp_path / "photos" / "cup").iterdir()) == ["00001.jpg", "00002.jpg"]


def test_own_photos_become_a_board_that_recognizes_them(data: Path, tmp_path: Path) -> None:
    """docs/training.md with some of the flower photos, and a real MobileNet that trains for a few epochs."""
    for part, folder, count in (("train", "photos", PHOTOS), ("test", "kept", TEST_PHOTOS)):
        for kind in sorted(path for path in (data / "images" / "flowers" / part).iterdir() if path.is_dir()):
            (tmp_path / folder / kind.name).mkdir(parents=True)
            for path in sorted(kind.iterdir())[:count]:
                (tmp_path / folder / kind.name / path.name).symlink_to(path)
    outputs = {}
    with EmulatedBoard(boards.load("RPI_PICO2")) as emulated:
        for command in commands("training.md"):
            epochs = f" --epochs {EPOCHS}" if " train " in command else ""
            process = follow(command + epochs, emulated.port, tmp_path)
            status = 1 if "dataset check" in command else 0  # two of these photos show the same daisy
            assert process.returncode == status, f"{command}\n{process.stdout}\n{process.stderr}"
            outputs[command.split()[1]] = process.stdout
    assert "1 in both the training and the test photos" in outputs["dataset"]
    right = dict(re.findall(r"(float|int8) +(\d+) +100", outputs["evaluate"]))
    assert int(right["float"]) > 60  # chance is 20, with five classes
    assert abs(int(right["int8"]) - int(right["float"])) <= 4
    assert "answers exactly as int8 on all 100" in outputs["evaluate"]
    assert "5 pictures, 0 with errors, 0 lost" in outputs["monitor"]
