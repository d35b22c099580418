# SPDX-License-Identifier: MIT
"""Puts a model on a board, which then classifies by itself: its camera's pictures, or those that are sent."""

from typing import Any

from galago import boards, fit, transport
from galago.errors import GalagoError
from galago.flash import card, check_camera
from galago.flash.install import InstallOptions, install
from galago.models import ModelDirectory
from galago.studio.reporter import Reporter


def run(order: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Installs as `galago flash --replace` does. Returns what is on the board now."""
    device, model = order["device"], ModelDirectory.open(order["model_path"])
    with transport.connect(device) as connection:
        known = boards.identify(connection.implementation)
        source, mount = _source(connection, known), _card(connection, known, model)
    if mount:
        reporter.line(
            "say", text=f"the board's file system is too small: the model goes to the card at {mount}"
        )
    options = InstallOptions(model=model, settings={"source": source}, replace=True, to=mount)
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


def _card(board: transport.Board, known: boards.BoardSpec | None, model: ModelDirectory) -> str | None:
    """Returns where the card is mounted that the model has to be on, if the board has one; None otherwise."""
    if known is None or "builtin" not in known.backends:
        return None
    requirements = fit.Requirements.of(model)
    if fit.check(requirements, known).fits or not fit.check(requirements, known, card=True).fits:
        return None
    return next((mount for mount, state in card.mounted(board).items() if state == "ready"), None)
