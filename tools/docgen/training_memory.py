# SPDX-License-Identifier: MIT
"""Measures how much memory and disk `galago train` takes with many photos.

python -m docgen.training_memory ../shared/data/images --photos 5000 --epochs 2

The photos are small random crops of a hundred of those below the given folder, in five classes; every 500th
is as large as a phone's, 12 megapixels. The memory is the largest resident size that Linux counted for the
process: until the photos are read, compared and cached, and in the end.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from galago import dataset

_CLASSES = 5
_SOURCES = 100
_SIDE = 240  # pixels, of the longer side of most photos
_LARGE_EVERY, _LARGE = 500, (4000, 3000)
_MIB = 1 << 20


def main() -> None:
    """Makes the photos, trains, and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("source", type=Path)
    parser.add_argument("--photos", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="galago-") as name:
        photos, out = Path(name, "photos"), Path(name, "model")
        make_photos(arguments.source, photos, arguments.photos)
        options = ["-o", str(out), "--epochs", str(arguments.epochs), "--from-scratch"]
        command = [sys.executable, "-m", "galago", "train", str(photos), *options]
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, encoding="utf-8"
        ) as process:
            assert process.stderr
            for line in process.stderr:
                print(line, end="", file=sys.stderr)
                if " to train on, " in line:
                    cache = sum(file.stat().st_size for file in (out / ".training").iterdir())
                    peak = _high_water(process.pid)
                    print(f"photos read: {peak}, {cache / 1e6:.0f} MB on disk", flush=True)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        print(f"whole training: {usage.ru_maxrss / 1024:.0f} MiB, exit status {process.returncode}")


def make_photos(source: Path, target: Path, count: int) -> None:
    """Writes crops of the pictures below `source` as JPEGs in one sub-folder per class."""
    random, paths = np.random.default_rng(1), dataset.picture_files(source)
    chosen = paths[:: max(1, len(paths) // _SOURCES)]
    sources = [np.asarray(Image.open(path).convert("RGB")) for path in chosen]
    for number in range(_CLASSES):
        (target / f"class{number}").mkdir(parents=True)
    for number in range(count):
        photo = Image.fromarray(dataset.random_crop(sources[number % len(sources)], (0.2, 0.7), random))
        photo.thumbnail((_SIDE, _SIDE), Image.Resampling.NEAREST)
        if number % _LARGE_EVERY == 0:
            photo = photo.resize(_LARGE)
        photo.save(target / f"class{number % _CLASSES}" / f"{number:05}.jpg")


def _high_water(pid: int) -> str:
    """Returns the largest resident size of a running process so far, in words."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM"):
            return f"{int(line.split()[1]) * 1024 / _MIB:.0f} MiB"
    return "?"


if __name__ == "__main__":
    main()
