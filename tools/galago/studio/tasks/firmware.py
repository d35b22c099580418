# SPDX-License-Identifier: MIT
"""Installs a MicroPython image, which the user has chosen, on a board."""

from pathlib import Path
from typing import Any

from galago import boards
from galago.flash import micropython_image
from galago.studio.reporter import Reporter


def run(order: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Installs as `galago flash --micropython` does. Returns {board}."""
    known, image = boards.load(order["board"]), Path(order["image"])
    try:
        micropython_image.put(order["device"], image, known, reporter.progress)
    finally:
        image.unlink(missing_ok=True)
    return {"board": known.id}
