# SPDX-License-Identifier: MIT
"""Power cuts while `galago flash` replaces a model on an RP2040, in MicroPython's own flash driver.

    python -m docgen.chip_cuts RPI_PICO.uf2 --cuts 200

An emulated chip runs one model, and one whole `galago flash` replaces it by another, once, undisturbed. A
journal keeps each erase and each programmed page. Only the flash memory outlives a power cut, and what it
holds when the power fails in the middle of a change, half of which is done, follows from the journal.

MicroPython's LittleFS, in the interpreter on this computer, mounts each of these memories and does what a
board's main.py does first, which completes an interrupted switch. Then all files must be old or all new. Of
each kind the first one is put into the emulated chip, which boots and must classify a picture.
"""

import argparse
import json
import random
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import serial

from galago import flash, models, transport
from galago.dataset import standard_photos
from galago.emulator import EmulatedBoard, flash_journal, littlefs
from galago.emulator.flash_journal import Change
from galago.emulator.rp2040 import EmulatedRp2040, identify
from galago.emulator.storage import BLOCK
from galago.errors import GalagoError
from galago.flash.install import InstallOptions, install
from galago.models import CONTRACT, ModelDirectory
from galago.pictures import resized_bmp
from galago.resources import firmware_dir

OLD, NEW = "flowers-v1-025-96", "flowers-again"  # of one network: two larger ones do not fit
CUTS = 200
LAST = 50  # of them in the last changes, among which is the switch
_SEED = 1
_PICTURE = "/pictures/cat.bmp"
_SILENCE = 3600.0  # seconds: a second of an emulated RP2040 is a minute of a busy computer
# What an upload that was cut leaves behind, and what the board itself writes.
_NOT_FLASHED = (
    *(".new", ".part"),
    *("/galago.kernels.json", "/galago.picture.json", "/galago.good.json", "/galago.seq"),
)
_SWITCH = (firmware_dir() / "galago_switch.py").read_text(encoding="utf-8") + "\nfinish()"

Files = dict[str, bytes]


@dataclass
class Outcome:
    """What a series of cuts came to."""

    cuts: int = 0
    old: int = 0
    """How often the chip then had the files that it had before."""
    new: int = 0
    """How often the new ones: the switch had been decided."""
    mixed: int = 0
    """How often neither."""
    flash: dict[str, int] = field(default_factory=dict)
    """Of the undisturbed flash: bytes sent, changes of the flash memory, sectors erased, how often at most
    one of them, bytes programmed."""
    booted: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """The serial lines of a chip that was switched on after a cut, by the model that it had to run."""


@dataclass(frozen=True)
class Recorded:
    """A `galago flash` on the emulated chip."""

    before: bytes
    """The file system before it."""
    changes: list[Change]
    sent: int
    """Bytes uploaded."""

    def files(self, number: int) -> Files:
        """What was flashed, after so many changes."""
        image = bytearray(self.before)
        for change in self.changes[:number]:
            image[change.offset : change.offset + len(change.data)] = change.data
        return _flashed(littlefs.read(bytes(image)))


def run(image: Path, cuts: int, log: Callable[[str], None] = print) -> Outcome:
    """Cut the power so many times.

    Raises GalagoError board.emulator if the image is none for the chip, board.storage if its file system does
    not mount any more.
    """
    with tempfile.TemporaryDirectory(prefix="galago-") as name:
        recorded = record(image, Path(name))
        outcome = Outcome(flash=_counts(recorded))
        log(f"recorded: {outcome.flash}")
        count = len(recorded.changes)
        states = {"old": recorded.files(0), "new": recorded.files(count)}
        for number in _drawn(count, cuts):
            memory = flash_journal.after_power_cut(recorded.before, recorded.changes, number)
            found = _finished(image, memory)
            state = next((name for name, files in states.items() if files == found), "mixed")
            setattr(outcome, state, getattr(outcome, state) + 1)
            outcome.cuts += 1
            log(f"cut in change {number} of {count}: {state}")
            model = {"old": OLD, "new": NEW}.get(state)
            if model and model not in outcome.booted:
                outcome.booted[model] = _booted(image, memory, model)
                log(f"booted: {outcome.booted[model]}")
    return outcome


def _drawn(count: int, cuts: int) -> list[int]:
    """Numbers of changes to cut: each of the last ones, and others at random."""
    last = min(LAST, cuts, count)
    others = random.Random(_SEED).sample(range(1, count - last + 1), min(cuts, count) - last)
    return sorted(others) + list(range(count - last + 1, count + 1))


def record(image: Path, folder: Path) -> Recorded:
    """Flash the new model on a chip that runs the old one. Raises GalagoError as `install` does."""
    board = identify(image)
    storage, journal = folder / "flash", folder / "journal"
    cat = next(path for path in standard_photos.paths() if path.name == "chelsea.png")
    files = flash.seed(models.find(OLD), board) | {_PICTURE: resized_bmp(cat, 96, 96)}
    before = littlefs.build(files, board.filesystem)
    storage.write_bytes(before)
    with EmulatedRp2040(image, storage, journal=journal) as chip:
        with transport.connect(chip.port):  # ends main.py, which may have written notes
            own = flash_journal.read(journal)
        sent = install(chip.port, InstallOptions(model=_renamed(folder))).uploaded
    for change in own:
        before = before[: change.offset] + change.data + before[change.offset + len(change.data) :]
    return Recorded(before, flash_journal.read(journal)[len(own) :], sent)


def _renamed(folder: Path) -> ModelDirectory:
    """The old model under the name of the new one, which makes it another model for `galago flash`."""
    old = models.find(OLD)
    contract = json.loads((old.path / CONTRACT).read_text(encoding="utf-8"))
    return models.write(folder / NEW, old.tflite.read_bytes(), contract | {"name": NEW})


def _finished(image: Path, memory: bytes) -> Files:
    """What was flashed, after MicroPython has completed the switch in a memory."""
    with tempfile.TemporaryDirectory(prefix="galago-") as name:
        storage = Path(name) / "flash"
        storage.write_bytes(memory)
        with EmulatedBoard(identify(image), storage) as board, transport.connect(board.port) as device:
            device.exec(_SWITCH)
        return _flashed(littlefs.read(storage.read_bytes()))


def _booted(image: Path, memory: bytes, model: str) -> list[dict[str, Any]]:
    """The serial lines of a chip that is switched on with this memory, until its first picture.

    Raises GalagoError board.answer if it runs another model, or classifies nothing.
    """
    lines = []
    with tempfile.TemporaryDirectory(prefix="galago-") as name:
        storage = Path(name) / "flash"
        storage.write_bytes(memory)
        with EmulatedRp2040(image, storage) as chip, serial.Serial(chip.port, timeout=_SILENCE) as port:
            while not lines or "start" in lines[-1]:
                text = port.readline()
                if not text or text.startswith(b">>>"):
                    break
                if text.startswith(b"{"):
                    lines.append(json.loads(text))
    if not lines or lines[0].get("start", {}).get("model") != model or "top" not in lines[-1]:
        raise GalagoError("board.answer", f"expected a picture classified by {model}, got {lines}")
    return lines


def _flashed(files: Files) -> Files:
    return {path: data for path, data in files.items() if not path.endswith(_NOT_FLASHED)}


def _counts(recorded: Recorded) -> dict[str, int]:
    erased = [
        sector
        for change in recorded.changes
        if len(change.data) >= BLOCK
        for sector in range(change.offset // BLOCK, (change.offset + len(change.data)) // BLOCK)
    ]
    return {
        "sent": recorded.sent,
        "changes": len(recorded.changes),
        "sectors": len(set(erased)),
        "most": max(erased.count(sector) for sector in set(erased)),
        "programmed": sum(len(change.data) for change in recorded.changes if len(change.data) < BLOCK),
    }


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("image", type=Path)
    parser.add_argument("--cuts", type=int, default=CUTS)
    options = parser.parse_args()
    print(json.dumps(asdict(run(options.image, options.cuts)), indent=1))


if __name__ == "__main__":
    main()
