# SPDX-License-Identifier: MIT
"""Which photos are kept apart from training, so that a model's accuracy is that on photos it has never seen.

    decide(photos, groups)      # sets photo.held_out where it is None

A decision holds: a photo that was trained on never becomes one to measure on when others are added. Near-
duplicates, which are the frames of a burst, are on one side.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

from galago.studio.photo import Photo

SHARE = 0.2
"""Of the photos of each class."""


def decide(photos: Sequence[Photo], groups: Sequence[int]) -> None:
    """Decides about each photo that is new; `groups` has equal numbers for near-duplicates."""
    total = Counter(photo.group for photo in photos)
    held = Counter(photo.group for photo in photos if photo.held_out)
    members: dict[int, list[Photo]] = defaultdict(list)
    for photo, group in zip(photos, groups, strict=True):
        members[group].append(photo)
    for alike in members.values():
        new = [photo for photo in alike if photo.held_out is None]
        if not new:
            continue
        decided = [photo.held_out for photo in alike if photo.held_out is not None]
        share = Counter(photo.group for photo in alike)
        if decided:
            apart = all(decided)  # where both sides have some, the measured side gets no more
        else:
            apart = len(share) == 1 and all(
                held[group] + count <= SHARE * total[group] for group, count in share.items()
            )
        for photo in new:
            photo.held_out = apart
            held[photo.group] += apart
