# SPDX-License-Identifier: MIT
"""Prints the paths of eight photos that every vision engineer knows, out of installed packages.

    galago classify $(python examples/standard_photos.py)

They come with scikit-image, scikit-learn and matplotlib: `pip install 'galago[demo]'`. None was trained on.
"""

from importlib.util import find_spec
from pathlib import Path

PHOTOS = {
    "skimage": [
        f"data/{name}"
        for name in ("chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg", "astronaut.png")
    ],
    "sklearn": ["datasets/images/flower.jpg", "datasets/images/china.jpg"],
    "matplotlib": ["mpl-data/sample_data/grace_hopper.jpg"],
}


def paths() -> list[Path]:
    """The photos' files; SystemExit names the package that is missing."""
    found = []
    for package, names in PHOTOS.items():
        # The specification is enough to find the files: importing these packages takes seconds.
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise SystemExit(f"no package {package}: pip install 'galago[demo]'")
        found += [Path(spec.origin).parent / name for name in names]
    return found


if __name__ == "__main__":
    print(*paths())
