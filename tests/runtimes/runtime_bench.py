# SPDX-License-Identifier: MIT
"""A board for tests of runtimes: it runs a script and reads one JSON value per line."""

import contextlib
import dataclasses
import json
from typing import Any

from galago import transport
from galago.emulator.camera import EmulatedCamera

RUNTIMES = ("openmv", "microlite", "emlearn")
LONGEST = 120.0  # seconds without output; the machine may be busy


@dataclasses.dataclass
class Bench:
    """`run` returns the JSON values that a script prints, one per line; `camera` is the board's."""

    board: transport.Board
    camera: EmulatedCamera
    path: str

    def run(self, script: str) -> list[Any]:
        reply = self.board.exec(f"import json\nPATH = {self.path!r}\n{script}", timeout=LONGEST)
        values = []
        for line in reply.splitlines():
            with contextlib.suppress(ValueError):  # other output of runtimes
                values.append(json.loads(line))
        return values
