# SPDX-License-Identifier: MIT
"""Puts a model on a board, which then classifies by itself: its camera's pictures, or those that are sent."""

from typing import Any

from galago import boards, transport
from galago.errors import GalagoError
from galago.flash import check_camera
from galago.flash.install import InstallOptions, install
from galago.models import ModelDirectory
from galago.studio.reporter import Reporter


def run(order: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Installs as `galago flash --replace` does. Returns what is on the board now."""
    device = order["device"]
    with transport.connect(device) as connection:
        known = boards.identify(connection.implementation)
        source = _source(connection, known)
    options = InstallOptions(
        model=ModelDirectory.open(order["model_path"]),
        settings={"source": source},
        replace=True,
    )
    done = install(device, options, reporter.progress)
    for text in (done.warning, *(f"galago.json {change}" for change in done.changes)):
        if text:
            reporter.line("say", text=text)
    return {
        "machine": done.machine,
        "place": done.place,
        "uploaded": done.uploaded,
        "seconds": round(done.seconds, 1),
        "warning": done.warning,
        "model": order["model"],
        "board": known.id if known else None,
    }


def _source(board: transport.Board, known: boards.BoardSpec | None) -> str:
    """Returns where the board's pictures come from: its camera, if its firmware has one."""
    if known is None or known.camera is None:
        return "host"
    try:
        check_camera(board, known)
    except GalagoError:
        return "host"
    return "camera"
