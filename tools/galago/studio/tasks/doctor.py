# SPDX-License-Identifier: MIT
"""Examines a board."""

from typing import Any

from galago import transport
from galago.doctor import Report, board_check, host_check
from galago.errors import GalagoError
from galago.studio.reporter import Reporter


def run(order: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Examines as `galago doctor` does. Returns {facts, problems}."""
    report = Report(port=order["device"])
    host_check.examine(report, order["device"])
    try:
        with transport.connect(order["device"]) as board:
            board_check.examine(report, board)
    except GalagoError as error:
        report.failure(error)
    return report.as_dict()
