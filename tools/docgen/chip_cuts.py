# SPDX-License-Identifier: MIT
"""Power cuts on an emulated RP2040, in the flash driver of MicroPython's own firmware.

    python -m docgen.chip_cuts RPI_PICO.uf2 --cuts 50

The chip holds three files, and `galago flash`'s upload replaces them by three others. The power fails
during a random erase or programmed page, half of which is done. The chip boots again and does what its
main.py does first, which completes an interrupted switch; then the three files must be all old or all new.
From there it goes on to the other three, until the power fails again.

The files are small, since a chip is emulated slowly: what is at stake is the order in which they are
written.
"""

import argparse
import hashlib
import random
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from galago import transport
from galago.emulator import littlefs
from galago.emulator.rp2040 import EmulatedRp2040, Wear, identify
from galago.errors import GalagoError
from galago.flash import UploadPlan
from galago.resources import firmware_dir

_SEED = 1
_SIZES = {"/models/small/model.tflite": 1500, "/models/small/model.json": 400, "/galago.json": 100}


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
    """Of one undisturbed flash: bytes sent, changes of the flash memory, sectors erased, how often at most
    one of them, bytes programmed."""


class _Bench:
    """The chip and the two versions of its files."""

    def __init__(self, image: Path, storage: Path) -> None:
        chance = random.Random(_SEED)
        self.image, self.storage = image, storage
        self.versions = [{path: chance.randbytes(size) for path, size in _SIZES.items()} for _ in range(2)]
        storage.write_bytes(littlefs.build(self.versions[0], identify(image).filesystem))

    def session(self, power_at: int) -> tuple[int | None, Wear]:
        """Switch on, see which version is there, and flash the other one until the power fails.

        Returns the version, -1 for a mixture, or None if the power failed before it could be seen.
        """
        found = None
        chip = EmulatedRp2040(self.image, self.storage, power_at=power_at)
        try:
            with chip, transport.connect(chip.port) as device:
                device.exec((firmware_dir() / "galago_switch.py").read_text() + "\nfinish()", timeout=600)
                found = self._version({path: device.sha256(path) for path in _SIZES})
                if found >= 0:
                    UploadPlan(device, self.versions[1 - found]).run()
        except GalagoError:
            if chip.wear is None or not chip.wear.failed:
                raise
        assert chip.wear is not None
        return found, chip.wear

    def _version(self, found: dict[str, str | None]) -> int:
        for number, files in enumerate(self.versions):
            if found == {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}:
                return number
        return -1


def run(image: Path, cuts: int, log: Callable[[str], None] = print) -> Outcome:
    """Cut the power so many times.

    Raises GalagoError board.emulator if the image is none for the chip, board.storage if its file system does
    not mount any more.
    """
    chance, outcome = random.Random(_SEED), Outcome()
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        bench = _Bench(image, Path(folder) / "flash")
        before, failed = 0, False
        while outcome.cuts < cuts or failed:
            # The first flash is undisturbed and shows how many changes it takes; the last one is, too.
            last = outcome.cuts == cuts or not outcome.flash
            found, wear = bench.session(0 if last else chance.randint(1, outcome.flash["changes"]))
            if found is not None:
                if failed:
                    outcome.old += found == before
                    outcome.new += found == 1 - before
                    outcome.mixed += found == -1
                    log(f"{outcome.cuts} of {cuts} cuts: {outcome.old} old, {outcome.new} new")
                    if outcome.mixed:
                        return outcome
                before = found if wear.failed else 1 - found
            failed = wear.failed
            outcome.cuts += failed
            outcome.flash = outcome.flash or _counts(wear)
    return outcome


def _counts(wear: Wear) -> dict[str, int]:
    return {
        "sent": sum(_SIZES.values()),
        "changes": wear.changes,
        "sectors": sum(1 for count in wear.erases if count),
        "most": max(wear.erases),
        "programmed": wear.programmed,
    }


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("image", type=Path)
    parser.add_argument("--cuts", type=int, default=50)
    options = parser.parse_args()
    print(asdict(run(options.image, options.cuts)))


if __name__ == "__main__":
    main()
