# SPDX-License-Identifier: MIT
"""Finds near-duplicates by a perceptual hash: frames of a burst, copies of another size or quality.

    fingerprints = np.array([fingerprint(rgb) for rgb in pictures])
    groups = near_duplicates(fingerprints)      # int64 [n], equal for near-duplicates
    alike(fingerprints[0], fingerprints)        # bool [n]

The hash is the difference hash of N. Krawetz (2013) in both directions: it says of each of 8 x 8 grey fields
whether it is darker than its right neighbour, and than its lower one. Near-duplicates differ in a few of its
128 bits.
"""

import numpy as np
from PIL import Image

MAX_DIFFERENT = 7  # bits in which near-duplicates may differ; unlike photos differ in about 50
_BYTES = 16
_BLOCK = 256  # hashes that are compared with all others at once


def fingerprint(rgb: np.ndarray) -> np.ndarray:
    """Returns the hash of a picture uint8 [h, w, 3], 128 bits in uint8 [16]."""
    grey = np.asarray(Image.fromarray(rgb).convert("L").resize((9, 9), Image.Resampling.BOX), np.int16)
    across, down = grey[:8, :8] < grey[:8, 1:], grey[:8, :8] < grey[1:, :8]
    return np.packbits(np.concatenate([across.ravel(), down.ravel()]))


def alike(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns which hashes, uint8 [n, 16], are near-duplicates of one hash, uint8 [16]; bool [n]."""
    return np.unpackbits(np.bitwise_xor(others, one), axis=1).sum(axis=1) <= MAX_DIFFERENT


def near_duplicates(fingerprints: np.ndarray) -> np.ndarray:
    """Returns, for each hash of uint8 [n, 16], the position of the first near-duplicate, int64 [n].

    The product of two hashes whose bits are 1 and -1 is the number of equal bits less that of different ones.
    So one matrix product, exact in float32, compares a block of hashes with all others.
    """
    first = np.arange(len(fingerprints))
    signs = np.unpackbits(fingerprints.reshape(-1, _BYTES), axis=1).astype(np.float32) * 2 - 1
    enough = signs.shape[1] - 2 * MAX_DIFFERENT
    for start in range(0, len(signs), _BLOCK):
        close = signs[start : start + _BLOCK] @ signs[start:].T >= enough
        for one, row in enumerate(close):
            groups = first[start + one + np.flatnonzero(row[one:])]  # itself is among them
            lowest = groups.min()
            for other in np.unique(groups[groups != lowest]):
                first[first == other] = lowest
    return first
