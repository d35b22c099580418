# SPDX-License-Identifier: MIT
"""Pictures for training, calibration and evaluation, as numpy arrays.

    photos = dataset.folders("photos")          # one sub-folder per class, as Keras reads it
    photos = dataset.listed("imagenet_val650")  # a labels.txt of lines `FILE NUMBER`
    for index, rgb in dataset.read(photos.paths, warn=print): ...
    kept = dataset.split(photos.labels, 0.2, seed=1)

What is wrong with a folder is in `galago.dataset.check`.
"""

from galago.dataset.duplicates import fingerprint, near_duplicates
from galago.dataset.photos import SUFFIXES, Photos, folders, found, listed, random_crop, read
from galago.dataset.split import split, split_groups

__all__ = [
    "SUFFIXES",
    "Photos",
    "fingerprint",
    "folders",
    "found",
    "listed",
    "near_duplicates",
    "random_crop",
    "read",
    "split",
    "split_groups",
]
