# SPDX-License-Identifier: MIT
"""docs/first-class.md, followed literally on an emulated board."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

from PIL import Image

from galago import boards
from galago.emulator import EmulatedBoard

GUIDE = Path(__file__).resolve().parents[1] / "docs" / "first-class.md"
PROGRAMS = {"galago": [sys.executable, "-m", "galago"], "mpremote": [sys.executable, "-m", "mpremote"]}


def test_each_command_of_the_guide_works_in_its_turn(tmp_path: Path) -> None:
    blocks = re.findall(r"```sh\n(.+?)```", GUIDE.read_text(), re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines()]
    commands = [line for line in commands if line.split()[0] in PROGRAMS and "--micropython" not in line]
    assert len(commands) == 6
    Image.new("RGB", (120, 100), (200, 30, 10)).save(tmp_path / "photo.jpg")
    said = {}
    with EmulatedBoard(boards.load("RPI_PICO2")) as emulated:
        for command in commands:
            program, *arguments = shlex.split(command.replace("/dev/ttyACM0", emulated.port))
            done = subprocess.run(
                [*PROGRAMS[program], *arguments],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            said[command] = done.stdout
            wanted = 1 if "doctor" in command else 0  # a new board has no device package yet
            assert done.returncode == wanted, f"{command}\n{done.stdout}\n{done.stderr}"
    doctor, classify, _, _, monitor, fit = said.values()
    assert "the board has no device package" in doctor
    assert "photo.jpg" in classify
    assert "photo.jpg" in monitor
    assert "RPI_PICO2" in fit
