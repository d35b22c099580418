# SPDX-License-Identifier: MIT
"""What a lying board (liar.py) may be asked, and what it may answer.

lies = {question: dice.choice(NONSENSE)}
with liar(port, lies) as false, transport.connect(false) as board:
    QUESTIONS[question](board)
"""

from collections.abc import Callable

from galago import doctor, flash, transport
from galago.doctor import board_check

NONSENSE = [
    *(
        b"",
        b"5",
        b"None",
        b"[1]",
        b"-" * 50_000,
        b"1+" * 5_000 + b"1",
        b"[" * 50_000,
        b"{}",
        b"NaN",
        b"1e400",
    ),
    *(b"\xff\x00\x1b[2J\r\n", b"9" * 5_000, b'{"error": 5}', b'{"us": 3}', b"b'x'"),
]
LINE = {"seq": 0, "image": "a", "top": [{"label": "cat", "index": 0, "confidence": 0.5}]}
US = {"read": 1, "resize": 1, "invoke": 1}

QUESTIONS: dict[str, Callable[[transport.Board], object]] = {
    "os.ilistdir": lambda board: board.listdir("/"),
    "os.stat(": lambda board: board.makedirs("/models/x"),
    "h.digest()": lambda board: board.sha256("/main.py"),
    "f.read(": lambda board: board.get("/main.py"),
    "s[2] + s[3]": lambda board: board.has_filesystem(),
    "_survey(": lambda board: flash.UploadPlan(board, {"/main.py": b"x"}),
    "_find(": lambda board: flash.check_import(board),
    "_look(": lambda board: board_check.examine(doctor.Report(), board),
}
"""Part of the program that asks a question, and what asks it."""
