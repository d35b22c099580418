# SPDX-License-Identifier: MIT
"""Returns a board to the model that it had before."""

from typing import Any

from galago import transport
from galago.flash import roll_back
from galago.studio.reporter import Reporter


def run(order: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Rolls back as `galago flash --rollback` does. Returns the model's path on the board."""
    with transport.connect(order["device"]) as board:
        place, changes = roll_back(board)
    return {"place": place, "changes": changes}
