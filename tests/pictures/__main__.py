# SPDX-License-Identifier: MIT
"""Decodes photos with the machine code of boards, in instruction-set emulators, and compares with the host.

    python tests/pictures ../shared/data --photos 500 --damaged 10000

Whole photos, of other qualities, sizes and samplings too, must give the host's tensor. Damaged ones must give
a tensor or a GalagoError: each buffer lies between guard pages, so that any other access ends the run. The
exit status is 1 if there was a fault.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # run as a program, not by pytest

from decoding import ARCHITECTURES, Decoder, damaged, encoded, photos


def main() -> int:
    """Prints what happened to how many."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="folder with photos")
    parser.add_argument("--photos", type=int, default=500)
    parser.add_argument("--damaged", type=int, default=10000)
    options = parser.parse_args()
    sources = photos(options.data)
    decoders = [Decoder(arch) for arch in ARCHITECTURES]
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        path = Path(folder) / "photo.jpg"
        for number in range(options.photos):
            path.write_bytes(encoded(sources, number))
            equal = decoders[number % len(decoders)].equals_the_host(path, number)
            counts["equal" if equal else "different"] += 1
            if not equal:
                print(f"photo {number} differs on {ARCHITECTURES[number % len(decoders)]}")
        for number in range(options.damaged):
            path.write_bytes(damaged(number))
            counts[decoders[number % len(decoders)].survives(path)] += 1
    print(", ".join(f"{count:,} {what}" for what, count in sorted(counts.items())))
    return int("different" in counts or "fault" in counts)


if __name__ == "__main__":
    sys.exit(main())
