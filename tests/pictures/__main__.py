# SPDX-License-Identifier: MIT
"""Decodes photos with the machine code of boards, in instruction-set emulators, and compares with the host.

    python tests/pictures ../shared/data --photos 500 --damaged 10000 --jobs 2

Whole photos, of other qualities, sizes and samplings too, must give the host's tensor. Damaged ones must give
a tensor or a GalagoError: each buffer lies between guard pages, so that any other access ends the run. The
exit status is 1 if there was a fault.
"""

import argparse
import functools
import os
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.progress import track

sys.path.append(str(Path(__file__).resolve().parent))  # run as a program, not by pytest

from decoding import ARCHITECTURES, Decoder, damaged, encoded, photos

_decoder = functools.cache(Decoder)  # for each process of the pool


def judge(number: int, sources: list[Path] | None = None) -> str:
    """What a photo gives (Decoder.compare), or without `sources` a damaged file (Decoder.survives)."""
    decoder = _decoder(ARCHITECTURES[number % len(ARCHITECTURES)])
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        path = Path(folder) / "photo.jpg"
        path.write_bytes(encoded(sources, number) if sources else damaged(number))
        return decoder.compare(path, number) if sources else decoder.survives(path)


def main() -> int:
    """Prints what happened to how many."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="folder with photos")
    parser.add_argument("--photos", type=int, default=500)
    parser.add_argument("--damaged", type=int, default=10000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    console = Console(stderr=True)
    with ProcessPoolExecutor(options.jobs) as pool:
        for what, numbers, task in (
            ("photos", range(options.photos), functools.partial(judge, sources=photos(options.data))),
            ("damaged files", range(options.damaged), judge),
        ):
            results = pool.map(task, numbers)
            for number, result in enumerate(track(results, what, len(numbers), console=console)):
                counts[result] += 1
                if result in ("different", "fault"):
                    print(
                        f"{what}, number {number}: {result} on {ARCHITECTURES[number % len(ARCHITECTURES)]}"
                    )
    print(", ".join(f"{count:,} {what}" for what, count in sorted(counts.items())))
    return int("different" in counts or "fault" in counts)


if __name__ == "__main__":
    sys.exit(main())
