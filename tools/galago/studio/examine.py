# SPDX-License-Identifier: MIT
"""Looks at new photos in the background: broken, blurred, near-duplicate, and which are held out.

    examiner = Examiner(project, events)
    examiner.start()
    examiner.stop()
    known_before(project, ids)              # how many of these photos are near-duplicates of others

The marks are those of `galago dataset check`.
"""

import threading

import numpy as np

from galago import dataset
from galago.dataset.sharpness import BLURRED, sharpness
from galago.errors import GalagoError, of_file
from galago.studio.events import Events
from galago.studio.held_out import decide
from galago.studio.ingest import read_upright
from galago.studio.photo import Photo
from galago.studio.project import Project

_SETTLE = 0.3  # seconds that changes have to come to rest
_BETWEEN = 100  # photos between two tables on disk


class Examiner:
    """A thread that waits for changes of a project."""

    def __init__(self, project: Project, events: Events) -> None:
        self._project, self._events = project, events
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="examiner", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread after the photo that it is looking at."""
        self._stopping.set()
        self._project.changed.set()
        self._thread.join(10)

    def look(self) -> None:
        """Looks at all photos that nobody has looked at yet, then decides what follows for all."""
        with self._project.lock:
            new = [photo for photo in self._project.photos.values() if not photo.seen]
        for number, photo in enumerate(new, 1):
            if self._stopping.is_set():
                return
            self._look_at(photo)
            if number % _BETWEEN == 0:
                self._events.publish("examining", done=number, total=len(new))
                self._project.save()
        with self._project.lock:
            before = {photo.id: (photo.marks, photo.held_out) for photo in self._project.photos.values()}
            conclude(list(self._project.photos.values()))
            after = {photo.id: (photo.marks, photo.held_out) for photo in self._project.photos.values()}
            groups = {self._project.photos[key].group for key in after if after[key] != before.get(key)}
            if new or groups:
                self._project.save()
        for group in sorted(groups):
            self._events.publish("photos", **{"class": group})

    def _look_at(self, photo: Photo) -> None:
        try:
            rgb = read_upright(self._project.path(photo.id))
            photo.fingerprint, photo.sharpness = dataset.fingerprint(rgb).tobytes().hex(), sharpness(rgb)
        except GalagoError as error:
            if error.code != "studio.missing":  # deleted meanwhile
                photo.error = error.message

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._project.changed.wait()
            if self._stopping.wait(_SETTLE):
                return
            self._project.changed.clear()
            try:
                self.look()
            except OSError as error:  # such as a full disk: the next change tries again
                self._events.publish("problem", message=of_file(error).message)


def known_before(project: Project, ids: list[str]) -> int:
    """Returns how many of some new photos are near-duplicates of photos that came before them."""
    with project.lock:
        photos = [photo for photo in project.photos.values() if photo.fingerprint]
    prints, wanted = _prints(photos), set(ids)
    new = [place for place, photo in enumerate(photos) if photo.id in wanted]
    return sum(bool(dataset.alike(prints[place], prints[:place]).any()) for place in new)


def _prints(photos: list[Photo]) -> np.ndarray:
    """Returns the hashes of photos, uint8 [n, 16]."""
    joined = b"".join(bytes.fromhex(photo.fingerprint) for photo in photos)
    return np.frombuffer(joined, np.uint8).reshape(len(photos), 16)


def conclude(photos: list[Photo]) -> None:
    """Sets what depends on other photos too: near-duplicates, and which photos are held out."""
    seen = [photo for photo in photos if photo.fingerprint]
    first = dataset.near_duplicates(_prints(seen))
    for photo, root in zip(seen, first.tolist(), strict=True):
        photo.twin = "" if seen[root] is photo else seen[root].id
        photo.blurred = photo.sharpness < BLURRED
    decide(seen, first.tolist())
