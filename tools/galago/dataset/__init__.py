# SPDX-License-Identifier: MIT
"""Folders of photos for training, calibration and evaluation, as NumPy arrays.

    photos = dataset.from_subfolders("photos")            # one sub-folder per class
    photos = dataset.from_labels_file("imagenet_val650")  # a labels.txt of lines `FILE NUMBER`
    for index, rgb in dataset.read(photos.paths, warn=print): ...
    validation = dataset.split(photos.labels, 0.2, seed=1)

sharpness         finds blurred photos
check             finds what is wrong with a folder of photos
standard_photos   eight photos from installed packages
drawn             synthetic pictures
"""

from galago.dataset.duplicates import alike, fingerprint, near_duplicates
from galago.dataset.photos import (
    Photos,
    from_labels_file,
    from_subfolders,
    ignored_files,
    picture_files,
    random_crop,
    read,
)
from galago.dataset.split import split, split_alike, split_groups

__all__ = [
    "Photos",
    "alike",
    "fingerprint",
    "from_labels_file",
    "from_subfolders",
    "ignored_files",
    "near_duplicates",
    "picture_files",
    "random_crop",
    "read",
    "split",
    "split_alike",
    "split_groups",
]
