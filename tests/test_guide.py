# SPDX-License-Identifier: MIT
"""The guides, followed literally on an emulated board: every command of their `sh` blocks, in its turn."""

import glob
import re
import shlex
import subprocess
import sys
from pathlib import Path

from PIL import Image

from galago import boards
from galago.emulator import EmulatedBoard

DOCS = Path(__file__).resolve().parents[1] / "docs"
PROGRAMS = {"galago": [sys.executable, "-m", "galago"], "mpremote": [sys.executable, "-m", "mpremote"]}
PHOTOS, KEPT = 60, 20  # of each class: the guide's own 2934 would take as long as it says


def commands(guide: str) -> list[str]:
    """The lines of a guide's `sh` blocks that start a program of ours, but for those that need a download."""
    blocks = re.findall(r"```sh\n(.+?)```", (DOCS / guide).read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.split()[0] in PROGRAMS and "--micropython" not in line]


def follow(command: str, port: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command as a shell in `folder` would, with the emulated board at the guide's port."""
    program, *words = shlex.split(command.replace("/dev/ttyACM0", port))
    arguments = []
    for word in words:
        arguments += sorted(glob.glob(word, root_dir=folder)) if "*" in word else [word]
    return subprocess.run(
        [*PROGRAMS[program], *arguments], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


def test_the_first_class_works_command_by_command(tmp_path: Path) -> None:
    wanted = commands("first-class.md")
    assert len(wanted) == 6
    Image.new("RGB", (120, 100), (200, 30, 10)).save(tmp_path / "photo.jpg")
    said = []
    with EmulatedBoard(boards.load("RPI_PICO2")) as emulated:
        for command in wanted:
            done = follow(command, emulated.port, tmp_path)
            said.append(done.stdout)
            status = 1 if "doctor" in command else 0  # a new board has no device package yet
            assert done.returncode == status, f"{command}\n{done.stdout}\n{done.stderr}"
    doctor, classify, _, _, monitor, fit = said
    assert "the board has no device package" in doctor
    assert "photo.jpg" in classify
    assert "photo.jpg" in monitor
    assert "RPI_PICO2" in fit


def test_own_photos_become_a_board_that_knows_them(data: Path, tmp_path: Path) -> None:
    """docs/training.md with a part of the flower photos: a real MobileNet, trained in less than a minute."""
    for part, folder, count in (("train", "photos", PHOTOS), ("test", "kept", KEPT)):
        for kind in sorted(path for path in (data / "images" / "flowers" / part).iterdir() if path.is_dir()):
            (tmp_path / folder / kind.name).mkdir(parents=True)
            for path in sorted(kind.iterdir())[:count]:
                (tmp_path / folder / kind.name / path.name).symlink_to(path)
    said = {}
    with EmulatedBoard(boards.load("RPI_PICO2")) as emulated:
        for command in commands("training.md"):
            done = follow(command, emulated.port, tmp_path)
            status = 1 if "dataset check" in command else 0  # two of these photos show the same daisy
            assert done.returncode == status, f"{command}\n{done.stdout}\n{done.stderr}"
            said[command.split()[1]] = done.stdout
    assert "1 in both, training and test" in said["dataset"]
    right = dict(re.findall(r"(float|int8) +(\d+) +100", said["evaluate"]))
    assert int(right["float"]) > 60  # of five classes: chance is twenty
    assert abs(int(right["int8"]) - int(right["float"])) <= 4
    assert "answers exactly as int8 on all 100" in said["evaluate"]
    assert "5 pictures, 0 with errors, 0 lost" in said["monitor"]
