# SPDX-License-Identifier: MIT
"""Writes terminal screenshots for the documentation: docs/screenshots/*.svg and docs/doctor/*.svg.

python -m docgen.screenshots docs
"""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from galago.dataset import standard_photos

BOARDS = ("RPI_PICO2", "ESP32_GENERIC_C3", "ESP32_GENERIC-SPIRAM", "PYBD_SF6", "ARDUINO_NICLA_VISION")
_FIRST_LINE, _EACH_LINE = 0.4, 0.35  # seconds
COMMANDS = {  # file: arguments of galago
    "screenshots/fit.svg": ("fit", "--board", "RPI_PICO2"),
    **{f"doctor/{board}.svg": ("doctor", "--board", board) for board in BOARDS},
}


def screenshot(title: str, *arguments: str, width: int = 100) -> str:
    """Runs galago in a terminal of `width` columns; returns what it prints as an SVG that loads no fonts."""
    # In colour, but without the frames of a progress bar.
    environment = {**os.environ, "FORCE_COLOR": "1", "TTY_INTERACTIVE": "0", "COLUMNS": str(width)}
    command = [sys.executable, "-m", "galago", *arguments]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        env=environment,
        check=False,
    )
    console = Console(record=True, width=width, file=io.StringIO(), highlight=False)
    console.print(Text.from_ansi(done.stdout.strip("\n")))
    return re.sub(r"@font-face \{.*?\}\n", "", console.export_svg(title=title), flags=re.DOTALL)


def animated(svg: str) -> str:
    """Returns a screenshot whose lines appear one after the other, as they do in the terminal.

    It plays once. Where motion is unwanted, or there is no CSS animation, all lines are there at once.
    """
    keyframes = (
        "@media (prefers-reduced-motion: no-preference) { .line { animation: appear .01s both } }\n"
        "@keyframes appear { from { opacity: 0 } to { opacity: 1 } }\n"
    )
    svg = svg.replace("</style>", f"{keyframes}</style>", 1)

    def delayed(match: re.Match[str]) -> str:
        seconds = _FIRST_LINE + _EACH_LINE * int(match[3])
        return f'<text class="line {match[1]}"{match[2]} style="animation-delay: {seconds:.1f}s"'

    return re.sub(r'<text class="([\w-]+)"((?:(?!<text)[^>])*-line-(\d+)\)")', delayed, svg)


def main() -> None:
    """Writes all pictures below the folder that is the first argument."""
    folder = Path(sys.argv[1])
    (folder / "screenshots").mkdir(exist_ok=True)
    (folder / "doctor").mkdir(exist_ok=True)
    photos = [str(path) for path in standard_photos.paths()]
    demo = screenshot("make demo", "classify", *photos, width=124)
    (folder / "screenshots" / "demo.svg").write_text(animated(demo), encoding="utf-8")
    for name, arguments in COMMANDS.items():
        (folder / name).write_text(screenshot(f"galago {' '.join(arguments)}", *arguments), encoding="utf-8")


if __name__ == "__main__":
    main()
