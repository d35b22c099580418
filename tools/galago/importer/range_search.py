# SPDX-License-Identifier: MIT
"""The range of a float network's input, found by trying: with the right one it recognises its own classes.

name = range_search.by_labels(data, pixels, ["cat", "cup", …], labels)      # "-1..1"
"""

import numpy as np

from galago.errors import GalagoError
from galago.importer import floats, ranges

_PHOTOS = 60  # that are tried with each range
_CLEARLY = 0.15  # of the photos, by which the best range has to be better than the next


def by_labels(data: bytes, pixels: np.ndarray, folders: list[str], names: list[str]) -> str:
    """The range of a float .tflite for which most photos, uint8 [n, h, w, c], get the class of their folder.

    Raises GalagoError model.quantization where the folders are no classes or no range is clearly the best.
    """
    number = {name.casefold(): index for index, name in enumerate(names)}
    wanted = np.array([number.get(folder.casefold(), -1) for folder in folders])
    known = np.flatnonzero(wanted >= 0)
    if not len(known) or len(set(wanted[known])) < 2:
        raise GalagoError(
            "model.quantization",
            f"the network does not show which numbers it takes for pixels: add {ranges.ADVICE}, or pass "
            "photos in folders named after its classes, with which the right one is found",
        )
    chosen = known[np.arange(min(len(known), _PHOTOS)) * len(known) // min(len(known), _PHOTOS)]
    shares = {}
    for name in ranges.CANDIDATES:
        if name == ranges.IMAGENET and pixels.shape[3] != 3:
            continue
        answers = floats.run(data, floats.prepared(pixels[chosen], ranges.named(name, pixels.shape[3])))
        best = answers.argmax(1) if answers.shape[1] > 1 else (answers[:, 0] > 0.5).astype(int)
        shares[name] = float((best == wanted[chosen]).mean())
    order = sorted(shares, key=lambda name: shares[name], reverse=True)
    if shares[order[0]] - shares[order[1]] < _CLEARLY:
        shown = ", ".join(f"{name} {shares[name]:.0%}" for name in order)
        raise GalagoError(
            "model.quantization",
            f"tried on {len(chosen)} photos, no range is clearly right ({shown}): add {ranges.ADVICE}",
        )
    return order[0]
