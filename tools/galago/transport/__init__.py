# SPDX-License-Identifier: MIT
"""The way to a board, real or emulated: mpremote's, where each failure is a GalagoError and each wait ends.

    with transport.connect("/dev/ttyACM0") as board:
        print(board.implementation["machine"])
        board.put(data, "/models/model.tflite")
        board.stream("import main", print, timeout=60)

Errors: port.missing, port.busy, port.denied (it does not open); port.lost (unplugged), port.timeout (silent
too long), port.corrupt (bytes changed on the way); board.firmware (no MicroPython answers), board.exec (the
traceback of a program), board.full, board.file.
"""

from galago.transport.board import Board, Entry
from galago.transport.listener import Listener
from galago.transport.ports import open_port

__all__ = ["Board", "Entry", "Listener", "connect"]


def connect(port: str = "auto") -> Board:
    """Open `port` and enter the raw REPL: a running program is interrupted, nothing is reset.

    `port` is what mpremote takes: auto, id:SERIAL, port:NAME, a0, u0, c0, a device, socket:// or rfc2217://.
    """
    return Board(open_port(port))
