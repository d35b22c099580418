# SPDX-License-Identifier: MIT
"""The process of a job: runs the task that `order.json` names, and leaves its end in `end.json`.

python -m galago.studio.child .galago/jobs/j4f9c0a1b2d3e

It outlives the server that started it. A module of `galago.studio.tasks` with the name of the job's kind does
the work: `run(order, reporter)` returns the result, a dict for JSON.
"""

import importlib
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

from galago.errors import GalagoError, of_file
from galago.studio.held_lock import hold
from galago.studio.store import read_json, write_json


def main(folder: Path) -> None:
    """Runs the job of a folder."""
    lock = hold(folder / "alive")
    if lock is None:
        return  # it runs already
    signal.signal(signal.SIGTERM, _interrupt)
    order = read_json(folder / "order.json", {})
    try:
        end = _run(order)
    except (KeyboardInterrupt, SystemExit):  # Ray has a handler of its own while it starts
        end = {"state": "stopped"}
    except GalagoError as error:
        end = _failed(error)
    except OSError as error:
        traceback.print_exc()
        end = _failed(of_file(error))
    except Exception as error:  # a bug, or not enough memory: the page has to say so, too
        traceback.print_exc()
        text = f"{type(error).__name__}: {error}: details are in {folder / 'errors.txt'}"
        end = _failed(GalagoError("studio.job", text))
    write_json(folder / "end.json", end)
    lock.close()


def _run(order: dict[str, Any]) -> dict[str, Any]:
    from galago.studio.reporter import Reporter

    module = importlib.import_module(f"galago.studio.tasks.{order['kind']}")
    return {"state": "done", "result": module.run(order, Reporter(sys.stdout))}


def _failed(error: GalagoError) -> dict[str, Any]:
    return {"state": "failed", "error": {"code": error.code, "message": error.message}}


def _interrupt(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    main(Path(sys.argv[1]))
