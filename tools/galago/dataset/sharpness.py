# SPDX-License-Identifier: MIT
"""Finds photos that are out of focus or blurred by motion.

    sharpness(rgb) < BLURRED

The measure is the variance of the Laplacian (J. L. Pech-Pacheco et al., "Diatom autofocusing in brightfield
microscopy", 2000) of the picture at 256 pixels, relative to the variance of the picture itself, so that
neither resolution nor contrast matters much.
"""

import numpy as np
from PIL import Image

_SIDE = 256  # pixels; smaller pictures are measured as they are
BLURRED = 0.01
"""Below this, a photo is called blurred."""


def sharpness(rgb: np.ndarray) -> float:
    """Returns the sharpness of a picture uint8 [h, w, 3]; a surface of one colour has 1, not blurred."""
    image = Image.fromarray(rgb).convert("L")
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    grey = np.asarray(image, np.float32)
    if min(grey.shape) < 3 or grey.var() < 4:
        return 1.0
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4 * grey[1:-1, 1:-1]).var() / grey.var())
