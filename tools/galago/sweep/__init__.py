# SPDX-License-Identifier: MIT
"""Looks for the best models for some boards and photos: many trainings, on this computer or on a Ray cluster.

    galago sweep PHOTOS --board RPI_PICO2 --budget 2h -o DIR

space       the networks that fit, and the settings of their training
known       the networks and settings of the shipped models, which are tried first
search      in which order they are tried, and which trainings are stopped early
running     the sweep itself
cluster     Ray
worker      one trial on a worker; training is its process, photo_set its photos, orders what is sent
folder      all state of a sweep on disk
front       the Pareto front, its knee, and a recommendation in words
results     results.json; page is index.html, progress the terminal
"""

from galago.sweep.cluster import Cluster
from galago.sweep.folder import Folder, Plan, Trial
from galago.sweep.photo_set import PhotoSet
from galago.sweep.running import Sweep
from galago.sweep.search import Search
from galago.sweep.space import Space

__all__ = ["Cluster", "Folder", "PhotoSet", "Plan", "Search", "Space", "Sweep", "Trial"]
