# SPDX-License-Identifier: MIT
"""What tests of runtimes do with a board: run a script, and read a JSON value a line."""

import contextlib
import dataclasses
import json
from typing import Any

from galago import transport
from galago.emulator.camera import Camera

RUNTIMES = ("openmv", "microlite", "emlearn")
LONGEST = 120.0  # seconds of silence; the machine may be busy


@dataclasses.dataclass
class Bench:
    """`run` gives what a script printed as JSON, a value a line; `camera` is the board's."""

    board: transport.Board
    camera: Camera
    path: str

    def run(self, script: str) -> list[Any]:
        reply = self.board.exec(f"import json\nPATH = {self.path!r}\n{script}", timeout=LONGEST)
        values = []
        for line in reply.splitlines():
            with contextlib.suppress(ValueError):  # what runtimes print
                values.append(json.loads(line))
        return values
