# SPDX-License-Identifier: MIT
"""Which photos are kept from training, so that what is measured on them was not learned by heart.

kept = split_groups(photos.labels, near_duplicates(prints), share=0.2, seed=1)    # bool [n]
"""

import numpy as np


def split(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Which photos are for validation, bool [n]: `share` of each class, drawn with `seed`, rounded at random.

    Small classes would never (or always) give one if rounded to nearest, so the fraction is drawn too.
    """
    random = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        chosen[members[: int(share * len(members) + random.random())]] = True
    return chosen


def split_groups(labels: np.ndarray, groups: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Which photos are for validation, bool [n]: about `share` of each class, whole groups only.

    `groups` int64 [n] are equal for photos that belong together; a group with two classes is trained on. Each
    class keeps a group for training, and gives one for validation as soon as it has two.
    """
    random = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), bool)
    mixed = {int(g) for g in np.unique(groups) if len(np.unique(labels[groups == g])) > 1}
    for label in np.unique(labels):
        own = labels == label
        free = [g for g in random.permutation(np.unique(groups[own])) if int(g) not in mixed]
        # The largest group is for training: a burst of one object is worth little as a test.
        free.sort(key=lambda g: int((groups == g).sum()) > max(1, own.sum() // 10))
        for_training = 0 if any(int(g) in mixed for g in groups[own]) else 1
        wanted = max(1, round(share * own.sum()))
        for group in free[: max(0, len(free) - for_training)]:
            members = groups == group
            if (chosen & own).sum() and (chosen & own).sum() + members.sum() > wanted:
                continue
            chosen |= members
            if (chosen & own).sum() >= wanted:
                break
    return chosen
