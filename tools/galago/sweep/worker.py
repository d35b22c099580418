# SPDX-License-Identifier: MIT
"""One trial on a worker: a process that does what `galago train RECIPE` does, and what it reports.

for event in run(order, fetch_photos, fetch_test):
    ...

Each training has a process of its own (galago.sweep.training), so that its memory is free afterwards, and
nothing that another one did can change its result. It ends with the worker.
"""

import io
import json
import queue
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from galago import __version__, fit
from galago.errors import GalagoError, of_file
from galago.models import ModelDirectory
from galago.sweep.orders import Epoch, Event, Failed, Finished, Lost, Order
from galago.sweep.photo_set import PhotoSet, own_scratch, scratch
from galago.sweep.space import Cost
from galago.train import to_toml
from galago.train.pipeline import WORK

STATE = Path(WORK, "state.npz")
_CANCELLED_WITHIN = 0.2  # seconds
_FULL_DISK = 60.0  # seconds for which a worker without room keeps its place, so that others get the trials
Fetch = Callable[[], bytes]


def run(order: Order, fetch_photos: Fetch, fetch_test: Fetch) -> Iterator[Event]:
    """Trains, and yields events; the functions return archives of photos where they are not here."""
    # The same folder each time: what a worker left there that was killed is removed.
    node, folder = socket.gethostname(), scratch() / f"{order.sweep}-{order.name}"
    try:
        own_scratch()
        if order.version != __version__:
            raise GalagoError(
                "sweep.worker",
                f"expected Galago {order.version} on all workers, got {__version__}: install that",
            )
        shutil.rmtree(folder, ignore_errors=True)
        out = folder / "model"
        (out / WORK).mkdir(parents=True)
        if order.checkpoint:
            (out / STATE).write_bytes(order.checkpoint)
        local = replace(order.recipe, photos=str(_local(order.photos, fetch_photos)))
        if order.test:
            local = replace(local, test=str(_local(order.test, fetch_test)))
        (folder / "recipe.toml").write_text(to_toml(local), encoding="utf-8")
        yield from _train(order, folder, node)
        # The recipe names the photos where the sweep was started.
        (out / "recipe.toml").write_text(to_toml(order.recipe), encoding="utf-8")
        yield Finished(node, _pack(out), costs(ModelDirectory.open(out), order))
    except _EndedError as ended:
        yield ended.event
    except GalagoError as error:
        yield Failed(node, error.code, error.message)
    except OSError as error:
        problem = of_file(error)
        yield Failed(node, problem.code, problem.message)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def back_off(event: Event) -> None:
    """Waits after a full disk."""
    if isinstance(event, Failed) and event.code == "disk.full":
        time.sleep(_FULL_DISK)


class _EndedError(Exception):
    """The process ended without a model."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.event = event


def _train(order: Order, folder: Path, node: str) -> Iterator[Event]:
    """Runs the process, and yields its epochs. Raises _EndedError unless it made a model."""
    command = [sys.executable, *order.program, str(folder / "recipe.toml"), str(folder / "model")]
    log = folder / "log"
    with log.open("wb") as errors:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, encoding="utf-8")
        try:
            for line in _lines(child):
                message: dict[str, Any] = json.loads(line)
                if "epoch" in message:
                    yield Epoch(node, message["epoch"], _state(folder / "model" / STATE))
                elif "error" in message:
                    raise _EndedError(Failed(node, **message["error"]))
            status = child.wait()
        finally:
            child.kill()
            child.wait()
    if status < 0:
        raise _EndedError(Lost(node, f"the training was ended by signal {-status}"))
    if status:
        last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        raise _EndedError(
            Failed(node, "sweep.worker", f"the training ended unexpectedly: {''.join(last)[:200]}")
        )


def _state(file: Path) -> bytes:
    """The state of a training, b"" where the disk was too full for it: the training goes on without."""
    return file.read_bytes() if file.is_file() else b""


def _lines(child: subprocess.Popen[str]) -> Iterator[str]:
    """Yields the lines of a process. Unlike a pipe that blocks, it lets Ray cancel the trial meanwhile."""
    waiting: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert child.stdout
        for line in child.stdout:
            waiting.put(line)
        waiting.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = waiting.get(timeout=_CANCELLED_WITHIN)
        except queue.Empty:
            continue
        if line is None:
            return
        yield line


def _local(photos: PhotoSet, fetch: Fetch) -> Path:
    return photos.find() or photos.unpack(fetch())


def costs(model: ModelDirectory, order: Order) -> dict[str, Cost]:
    """What a model takes on the boards of an order that it fits."""
    requirements = fit.Requirements.of(model)
    verdicts = [fit.check(requirements, board) for board in order.boards]
    return {verdict.board.id: Cost.of(verdict) for verdict in verdicts if verdict.fits}


def _pack(folder: Path) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for path in sorted(folder.iterdir()):
            if path.is_file():
                archive.add(path, path.name)
    return file.getvalue()
