# SPDX-License-Identifier: MIT
"""Pictures that show the same, by a perceptual hash: frames of a burst, copies of another size or quality.

    prints = [fingerprint(rgb) for rgb in pictures]
    group = near_duplicates(prints)     # int64 [n], equal for pictures that are near-duplicates

The hash is the difference hash of N. Krawetz (2013), in both directions: whether each of 8 x 8 grey fields is
darker than its right, and than its lower neighbour. 128 bits, of which near-duplicates differ in a few.
"""

from itertools import pairwise

import numpy as np
from PIL import Image

BITS = 128
NEAR = 7  # bits that near-duplicates may differ in; two unlike photos differ in some 50
_BANDS = 8  # of 16 bits: where at most 7 bits differ, one of 8 bands is equal


def fingerprint(rgb: np.ndarray) -> np.ndarray:
    """The hash of uint8 [h, w, 3], as uint8 [16]."""
    grey = np.asarray(Image.fromarray(rgb).convert("L").resize((9, 9), Image.Resampling.BOX), np.int16)
    across, down = grey[:8, :8] < grey[:8, 1:], grey[:8, :8] < grey[1:, :8]
    return np.packbits(np.concatenate([across.ravel(), down.ravel()]))


def near_duplicates(prints: np.ndarray) -> np.ndarray:
    """A number for each of uint8 [n, 16], the position of the first picture that it resembles, int64 [n].

    Only pictures that share one of eight bands are compared, which misses none and keeps large folders quick.
    """
    first = np.arange(len(prints))

    def root(i: int) -> int:
        while first[i] != i:
            i = first[i]
        return i

    if not len(prints):
        return first
    words = np.ascontiguousarray(prints).view(np.uint16)
    for band in range(_BANDS):
        order = np.argsort(words[:, band], kind="stable")
        starts = np.flatnonzero(np.diff(words[order, band], prepend=-1, append=-1))
        for start, end in pairwise(starts):
            members = order[start:end]
            for place, one in enumerate(members[:-1]):
                others = members[place + 1 :]
                different = np.unpackbits(np.bitwise_xor(prints[others], prints[one]), axis=1).sum(axis=1)
                for other in others[different <= NEAR]:
                    a, b = sorted((root(int(one)), root(int(other))))
                    first[b] = a
    return np.array([root(i) for i in range(len(first))])
