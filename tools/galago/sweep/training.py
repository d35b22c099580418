# SPDX-License-Identifier: MIT
"""The process of one trial: `galago train RECIPE -o DIR`, with its progress as JSON lines for the worker.

python -m galago.sweep.training recipe.toml DIR

Lines are {"epoch": {...}}, after the checkpoint of that epoch is written, and {"error": {"code", "message"}}.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from galago.errors import GalagoError, of_file
from galago.train import Progress, read_recipe
from galago.train.pipeline import run_recipe


class _Reported(Progress):
    """The progress of a training as lines; of all that a bar would show, only epochs matter here."""

    def __init__(self) -> None:
        self._worker = os.getppid()

    def begin(self, title: str, steps: int, done: int = 0) -> None:
        """There is no bar."""

    def advance(self, steps: int = 1) -> None:
        """Ends with the worker, which may have been killed."""
        if os.getppid() != self._worker:
            os._exit(1)

    def say(self, text: str) -> None:
        """Writes a line to the log."""
        print(text, file=sys.stderr)

    def epoch(self, row: dict[str, Any], epochs: int) -> None:
        """Reports the figures of an epoch."""
        _report("epoch", {**row, "epochs": epochs})


def _report(kind: str, content: dict[str, Any]) -> None:
    print(json.dumps({kind: content}), flush=True)


def main(recipe: Path, out: Path) -> None:
    """Trains; reports a problem that the user can fix as an error."""
    try:
        run_recipe(read_recipe(recipe), Path(), out, _Reported())
    except GalagoError as error:
        _report("error", {"code": error.code, "message": error.message})
    except OSError as error:
        problem = of_file(error)
        _report("error", {"code": problem.code, "message": problem.message})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
