# SPDX-License-Identifier: MIT
"""Splits photos into training and validation.

validation = split_groups(photos.labels, near_duplicates(fingerprints), share=0.2, seed=1)    # bool [n]
"""

import numpy as np


def split(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Draws `share` of the photos of each class for validation; `labels` int64 [n], returns bool [n].

    The count is rounded up or down at random, because small classes would otherwise never (or always) give
    a photo.
    """
    random = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        chosen[members[: int(share * len(members) + random.random())]] = True
    return chosen


def split_groups(labels: np.ndarray, groups: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Draws about `share` of the photos of each class for validation, in whole groups; returns bool [n].

    `groups`, int64 [n], is equal for photos that belong together; a group with two classes is trained on.
    Each class keeps a group for training, and gives one for validation as soon as it has two. A class of one
    group, such as the frames of a fixed camera, gives the last photos of it: names mostly follow time.
    """
    random = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), bool)
    mixed = {int(g) for g in np.unique(groups) if len(np.unique(labels[groups == g])) > 1}
    for label in np.unique(labels):
        own = labels == label
        free = [g for g in random.permutation(np.unique(groups[own])) if int(g) not in mixed]
        # Large groups come last: a burst of one object is worth little for validation.
        free.sort(key=lambda g: int((groups == g).sum()) > max(1, own.sum() // 10))
        for_training = 0 if any(int(g) in mixed for g in groups[own]) else 1
        target = max(1, round(share * own.sum()))
        for group in free[: max(0, len(free) - for_training)]:
            members = groups == group
            if (chosen & own).sum() and (chosen & own).sum() + members.sum() > target:
                continue
            chosen |= members
            if (chosen & own).sum() >= target:
                break
        if not (chosen & own).any() and own.sum() > 1:
            chosen[np.flatnonzero(own)[-target:]] = True
    return chosen


def split_alike(labels: np.ndarray, groups: np.ndarray, validation: np.ndarray) -> list[int]:
    """Returns the classes whose validation photos are near-duplicates of training photos."""
    shared = np.isin(groups, groups[~validation]) & validation
    return sorted({int(label) for label in labels[shared]})
