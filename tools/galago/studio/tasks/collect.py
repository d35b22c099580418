# SPDX-License-Identifier: MIT
"""Takes photos with a board's own camera, until it is stopped; the server adds them to a class."""

from pathlib import Path
from typing import Any

import numpy as np

from galago import boards, flash, transport
from galago.camera import Frames, watch
from galago.flash import UploadPlan
from galago.studio.ingest import write_jpeg
from galago.studio.naming import new_id
from galago.studio.reporter import Reporter

_WIDTH, _HEIGHT = 160, 120


def run(order: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Takes frames as `galago camera --save` does, until it is interrupted."""
    frames = Path(order["folder"]) / "frames"
    frames.mkdir(exist_ok=True)

    def take(pixels: np.ndarray) -> None:
        path = frames / f"{new_id('f')}.jpg"
        write_jpeg(pixels, path)
        reporter.line("frame", file=path.name)

    def comparing(done: int, total: int) -> None:
        reporter.progress("comparing", done, total)

    with transport.connect(order["device"]) as board:
        known = boards.identify(board.implementation)
        flash.check_camera(board, known)
        package = flash.device_package(board, flash.kept_native(board))
        plan = UploadPlan(board, package, comparing, flash.spare_files(None, known, camera=True))
        plan.run(lambda path, done: reporter.progress("files", done, plan.total))
        kept = (flash.read_config(board) or {}).get("camera")
        settings = kept or flash.default_settings(known, "camera").get("camera", {})
        reporter.progress("taking photos", 0, 0)
        size = Frames(_WIDTH, _HEIGHT, pause=order.get("interval", 0.3))
        watch(board, settings, size, take, lambda text: reporter.line("notice", kind="board", text=text))
    return {}
