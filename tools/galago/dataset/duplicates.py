# SPDX-License-Identifier: MIT
"""Finds near-duplicates by a perceptual hash: frames of a burst, copies of another size or quality.

    fingerprints = np.array([fingerprint(rgb) for rgb in pictures])
    groups = near_duplicates(fingerprints)      # int64 [n], equal for near-duplicates

The hash is the difference hash of N. Krawetz (2013) in both directions: it says of each of 8 x 8 grey fields
whether it is darker than its right neighbour, and than its lower one. Near-duplicates differ in a few of its
128 bits.
"""

from itertools import pairwise

import numpy as np
from PIL import Image

MAX_DIFFERENT = 7  # bits in which near-duplicates may differ; unlike photos differ in about 50
_BANDS = 8  # of 16 bits: where at most 7 bits differ, at least one band is equal


def fingerprint(rgb: np.ndarray) -> np.ndarray:
    """Returns the hash of a picture uint8 [h, w, 3], 128 bits in uint8 [16]."""
    grey = np.asarray(Image.fromarray(rgb).convert("L").resize((9, 9), Image.Resampling.BOX), np.int16)
    across, down = grey[:8, :8] < grey[:8, 1:], grey[:8, :8] < grey[1:, :8]
    return np.packbits(np.concatenate([across.ravel(), down.ravel()]))


def near_duplicates(fingerprints: np.ndarray) -> np.ndarray:
    """Returns, for each hash of uint8 [n, 16], the position of the first near-duplicate, int64 [n].

    Only pictures with an equal band are compared, which misses none and stays fast for large folders.
    """
    first = np.arange(len(fingerprints))
    words = np.ascontiguousarray(fingerprints).view(np.uint16).reshape(len(fingerprints), _BANDS)
    for band in range(_BANDS):
        order = np.argsort(words[:, band], kind="stable")
        starts = np.flatnonzero(np.diff(words[order, band], prepend=-1, append=-1))
        for start, end in pairwise(starts):
            members = order[start:end]
            for place, one in enumerate(members[:-1]):
                others = members[place + 1 :]
                others = others[first[others] != first[one]]  # a burst is in one group soon
                if not len(others):
                    continue
                bits = np.bitwise_xor(fingerprints[others], fingerprints[one])
                different = np.unpackbits(bits, axis=1).sum(axis=1)
                for root in np.unique(first[others[different <= MAX_DIFFERENT]]):
                    low, high = sorted((first[one], root))
                    first[first == high] = low
    return first
