# SPDX-License-Identifier: MIT
"""Eight photos that come with scikit-image, scikit-learn and matplotlib; no model was trained on them.

    galago classify $(python -m galago.dataset.standard_photos)
    pixels = views(96)      # uint8 [400, 96, 96, 3], for calibration where there are no other photos

The extra `demo` installs the packages.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from galago import dataset, pictures
from galago.errors import GalagoError
from galago.resources import install_command

PHOTOS = {
    "skimage": [
        f"data/{name}"
        for name in ("chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg", "astronaut.png")
    ],
    "sklearn": ["datasets/images/flower.jpg", "datasets/images/china.jpg"],
    "matplotlib": ["mpl-data/sample_data/grace_hopper.jpg"],
}
_VIEWS = 50  # of each photo: the whole, and random parts
_PART = (0.1, 0.6)  # share of the area that a part shows


def paths() -> list[Path]:
    """Returns the photos' files. Raises config.missing, which names the package that is missing."""
    found = []
    for package, names in PHOTOS.items():
        # The specification is enough to find the files; importing these packages would take seconds.
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise GalagoError(
                "config.missing", f"the standard photos are in package {package}: {install_command('demo')}"
            )
        found += [Path(spec.origin).parent / name for name in names]
    return found


def views(size: int) -> np.ndarray:
    """Returns the photos and random parts of them, the same for every call, uint8 [400, size, size, 3]."""
    result = []
    for number, (_, rgb) in enumerate(dataset.read(paths(), print)):
        random = np.random.default_rng(number)
        result.append(pictures.resize(rgb, size, size, 3, "crop"))
        parts = [dataset.random_crop(rgb, _PART, random) for _ in range(_VIEWS - 1)]
        result += [pictures.resize(part, size, size, 3, "stretch") for part in parts]
    return np.stack(result)


if __name__ == "__main__":
    try:
        print(*paths())
    except GalagoError as error:
        raise SystemExit(error.message) from None
