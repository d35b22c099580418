# SPDX-License-Identifier: MIT
"""Examines a board."""

from typing import Any

from galago import transport
from galago.doctor import Report, board_check, host_check
from galago.errors import GalagoError
from galago.studio.reporter import Reporter


class _WindowReport(Report):
    """Names the window's buttons where the command would name commands."""

    @property
    def flash(self) -> str:
        """The button that installs the model."""
        return "press Install"

    @property
    def micropython(self) -> str:
        """The button that installs MicroPython."""
        return "press Install MicroPython"


def run(order: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Examines as `galago doctor` does. Returns {facts, problems, board, micropython}."""
    report, about = _WindowReport(port=order["device"]), {}
    host_check.examine(report, order["device"])
    try:
        with transport.connect(order["device"]) as board:
            known = board_check.examine(report, board)
            version = ".".join(map(str, board.implementation["version"][:3]))
            about = {"board": known.id if known else None, "micropython": version}
    except GalagoError as error:
        report.failure(error)
    return report.as_dict() | about
