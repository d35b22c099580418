# SPDX-License-Identifier: MIT
"""Measures how long the studio's quick answer takes, and how long once more photos have come.

    python -m docgen.quick_answer ../shared/data/images/flowers/train --photos 300

Prints seconds on the clock and seconds of processor time; the latter hold on a busy computer, too.
"""

import argparse
import resource
import shutil
import tempfile
import time
from pathlib import Path

from galago import dataset
from galago.studio import orders
from galago.studio.studio import Studio

_ADDED = 20  # photos that come afterwards


def main(folder: Path, photos: int) -> None:
    """Takes photos evenly from a folder with one sub-folder per class."""
    found = dataset.from_subfolders(folder)
    step = max(1, len(found) // (photos + _ADDED))
    chosen = [(path, found.names[label]) for path, label in zip(found.paths, found.labels, strict=True)][
        ::step
    ]
    chosen = sorted(chosen[: photos + _ADDED], key=lambda pair: pair[0].name)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        studio = Studio(root)
        for part in (chosen[:photos], chosen[photos:]):
            for path, name in part:
                (root / name).mkdir(exist_ok=True)
                shutil.copy(path, root / name)
            studio.project.scan()
            studio.examiner.look()
            print(f"{len(studio.project.photos)} photos in {len(studio.project.classes)} classes: ", end="")
            print(_answer(studio), flush=True)


def _answer(studio: Studio) -> str:
    """Trains, measures, and returns the seconds in words."""
    begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    job = studio.order(orders.FOR["quick"], {"kind": "quick"})
    while job.active:
        studio.jobs.look()
        time.sleep(0.05)
    seconds, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = sum(after[:2]) - sum(before[:2])
    (row,) = (row for row in studio.models.rows() if row["id"] == (job.row["result"] or {}).get("model"))
    return (
        f"{seconds:.1f} s, {spent:.1f} s of processor time, {row['accuracy']:.1%} of the test photos correct"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=300)
    arguments = parser.parse_args()
    main(arguments.folder, arguments.photos)
