# SPDX-License-Identifier: MIT
"""A worker whose disk is a tmpfs of 1 MB, for test_sweep_running: the real training, then a pretended one.

unshare --user --map-root-user --mount python full_disk.py PHOTOS SCRATCH

Prints a JSON line for each trial: the code and the message of its last event, and what is left on the disk.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from galago import boards
from galago.sweep import PhotoSet, worker
from galago.sweep.orders import Failed, Order
from galago.train.choice import TrainingOptions, recipe_for


def main(photos: Path, scratch: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", scratch], check=True)
    os.environ["TMPDIR"] = str(scratch)
    pretended = (str(Path(__file__).with_name("pretended_training.py")),)
    for program in (Order.program, pretended):
        # 2 MB of pixels, and a model of 54 KB.
        recipe = recipe_for(photos, "large", TrainingOptions(size=224, from_scratch=True, epochs=1))
        board = boards.load("RPI_PICO2")
        order = Order("test", "large", recipe, PhotoSet.of(photos), None, (board,), program=program)
        *_, last = worker.run(order, bytes, bytes)
        code, message = (last.code, last.message) if isinstance(last, Failed) else ("", "")
        left = sum(file.stat().st_size for file in scratch.rglob("*") if file.is_file())
        print(json.dumps({"code": code, "message": message, "left": left}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
