# SPDX-License-Identifier: MIT
"""The board under test: the image of its flash, and what it prints when it boots."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import serial

from galago import boards, flash, transport
from galago.emulator import EmulatedBoard
from galago.emulator.faults import Faults
from galago.errors import GalagoError
from galago.flash import install
from galago.models import ModelDirectory
from support.tiny_model import picture

SETTINGS = {"source": "files", "folder": "/pictures", "led": "LED"}
OLD_PACKAGE = ("classifier", "config", "model", "report", "sources", "sequence")
"""Modules of the device package that differ from the current ones on a board that is updated."""
_PATIENCE = 60.0  # seconds for a boot
_QUIET = 2.0  # seconds without an answer after which the host gives up: nothing but a fault is slow here


@cache
def _renamed(arch: str) -> dict[str, bytes]:
    """Return modules that do the same as the current ones in other bytes: tracebacks show another name."""
    from galago.native import mpy
    from galago.resources import firmware_dir

    sources = {name: firmware_dir() / "mobilenet" / f"{name}.py" for name in OLD_PACKAGE}
    return {
        f"{flash.LIBRARY}/{name}.mpy": mpy.compile(source, arch, name=f"before/{name}.py")
        for name, source in sources.items()
    }


@dataclass
class Outcome:
    """The outcome of one attempt to flash: bytes uploaded, bytes to upload, the error that ended it."""

    uploaded: int
    total: int
    error: GalagoError | None


class BoardUnderTest:
    """A board whose flash is the file `image`; each use switches it on and off."""

    def __init__(self, image: Path, board: boards.BoardSpec) -> None:
        self.image = image
        self.board = board

    def copy_of(self, other: "BoardUnderTest") -> None:
        """Copy another board's whole flash."""
        for suffix in ("", ".rom"):
            source = other.image.with_name(other.image.name + suffix)
            if source.exists():
                shutil.copyfile(source, self.image.with_name(self.image.name + suffix))

    @contextmanager
    def on(self, faults: Faults | None = None) -> Iterator[EmulatedBoard]:
        """Switch the board on within this context."""
        with EmulatedBoard(self.board, self.image, faults=faults, firmware=[]) as emulated:
            yield emulated

    def prepare(self, model: ModelDirectory) -> None:
        """Give an empty board a model, an older package, and a picture to classify."""
        with self.on() as emulated, transport.connect(emulated.port) as device:
            device.makedirs(device.root + "/pictures")
            device.put(picture(), device.root + "/pictures/red.ppm")
            flash.boot_plan(device, model, SETTINGS, None).run()
            for path, data in _renamed(device.implementation["arch"]).items():
                device.put(data, device.root + path)
        boots = self.boot()
        assert runs(boots) == model.name, boots

    def prepare_rom(self, model: ModelDirectory) -> None:
        """Give an empty board a model in its ROMFS, and a picture to classify."""
        with self.on() as emulated:
            install.install(emulated.port, install.InstallOptions(model=model))
            with transport.connect(emulated.port) as device:
                device.put(picture(), device.root + "/pictures/red.ppm")
        boots = self.boot()
        assert runs(boots) == model.name, boots

    def attempt(
        self, model: ModelDirectory, faults: Faults | None = None, work: Callable[[str], None] | None = None
    ) -> Outcome:
        """Try to flash `model`, or to do other `work` on the board's port, while faults happen."""
        outcome = Outcome(0, 0, None)

        def progress(path: str, done: int) -> None:
            outcome.uploaded = done

        try:
            with self.on(faults) as emulated:
                if work:
                    work(emulated.port)
                    return outcome
                with transport.connect(emulated.port) as device:
                    if faults:
                        device._repl.port._silence = _QUIET
                    plan = flash.boot_plan(device, model, SETTINGS, None)
                    outcome.total = plan.total
                    plan.run(progress)
        except GalagoError as error:
            outcome.error = error
        return outcome

    def boot(self) -> list[dict]:
        """Switch the board on, restart it once with a terminal open, and return its serial lines in order."""
        with self.on() as emulated, serial.Serial(emulated.port, timeout=_PATIENCE) as port:
            port.write(b"\r\x03\x02")
            port.write(b"print('re' + 'ady')\r")  # earlier prompts may still be on their way
            port.read_until(b"ready\r\n>>> ")
            port.write(b"\x04")
            text = port.read_until(b">>> ")
        return [json.loads(line) for line in text.splitlines() if line.startswith(b"{")]


def runs(lines: list[dict]) -> str | None:
    """Return the model that runs: it started, its self-test passed, and a picture got one of its classes."""
    errors = [line for line in lines if "error" in line]
    starts = [line["start"]["model"] for line in lines if "start" in line]
    answers = [line["top"][0]["label"] for line in lines if "top" in line]
    if errors or len(starts) != 1 or len(answers) != 1 or not answers[0].startswith(f"{starts[0]} "):
        return None
    return starts[0]
