# SPDX-License-Identifier: MIT
"""Writes what `galago doctor` shows of five emulated boards to docs/doctor/*.svg.

python examples/doctor_screenshots.py docs/doctor
"""

import io
import sys
from pathlib import Path

from rich.console import Console

from galago.cli.doctor import examined, show

BOARDS = ("RPI_PICO2", "ESP32_GENERIC_C3", "ESP32_GENERIC-SPIRAM", "PYBD_SF6", "ARDUINO_NICLA_VISION")

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for board in BOARDS:
    console = Console(record=True, width=100, file=io.StringIO(), highlight=False, force_terminal=True)
    show(examined(None, board), console)
    console.save_svg(str(folder / f"{board}.svg"), title=f"galago doctor --board {board}")
    print(folder / f"{board}.svg")
