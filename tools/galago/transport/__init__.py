# SPDX-License-Identifier: MIT
"""The connection to a board, real or emulated, over mpremote: each failure is a GalagoError, each wait ends.

    with transport.connect("/dev/ttyACM0") as board:
        print(board.implementation["machine"])
        board.put(data, "/models/model.tflite")
        board.stream("import main", print, timeout=60)

Errors: port.missing, port.busy, port.denied (the port does not open); port.lost (unplugged), port.timeout
(silent for too long), port.corrupt (bytes changed on the way); board.firmware (no MicroPython answers),
board.exec (a program's traceback), board.full, board.file.
"""

from galago.transport.board import Board, DirEntry
from galago.transport.identity import Implementation
from galago.transport.ports import open_port
from galago.transport.serial_console import SerialConsole

__all__ = ["Board", "DirEntry", "Implementation", "SerialConsole", "connect"]


def connect(port: str = "auto") -> Board:
    """Open `port` and enter the raw REPL: a running program is interrupted, nothing is reset.

    `port` is what mpremote takes: auto, id:SERIAL, port:NAME, a0, u0, c0, a device, socket:// or rfc2217://.
    """
    return Board(open_port(port))
